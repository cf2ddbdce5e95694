"""What is open for a student now."""

import datetime
from dataclasses import dataclass

from attendance.models import Method, RosterEntry, Student
from attendance.stats import Stats, meeting_stats
from qrsessions.joining import may_join
from qrsessions.models import JoinPolicy, QRSession, SessionStatus


@dataclass(frozen=True)
class OwnSession:
    """A session of a section in which the student is enrolled, as it stands for this student."""

    session: QRSession
    entry: RosterEntry
    stats: Stats

    @property
    def joined_at(self) -> datetime.datetime | None:
        return self.entry.record.joined_at if self.entry.record else None

    @property
    def mark(self) -> str | None:
        """The status that the student has; the absence that the end recorded is none to a phone that waits."""
        record = self.entry.record
        return record.status if record and record.method != Method.END else None

    @property
    def marked_at(self) -> datetime.datetime | None:
        return self.entry.record.marked_at if self.entry.record and self.mark else None

    @property
    def can_join(self) -> bool:
        return self.joined_at is None and may_join(self.session)

    @property
    def can_scan(self) -> bool:
        """Whether a scan would mark now."""
        admitted = self.joined_at is not None or self.session.join_policy == JoinPolicy.OPEN
        return self.session.status == SessionStatus.ACTIVE and admitted and self.mark is None


def own_sessions(*, student: Student, at: datetime.datetime) -> list[OwnSession]:
    """The sessions that have not ended of all sections on whose rosters the student is."""
    entries = RosterEntry.objects.filter(
        student=student, meeting__ended_at=None, meeting__session__isnull=False
    ).select_related("record")
    by_meeting = {entry.meeting_id: entry for entry in entries}
    sessions = list(QRSession.objects.filter(meeting__in=by_meeting).with_names())
    stats = meeting_stats([session.meeting for session in sessions], at=at)
    return [OwnSession(session, by_meeting[session.pk], stats[session.pk]) for session in sessions]
