"""The admin as an app, with Rollcall's own site."""

from django.contrib.admin.apps import AdminConfig


class RollcallAdminConfig(AdminConfig):
    default_site = "config.admin.RollcallAdminSite"
