"""What is open for a student now. Waiting phones ask for it every few seconds, so it takes one query."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attendance.lib import prepared_sql
from attendance.models import Method, Section, Student
from attendance.stats import Stats, meeting_stats
from qrsessions.models import JoinPolicy, QRSession, SessionStatus
from qrsessions.queries import lookup
from qrsessions.queries.groups import section_order

# The open meetings on whose rosters the student may be come first: the roster view alone would look at all meetings
# that were ever held. OFFSET 0 keeps PostgreSQL from merging the two.
_STUDENT_SESSIONS = f"""
    SELECT open.student_id, entry.counts, record.joined_at, record.marked_at, record.status, label.name,
           record.method, {lookup.COLUMNS.sql}
      {lookup.FROM}
      JOIN (SELECT e.student_id, m.id AS meeting_id
              FROM attendance_enrolment e
              JOIN attendance_meeting m ON m.section_id = e.section_id AND m.state = 'open'
             WHERE e.student_id = ANY(%(students)s)
               AND e.from_date <= m.date AND (e.to_date IS NULL OR e.to_date > m.date)
             UNION
            SELECT r.student_id, m.id
              FROM attendance_attendancerecord r
              JOIN attendance_meeting m ON m.id = r.meeting_id AND m.state = 'open'
             WHERE r.student_id = ANY(%(students)s)
           ) AS open ON open.meeting_id = meeting.id
     CROSS JOIN LATERAL (
           SELECT * FROM attendance_roster AS roster
            WHERE roster.meeting_id = open.meeting_id AND roster.student_id = open.student_id
           OFFSET 0) AS entry
      LEFT JOIN attendance_attendancerecord AS record ON record.id = entry.record_id
      LEFT JOIN attendance_statuslabel AS label ON label.id = record.label_id
"""  # noqa: S608 - constants


class Entry(NamedTuple):
    """A student's line on the roster of a session, with what the record says."""

    student_id: int
    counts: bool
    joined_at: datetime.datetime | None
    marked_at: datetime.datetime | None
    status: str | None
    label: str | None
    method: str | None


@dataclass(frozen=True)
class OwnSession:
    """An open session as one student sees it.

    Of a group, the session where the student counts. ``choices`` are the student's sections in the group, as long as the
    student may still choose one of several.
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
        """The student's status. The absence that an earlier end of the session recorded is none."""
        return self.entry.status if self.entry.method != Method.END else None

    @property
    def label(self) -> str | None:
        """The name of the mark's own label."""
        return self.entry.label if self.mark else None

    @property
    def marked_at(self) -> datetime.datetime | None:
        return self.entry.marked_at if self.mark else None

    @property
    def can_join(self) -> bool:
        return self.joined_at is None and self.session.accepts_joins

    @property
    def can_scan(self) -> bool:
        """Whether a scan would mark the student now."""
        admitted = self.joined_at is not None or self.session.join_policy == JoinPolicy.OPEN
        return self.session.status == SessionStatus.ACTIVE and admitted and self.mark is None


def own_sessions(*, student: Student, at: datetime.datetime) -> list[OwnSession]:
    """The open sessions of all sections on whose rosters the student is; of a group, one.

    What the student can do now comes first, then the newest.
    """
    return own_sessions_of([student.pk], at=at)[student.pk]


def own_sessions_of(students: Sequence[int], *, at: datetime.datetime) -> dict[int, list[OwnSession]]:
    """``own_sessions`` of many students by primary key, in as many queries as for one."""
    columns = len(Entry._fields)
    found = [
        (Entry(*row[:columns]), lookup.session_from(row[columns:]))
        for row in prepared_sql.run(_STUDENT_SESSIONS, {"students": list(students)})
    ]
    choices = _choices(found)
    counted = [(entry, session) for entry, session in found if entry.counts]
    meetings = {session.pk: session.meeting for _entry, session in counted}
    stats = meeting_stats(list(meetings.values()), at=at)
    own: dict[int, list[OwnSession]] = {student: [] for student in students}
    for entry, session in counted:
        chosen_from = choices.get((entry.student_id, session.meeting.group_id), ())
        own[entry.student_id].append(OwnSession(session, entry, stats[session.pk], chosen_from))
    for sessions in own.values():
        sessions.sort(key=lambda one: (one.session.created_at, one.session.pk), reverse=True)
        sessions.sort(key=_urgency)
    return own


def _urgency(own: OwnSession) -> int:
    """Scan, scan to be admitted, join, wait; the sessions where the student has a mark come last."""
    if own.mark:
        return 4
    if own.can_scan:
        return 0
    if own.can_join:
        return 2
    return 1 if own.joined_at is None and own.session.status == SessionStatus.ACTIVE else 3


def _choices(found: Sequence[tuple[Entry, QRSession]]) -> dict[tuple[int, int | None], list[Section]]:
    """By student and group, the sections among which the student has not chosen yet, by joining."""
    sections: dict[tuple[int, int | None], list[Section]] = defaultdict(list)
    for entry, session in found:
        if session.meeting.group_id:
            sections[entry.student_id, session.meeting.group_id].append(session.meeting.section)
    chosen = {(entry.student_id, session.meeting.group_id) for entry, session in found if entry.joined_at}
    return {
        key: sorted(some, key=section_order)
        for key, some in sections.items()
        if len(some) > 1 and key not in chosen
    }
