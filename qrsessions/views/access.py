"""Who may open the teachers' pages and use their buttons, and what the pages may do beyond the site's usual policy."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from csp.constants import SELF, WASM_UNSAFE_EVAL
from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache

from attendance.api.permissions import signed_in
from attendance.models import Role, Section
from attendance.models.public_ids import names_a_group
from qrsessions.models import GroupSession, SessionOrGroup
from qrsessions.queries.access import NotAllowed, check_may_run, find_section_to_manage, find_session_or_group

View = Callable[..., HttpResponseBase]


def teacher_page(view: View) -> View:
    """A page for teachers and admins. Others get 403, or the sign-in page if they are not signed in. Never cached.

    A teacher who may only read what the page would change gets 403, too, with the reason.
    """
    return never_cache(teachers_only(view))


def teachers_only(view: View) -> View:
    """As ``teacher_page``, for a view that sets its own cache headers."""

    @login_required
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if signed_in(request).role not in (Role.TEACHER, Role.ADMIN):
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except NotAllowed as refused:
            raise PermissionDenied(refused.detail) from refused

    return checked


def teacher_action(view: View) -> View:
    """A button of a teacher's page, which acts only by POST.

    A GET, as after signing in again, is redirected to the page with the button.
    """

    @teacher_page
    @wraps(view)
    def posted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            return view(request, *args, **kwargs)
        if public_id := kwargs.get("public_id"):
            page = "group" if names_a_group(public_id) else "session"
            return redirect(f"qrsessions:{page}", public_id)
        return redirect("qrsessions:sections")

    return posted


def with_scanner(view: View) -> View:
    """Let the page run the scanner of ``templates/qrsessions/parts/scanner.html``: a worker and WebAssembly."""
    allow = csp_update({"script-src": [WASM_UNSAFE_EVAL], "worker-src": [SELF]})
    return cast(View, allow(view))


def session_or_group(request: HttpRequest, public_id: str) -> SessionOrGroup:
    """The session or group session that the page shows; 404 if the user may not see it."""
    return find_session_or_group(signed_in(request), public_id, on=timezone.localdate())


def session_or_group_to_run(request: HttpRequest, public_id: str) -> SessionOrGroup:
    """The session or group session that the page runs.

    :raises NoLongerTaught: if the user may only read it
    """
    found = session_or_group(request, public_id)
    check_may_run(found)
    return found


def section_to_manage(request: HttpRequest, section_id: int) -> Section:
    """The section that the page changes; 404 if the user may not see it.

    :raises NotAllowed: if the user may not change it
    """
    return find_section_to_manage(signed_in(request), section_id, on=timezone.localdate())


def page_of(session_or_group: SessionOrGroup) -> str:
    """The name of its page's address."""
    return f"qrsessions:{'group' if isinstance(session_or_group, GroupSession) else 'session'}"
