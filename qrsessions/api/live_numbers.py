"""The live numbers of a session or a group, which pages and dashboards ask for again and again.

Each process knows two things for a moment: the answer, ready to be sent to all who may see it (``STATS_SHARED_SECONDS``),
and who may see it, for five times as long: whoever lost a section goes on reading its numbers, and nothing else, for
so many seconds at most, however the right was lost.
"""

from collections.abc import Callable

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer

from attendance.models import User
from attendance.stats import meeting_stats
from qrsessions.api.shared_answers import SharedAnswers
from qrsessions.models import GroupSession, QRSession
from qrsessions.serializers import group_stats_json, session_stats_json

_answers = SharedAnswers()
_readers = SharedAnswers(times_as_long=5, most_kept=10_000)


def session_numbers(public_id: str, *, user: User) -> HttpResponse:
    """The numbers of a session.

    :raises Http404: if there is no such session, or the user may not see it
    """
    _let_read(
        public_id, user, lambda: QRSession.objects.visible_to(user).filter(meeting__public_id=public_id)
    )
    return _answer(public_id, lambda: _session_stats(public_id))


def group_numbers(public_id: str, *, user: User) -> HttpResponse:
    """The numbers of a group and of each of its sections.

    :raises Http404: if there is no such group session, or the user may not see it
    """
    _let_read(
        public_id, user, lambda: GroupSession.objects.visible_to(user).filter(group__public_id=public_id)
    )
    return _answer(public_id, lambda: group_stats(public_id))


def group_stats(public_id: str) -> dict[str, object]:
    """The numbers of a group as they are now.

    :raises Http404: if it has been deleted
    """
    members = list(
        _with_numbers(QRSession.objects.filter(meeting__group__public_id=public_id)).order_by(
            "meeting__section__course__code", "meeting__section__name", "meeting_id"
        )
    )
    if not members:
        raise Http404
    stats = meeting_stats([member.meeting for member in members], at=timezone.now())
    return group_stats_json(public_id, members, stats)


def _session_stats(public_id: str) -> dict[str, object]:
    session = _with_numbers(QRSession.objects.filter(meeting__public_id=public_id)).first()
    if session is None:
        raise Http404
    return session_stats_json(session, at=timezone.now())


def _with_numbers(sessions: QuerySet[QRSession]) -> QuerySet[QRSession]:
    """With nothing but what their numbers are found by."""
    return sessions.select_related("meeting").only("status", "meeting__public_id", "meeting__ended_at")


def _let_read(public_id: str, user: User, visible: Callable[[], QuerySet]) -> None:  # type: ignore[type-arg]
    def check() -> None:
        if not visible().exists():
            raise Http404

    _readers.get(f"{public_id} {user.pk} {user.role}", check)


def _answer(public_id: str, stats: Callable[[], dict[str, object]]) -> HttpResponse:
    answer = _answers.get(public_id, lambda: JSONRenderer().render(stats()))
    return HttpResponse(answer, content_type=JSONRenderer.media_type)
