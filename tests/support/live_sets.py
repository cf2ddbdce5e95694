"""The sets of a session as Redis itself holds them."""

from collections.abc import Sequence

from django.utils import timezone
from django_redis import get_redis_connection

from attendance import stats
from qrsessions.models import QRSession


def sets_of(session: QRSession) -> tuple[set[str], set[str]]:
    """The student ids that joined and the roll numbers that are present."""
    return live_set(session, "joined"), live_set(session, "attended")


def live_set(session: QRSession, name: str) -> set[str]:
    members = get_redis_connection("live").smembers(f"session:{session.public_id}:{name}")
    return {member.decode() for member in members}


def assert_sets_match_database(sessions: Sequence[QRSession]) -> None:
    """Compare the sets with the database, after one read that may repair them."""
    meetings = [session.meeting for session in sessions]
    stats.forget_verified(meetings)
    stats.live_counts(meetings, at=timezone.now())
    for session in sessions:
        counted = session.meeting.roster.counted()
        assert sets_of(session) == (
            set(counted.joined().values_list("student__student_id", flat=True)),
            set(counted.attended().values_list("roll_number", flat=True)),
        )
