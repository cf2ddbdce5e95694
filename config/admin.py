"""Django's admin with Rollcall's name and its one sign-in."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache


class RollcallAdminSite(AdminSite):
    site_header = "Rollcall"
    site_title = "Rollcall"
    index_title = _("Administration")

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leave it to allauth: a second sign-in would be one without limits."""
        signed_in_only = secure_admin_login(super().login)
        response: HttpResponse = signed_in_only(request, extra_context=extra_context)
        return response
