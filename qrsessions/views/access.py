"""Who may open the teachers' pages, and the session that such a page is about."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache

from attendance.models import Role
from attendance.permissions import signed_in
from qrsessions.models import QRSession

View = Callable[..., HttpResponse]


def teacher_page(view: View) -> View:
    """For teachers and admins: others are refused, and who is not signed in is sent to do so."""

    @login_required
    @never_cache
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if signed_in(request).role not in (Role.TEACHER, Role.ADMIN):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return checked


def teacher_action(view: View) -> View:
    """A button of a teacher's page: it acts by POST alone.

    Who comes in another way, such as after signing in anew, is sent to the page that has the button.
    """

    @teacher_page
    @wraps(view)
    def posted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            return view(request, *args, **kwargs)
        if public_id := kwargs.get("public_id"):
            return redirect("qrsessions:session", public_id)
        return redirect("qrsessions:sections")

    return posted


def find_session(request: HttpRequest, public_id: str) -> QRSession:
    """The session with all its names; 404 where the user may not see it."""
    visible = QRSession.objects.visible_to(signed_in(request)).with_names()
    return get_object_or_404(visible, meeting__public_id=public_id)
