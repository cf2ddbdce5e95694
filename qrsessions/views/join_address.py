"""The URL in the QR code that the screen shows while students can join.

It leads, after sign-in, to the student's home page, where a script or a button joins. Opening the URL itself changes
nothing.
"""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in, student_of
from attendance.models import Student
from attendance.models.public_ids import names_a_group
from qrsessions.models import QRSession, QRSessionQuerySet, SessionStatus
from qrsessions.queries.student_places import not_enrolled
from qrsessions.queries.student_sessions import own_sessions
from qrsessions.views.responses import SeeOther, not_a_student_page, to_student_home


@require_safe
@never_cache
@login_required
def join_address(request: HttpRequest, public_id: str) -> HttpResponse:
    """Redirect to the student's home page, with the session to join or the reason why that is not possible."""
    student = student_of(signed_in(request))
    if student is None:
        return not_a_student_page(request, status=403)
    if session := _own_session_id(public_id, student):
        return SeeOther(f"{reverse('qrsessions:student')}?{urlencode({'join': session})}")
    messages.error(request, _why_not(public_id))
    return to_student_home()


def _own_session_id(public_id: str, student: Student) -> str | None:
    """The id of the student's own session, which may be another one of the same group; None if none is open."""
    wanted = _sessions(public_id)
    meetings = set(wanted.values_list("pk", flat=True))
    groups = set(wanted.exclude(meeting__group=None).values_list("meeting__group", flat=True))
    for own in own_sessions(student=student, at=timezone.now()):
        if own.session.pk in meetings or own.session.meeting.group_id in groups:
            return own.session.public_id
    return None


def _why_not(public_id: str) -> str:
    session = _sessions(public_id).with_names().first()
    if session is None:
        return _("This code does not belong to any class. Scan the one on the screen now.")
    if session.status == SessionStatus.ENDED:
        return _("This class has ended. You can no longer join it.")
    return str(not_enrolled(session.run_as).detail)


def _sessions(public_id: str) -> QRSessionQuerySet:
    by = "meeting__group__public_id" if names_a_group(public_id) else "meeting__public_id"
    return QRSession.objects.filter(**{by: public_id})
