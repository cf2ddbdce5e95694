"""The admin with Rollcall's own site, and the parts of this package that wait for the models."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_delete, post_save


class RollcallAdminConfig(AdminConfig):
    default_site = "config.admin.RollcallAdminSite"


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # It needs the models.
        from config.authentication import forget_token  # noqa: PLC0415

        for changed in (post_save, post_delete):
            changed.connect(forget_token, sender="authtoken.Token")
