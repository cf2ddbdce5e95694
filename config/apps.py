"""The admin with Rollcall's own site, and the parts of this package that wait for the models."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_delete, post_save


class RollcallAdminConfig(AdminConfig):
    default_site = "config.admin.RollcallAdminSite"


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        # They need the models.
        from config import api_schema  # noqa: F401, PLC0415 - known by being imported
        from config.authentication import forget_token  # noqa: PLC0415

        for changed in (post_save, post_delete):
            changed.connect(forget_token, sender="authtoken.Token")
