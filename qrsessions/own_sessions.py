"""What is open for students now."""

import datetime
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils import timezone

from attendance import statements
from attendance.models import GroupSeat, Method, Section, Student
from attendance.stats import Stats, meeting_stats
from qrsessions.group_overview import section_order
from qrsessions.joining import may_join
from qrsessions.models import JoinPolicy, QRSession, SessionStatus

# The open meetings on whose rosters the students may be. The view alone would look at all that were ever held.
_OPEN = """
SELECT e.student_id, m.id AS meeting_id, m.section_id
  FROM attendance_enrolment e
  JOIN attendance_meeting m ON m.section_id = e.section_id AND m.ended_at IS NULL
 WHERE e.student_id = ANY(%(students)s) AND e.from_date <= m.date AND (e.to_date IS NULL OR e.to_date > m.date)
 UNION
SELECT r.student_id, m.id, m.section_id
  FROM attendance_attendancerecord r
  JOIN attendance_meeting m ON m.id = r.meeting_id AND m.ended_at IS NULL
 WHERE r.student_id = ANY(%(students)s)
"""
_ENTRIES = f"""
SELECT entry.student_id, entry.meeting_id, open.section_id, entry.roll_number, entry.counts,
       record.joined_at, record.marked_at, record.status, record.method
  FROM ({_OPEN}) open
  JOIN qrsessions_qrsession session ON session.meeting_id = open.meeting_id
 CROSS JOIN LATERAL (
       SELECT * FROM attendance_roster roster
        WHERE roster.meeting_id = open.meeting_id AND roster.student_id = open.student_id
       OFFSET 0) entry
  LEFT JOIN attendance_attendancerecord record ON record.id = entry.record_id
"""  # noqa: S608 - of constants
_SECTIONS = f"""
SELECT student_id, section_id FROM ({_OPEN}) open
 UNION
SELECT student_id, section_id
  FROM attendance_enrolment
 WHERE student_id = ANY(%(students)s) AND from_date <= %(today)s AND (to_date IS NULL OR to_date > %(today)s)
"""  # noqa: S608 - of constants


class Entry(NamedTuple):
    """A student's line on the roster of a session, with what the record says."""

    student_pk: int
    meeting_pk: int
    section_pk: int
    roll_number: str
    counts: bool
    joined_at: datetime.datetime | None
    marked_at: datetime.datetime | None
    status: str | None
    method: str | None


@dataclass(frozen=True)
class OwnSession:
    """A session of a section in which the student is enrolled, as it stands for this student.

    Of a group, the one where the student counts; ``choices`` are all of the student's sections in the group, as long
    as the student may still choose among several.
    """

    session: QRSession
    entry: Entry
    stats: Stats
    choices: Sequence[Section] = ()

    @property
    def joined_at(self) -> datetime.datetime | None:
        return self.entry.joined_at

    @property
    def mark(self) -> str | None:
        """The status that the student has; the absence that the end recorded is none to a phone that waits."""
        return self.entry.status if self.entry.method != Method.END else None

    @property
    def marked_at(self) -> datetime.datetime | None:
        return self.entry.marked_at if self.mark else None

    @property
    def can_join(self) -> bool:
        return self.joined_at is None and may_join(self.session)

    @property
    def can_scan(self) -> bool:
        """Whether a scan would mark now."""
        admitted = self.joined_at is not None or self.session.join_policy == JoinPolicy.OPEN
        return self.session.status == SessionStatus.ACTIVE and admitted and self.mark is None


# Gives the sessions with their names by their primary keys; it is told the section of each.
FindSessions = Callable[[Mapping[int, int]], Mapping[int, QRSession]]


def read_sessions(sections: Mapping[int, int]) -> dict[int, QRSession]:
    """The sessions as the database has them now.

    :param sections: the section of each, by the session's primary key
    """
    return {session.pk: session for session in QRSession.objects.filter(pk__in=sections).with_names()}


def own_sessions(*, student: Student, at: datetime.datetime) -> list[OwnSession]:
    """The sessions that have not ended of all sections on whose rosters the student is; of a group, one."""
    return own_sessions_of(students=[student.pk], at=at)[student.pk]


def own_sessions_of(
    *, students: Collection[int], at: datetime.datetime, find_sessions: FindSessions = read_sessions
) -> dict[int, list[OwnSession]]:
    """The same of many students, by their primary keys, in as many queries as for one."""
    entries = [Entry(*row) for row in statements.run(_ENTRIES, {"students": list(students)})]
    sessions = find_sessions({entry.meeting_pk: entry.section_pk for entry in entries}) if entries else {}
    # A session that was deleted meanwhile is none.
    entries = [entry for entry in entries if entry.meeting_pk in sessions]
    choices = _choices(entries, sessions)
    counted = [entry for entry in entries if entry.counts]
    meetings = {entry.meeting_pk: sessions[entry.meeting_pk].meeting for entry in counted}
    stats = meeting_stats(list(meetings.values()), at=at)
    own: dict[int, list[OwnSession]] = {student: [] for student in students}
    for entry in counted:
        session = sessions[entry.meeting_pk]
        chosen_from = choices.get((entry.student_pk, session.meeting.group_id or 0), ())
        own[entry.student_pk].append(OwnSession(session, entry, stats[entry.meeting_pk], chosen_from))
    for listed in own.values():
        # The newest first, as sessions are ordered everywhere.
        listed.sort(key=lambda one: (one.session.created_at, one.session.pk), reverse=True)
    return own


def sections_of(*, students: Collection[int], at: datetime.datetime) -> dict[int, list[int]]:
    """By student, the sections in which something is open now or may be opened today."""
    found: dict[int, list[int]] = {student: [] for student in students}
    values = {"students": list(students), "today": timezone.localdate(at)}
    for student, section in statements.run(_SECTIONS, values):
        found[student].append(section)
    return found


def _choices(
    entries: Sequence[Entry], sessions: Mapping[int, QRSession]
) -> dict[tuple[int, int], list[Section]]:
    """By student and group, the sections among which the student has not chosen yet."""
    found: dict[tuple[int, int], list[Section]] = defaultdict(list)
    for entry in entries:
        meeting = sessions[entry.meeting_pk].meeting
        if meeting.group_id:
            found[entry.student_pk, meeting.group_id].append(meeting.section)
    several = {key: sections for key, sections in found.items() if len(sections) > 1}
    if several:
        students, groups = zip(*several, strict=True)
        seats = GroupSeat.objects.filter(student__in=students, group__in=groups)
        for seat in seats.values_list("student_id", "group_id"):
            several.pop(seat, None)
    return {key: sorted(sections, key=section_order) for key, sections in several.items()}
