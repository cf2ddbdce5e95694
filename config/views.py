"""The home page redirects everybody to the first page of their role."""

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance.models import Role, User

LANDING = {
    Role.ADMIN: "admin:index",
    Role.TEACHER: "qrsessions:sections",
    Role.STUDENT: "qrsessions:student",
}


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponseRedirect:
    user: User | AnonymousUser = request.user
    if isinstance(user, AnonymousUser):
        return redirect("account_login")
    return redirect(LANDING[user.role])


def no_email_page(request: HttpRequest) -> HttpResponse:
    """Close allauth's page of e-mail addresses: addresses come from the roster.

    Anyone who could add another person's address would receive that person's sign-in codes.
    """
    raise Http404
