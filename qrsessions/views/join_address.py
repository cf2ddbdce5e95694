"""The address in the QR code that is on the screen while a class can be joined.

It leads through the sign-in to the student's page, whose script joins; without a script its button does. Opening the
address itself changes nothing.
"""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attendance.known_users import student_of
from attendance.models import Student
from attendance.models.public_ids import names_a_group
from attendance.permissions import signed_in
from attendance.refusals import NotEnrolled
from qrsessions.models import QRSession
from qrsessions.own_sessions import own_sessions
from qrsessions.views.answers import SeeOther, for_students_only, own_page


@require_safe
@never_cache
@login_required
def join_address(request: HttpRequest, public_id: str) -> HttpResponse:
    """On to the student's page, with the session that is to be joined, or with the reason why it can't be."""
    student = student_of(signed_in(request))
    if student is None:
        return for_students_only(request, status=403)
    if session := _own_session_id(public_id, student):
        return SeeOther(f"{reverse('qrsessions:student')}?{urlencode({'join': session})}")
    messages.error(request, _why_not(public_id))
    return own_page()


def _own_session_id(public_id: str, student: Student) -> str | None:
    """The student's own session, which may be another one of the same group; None where none is open."""
    wanted = _sessions(public_id)
    meetings = set(wanted.values_list("pk", flat=True))
    groups = set(wanted.exclude(meeting__group=None).values_list("meeting__group", flat=True))
    for own in own_sessions(student=student, at=timezone.now()):
        if own.session.pk in meetings or own.session.meeting.group_id in groups:
            return own.session.public_id
    return None


def _why_not(public_id: str) -> str:
    session = _sessions(public_id).select_related("meeting").first()
    if session is None:
        return _("There is no class behind this code. Scan the one that is on the screen now.")
    if session.meeting.ended_at:
        return _("This class has ended; it can't be joined any more.")
    return str(NotEnrolled.detail)


def _sessions(public_id: str) -> QuerySet[QRSession]:
    by = "meeting__group__public_id" if names_a_group(public_id) else "meeting__public_id"
    return QRSession.objects.filter(**{by: public_id})
