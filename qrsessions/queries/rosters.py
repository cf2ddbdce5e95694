"""Who is on the roster of a session, or on the rosters of a group's sessions."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from attendance.lib.natural_order import natural_key
from attendance.models import (
    ATTENDED,
    SCAN_METHODS,
    AttendanceRecord,
    Meeting,
    Method,
    RosterEntry,
    Student,
    User,
)
from attendance.models.roster import RosterQuerySet
from attendance.records import session_end
from qrsessions.models import GroupSession, SessionOrGroup, SessionStatus
from qrsessions.queries.groups import sessions_in

# The recent marks that the desk page lists when it opens.
RECENT_MARKS = 20


class BulkTarget(models.TextChoices):
    """Which students a bulk mark is for. An absence recorded at the end of the session is not a mark."""

    JOINED = "joined", gettext_lazy("joined but not marked")
    UNMARKED = "unmarked", gettext_lazy("not marked")


@dataclass(frozen=True)
class UnmarkedStudents:
    """The students without a mark: their primary keys, and all their roster entries to be marked.

    In a group that includes the entries in other sections that have no mark either, as with single marks.
    """

    chosen: frozenset[int]
    entries: Sequence[RosterEntry]


def unmarked_students(session_or_group: SessionOrGroup, target: BulkTarget) -> UnmarkedStudents:
    """The students that a bulk mark would mark."""
    entries = RosterEntry.objects.filter(meeting__in=meetings_run_together(session_or_group)).select_related(
        "student", "record"
    )
    unmarked = [
        entry for entry in entries.order_by("meeting_id", "student_id") if mark_key(entry.record) is None
    ]
    chosen = frozenset(
        entry.student_id
        for entry in unmarked
        if (
            entry.counts
            if isinstance(session_or_group, GroupSession)
            else entry.meeting_id == session_or_group.meeting_id
        )
        and (target is BulkTarget.UNMARKED or (entry.record and entry.record.joined_at))
    )
    return UnmarkedStudents(chosen, [entry for entry in unmarked if entry.student_id in chosen])


def roster_in_order(meeting: Meeting) -> list[RosterEntry]:
    """The meeting's whole roster with students, records and labels, in natural order of the roll numbers."""
    entries = meeting.roster.with_notes().with_labels().select_related("student")
    return sorted(entries, key=lambda entry: natural_key(entry.roll_number))


def find_students(session_or_group: SessionOrGroup, number: str) -> list[Student]:
    """The students with this roll number or this student id; the case of the student id does not matter."""
    matches = _rosters(session_or_group).filter(Q(roll_number=number) | Q(student__student_id__iexact=number))
    return list(Student.objects.filter(pk__in=matches.values("student_id")).order_by("student_id"))


def recent_marks(session_or_group: SessionOrGroup, *, by: User) -> list[RosterEntry]:
    """The students whom the user marked present by hand, latest first."""
    mine = _rosters(session_or_group).counted().filter(record__marked_by=by, record__status__in=ATTENDED)
    mine = mine.select_related("student", "record__label").order_by("-record__marked_at", "roll_number")
    return list(mine[:RECENT_MARKS])


def is_unmarked(session_or_group: SessionOrGroup) -> bool:
    """Whether an open session, or every session of an open group, has no mark yet."""
    sessions = sessions_in(session_or_group)
    is_open = all(session.status != SessionStatus.ENDED for session in sessions)
    return is_open and not session_end.are_marked([session.meeting for session in sessions])


def mark_key(record: AttendanceRecord | None) -> tuple[object, ...] | None:
    """Identifies a mark, to compare registers; None if there is none. An absence recorded at the end is not a mark."""
    if record is None or record.status is None or record.method == Method.END:
        return None
    # The same scan may be late in one section and on time in another.
    status = None if record.method in SCAN_METHODS else record.status
    return (
        status,
        record.label_id,
        record.excused_reason_id,
        record.method,
        record.marked_at,
        record.marked_by_id,
    )


def meetings_run_together(session_or_group: SessionOrGroup) -> models.QuerySet[Meeting]:
    """The session's meeting, or all meetings of the group that it is run with."""
    group = (
        session_or_group.group_id
        if isinstance(session_or_group, GroupSession)
        else session_or_group.meeting.group_id
    )
    return (
        Meeting.objects.filter(group=group) if group else Meeting.objects.filter(session=session_or_group.pk)
    )


def _rosters(session_or_group: SessionOrGroup) -> RosterQuerySet:
    if isinstance(session_or_group, GroupSession):
        return RosterEntry.objects.filter(meeting__group=session_or_group.group_id)
    return RosterEntry.objects.filter(meeting=session_or_group.meeting_id)
