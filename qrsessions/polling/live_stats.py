"""The live numbers of a session or group session, which dashboards and screens ask for every second.

Requests that arrive while the numbers are being read share the next reading (``attendance.lib.single_flight``), so no
answer is older than its request.
"""

from collections.abc import Callable
from typing import Any, TypedDict

from django.db.models import F, QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from django_stubs_ext import WithAnnotations
from rest_framework.renderers import JSONRenderer

from attendance.lib.single_flight import SingleFlight
from attendance.models import Meeting, User
from attendance.models.visibility import VisibleQuerySet
from attendance.stats import meeting_stats
from qrsessions.models import GroupSession, QRSession
from qrsessions.serializers.sessions import counts_of_session_json, group_stats_json


class _Status(TypedDict):
    session_status: str


_numbers: SingleFlight[bytes] = SingleFlight()
# Of each user, who may have several screens and dashboards open.
_answers: SingleFlight[bytes] = SingleFlight()


def session_numbers(public_id: str, *, user: User) -> HttpResponse:
    """The numbers of a session.

    :raises Http404: if there is no such session, or the user may not see it
    """
    sessions = QRSession.objects.filter(meeting__public_id=public_id)
    return _numbers_of(public_id, sessions, read=lambda: _session_stats(public_id), user=user)


def group_numbers(public_id: str, *, user: User) -> HttpResponse:
    """The numbers of a group session and of each of its sections.

    :raises Http404: if there is no such group session, or the user may not see it
    """
    groups = GroupSession.objects.filter(group__public_id=public_id)
    return _numbers_of(public_id, groups, read=lambda: group_stats(public_id), user=user)


def _numbers_of(
    public_id: str, found: VisibleQuerySet[Any], *, read: Callable[[], dict[str, object]], user: User
) -> HttpResponse:
    def visible_numbers() -> bytes:
        if not found.visible_to(user, on=timezone.localdate()).exists():
            raise Http404
        return _numbers.get(public_id, lambda: JSONRenderer().render(read()))

    content = _answers.get((public_id, user.pk, user.role), visible_numbers)
    return HttpResponse(content, content_type=JSONRenderer.media_type)


def group_stats(public_id: str) -> dict[str, object]:
    """The numbers of a group session as they are now.

    :raises Http404: if it has been deleted
    """
    meetings = list(
        _with_status(Meeting.objects.filter(group__public_id=public_id)).order_by(
            "section__course__code", "section__name", "pk"
        )
    )
    if not meetings:
        raise Http404
    stats = meeting_stats(meetings, at=timezone.now())
    # All sessions of a group have the same status.
    return group_stats_json(public_id, meetings[0].session_status, meetings, stats)


def _session_stats(public_id: str) -> dict[str, object]:
    meeting = _with_status(Meeting.objects.filter(public_id=public_id)).first()
    if meeting is None:
        raise Http404
    stats = meeting_stats([meeting], at=timezone.now())
    return counts_of_session_json(public_id, meeting.session_status, stats[meeting.pk])


def _with_status(meetings: QuerySet[Meeting]) -> "QuerySet[WithAnnotations[Meeting, _Status]]":
    """Meetings with a session, with only the columns that the numbers need and the session's status."""
    found = meetings.filter(session__isnull=False).only("public_id", "state", "opened_at", "ended_at")
    return found.annotate(session_status=F("session__status"))
