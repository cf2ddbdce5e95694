"""The admin with Rollcall's own site, and the system checks of the site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core import checks
from django.db.models.signals import post_delete, post_save


class RollcallAdminConfig(AdminConfig):
    default_site = "config.admin.RollcallAdminSite"


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # They need the models.
        from attendance.models.people import people_changed  # noqa: PLC0415
        from config import api_schema  # noqa: F401, PLC0415 - registers itself
        from config.accounts import sign_in_log  # noqa: PLC0415
        from config.accounts.authentication import forget_ended_session, forget_sign_ins  # noqa: PLC0415
        from config.accounts.checks import check_mail  # noqa: PLC0415
        from config.redis.checks import check_databases  # noqa: PLC0415

        checks.register(check_databases, "redis")
        checks.register(check_mail, "security", deploy=True)
        sign_in_log.connect()
        for sender in ("attendance.User", "attendance.Student"):
            post_save.connect(forget_sign_ins, sender=sender)
        for sender in ("attendance.User", "attendance.Student", "attendance.ApiToken"):
            post_delete.connect(forget_sign_ins, sender=sender)
        post_delete.connect(forget_ended_session, sender="sessions.Session")
        people_changed.connect(forget_sign_ins)
