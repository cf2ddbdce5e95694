"""Who may open the teachers' pages, and the session or group session that such a page is about."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache

from attendance.models import Role
from attendance.models.public_ids import names_a_group
from attendance.permissions import signed_in
from qrsessions.models import GroupSession, QRSession

View = Callable[..., HttpResponse]


def teacher_page(view: View) -> View:
    """For teachers and admins: others are refused, and who is not signed in is sent to do so. Never cached."""
    return never_cache(teachers_only(view))


def teachers_only(view: View) -> View:
    """As a teacher's page, where the view itself says how its answer may be cached."""

    @login_required
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
            page = "group" if names_a_group(public_id) else "session"
            return redirect(f"qrsessions:{page}", public_id)
        return redirect("qrsessions:sections")

    return posted


def find_session(request: HttpRequest, public_id: str) -> QRSession:
    """The session with all its names; 404 where the user may not see it."""
    visible = QRSession.objects.visible_to(signed_in(request)).with_names()
    return get_object_or_404(visible, meeting__public_id=public_id)


def find_group(request: HttpRequest, public_id: str) -> GroupSession:
    """The group session with its names; 404 where the user may not see it, or nothing is left of it."""
    visible = GroupSession.objects.visible_to(signed_in(request)).with_names()
    return get_object_or_404(
        visible.filter(group__meetings__isnull=False).distinct(), group__public_id=public_id
    )


def find_source(request: HttpRequest, public_id: str) -> QRSession | GroupSession:
    """Whichever of the two the id names; 404 where the user may not see it."""
    return find_group(request, public_id) if names_a_group(public_id) else find_session(request, public_id)
