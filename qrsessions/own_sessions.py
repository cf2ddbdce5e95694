"""What is open for a student now."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from attendance.models import GroupSeat, Method, RosterEntry, Section, Student
from attendance.stats import Stats, meeting_stats
from qrsessions.group_overview import section_order
from qrsessions.joining import may_join
from qrsessions.models import JoinPolicy, QRSession, SessionStatus


@dataclass(frozen=True)
class OwnSession:
    """A session of a section in which the student is enrolled, as it stands for this student.

    Of a group, the one where the student counts; ``choices`` are all of the student's sections in the group, as long
    as the student may still choose among several.
    """

    session: QRSession
    entry: RosterEntry
    stats: Stats
    choices: Sequence[Section] = ()

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
    """The sessions that have not ended of all sections on whose rosters the student is; of a group, one."""
    entries = RosterEntry.objects.filter(
        student=student, meeting__ended_at=None, meeting__session__isnull=False
    ).select_related("record")
    by_meeting = {entry.meeting_id: entry for entry in entries}
    sessions = list(QRSession.objects.filter(pk__in=by_meeting).with_names())
    choices = _choices(sessions, student)
    counted = [session for session in sessions if by_meeting[session.pk].counts]
    stats = meeting_stats([session.meeting for session in counted], at=at)
    return [
        OwnSession(
            session,
            by_meeting[session.pk],
            stats[session.pk],
            choices.get(session.meeting.group_id or 0, ()),
        )
        for session in counted
    ]


def _choices(sessions: Sequence[QRSession], student: Student) -> dict[int, list[Section]]:
    """By group, the sections among which the student has not chosen yet."""
    by_group: dict[int, list[Section]] = {}
    for session in sessions:
        if session.meeting.group_id:
            by_group.setdefault(session.meeting.group_id, []).append(session.meeting.section)
    several = {group: sections for group, sections in by_group.items() if len(sections) > 1}
    if several:
        seats = GroupSeat.objects.filter(student=student, group__in=several).values_list(
            "group_id", flat=True
        )
        for group in seats:
            del several[group]
    return {group: sorted(sections, key=section_order) for group, sections in several.items()}
