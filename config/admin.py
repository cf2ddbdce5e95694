"""Django's admin with our name and our sign-in page."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from attendance.models import Role, User


class RollcallAdminSite(AdminSite):
    site_header = "Rollcall"
    site_title = "Rollcall"
    index_title = _("Administration")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """“View site” leads an admin to the classes: the site's first page would lead back here."""
        context = super().each_context(request)
        user = request.user
        if isinstance(user, User) and user.role is Role.ADMIN:
            context["site_url"] = reverse("qrsessions:sections")
        return context

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Use allauth's page, because the admin's own sign-in has no rate limits."""
        signed_in_only = secure_admin_login(super().login)
        response: HttpResponse = signed_in_only(request, extra_context=extra_context)
        return response
