"""The numbers of fixed rosters that differ from those by the rule before migration 0016.

Before, the roster of an ended meeting was everybody enrolled on its date and everybody with a record. The migration has
written the seats of the groups by that rule, so comparing the two after the upgrade finds what the upgrade has changed.
Percentages of students are the same by both rules, because a class without a status never counted in them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet

from attendance.lib.parts import in_parts
from attendance.models import Meeting, MeetingGroup, Student

_BATCH_SIZE = 500
# The view of the old rule, without "CREATE … AS".
_OLD = import_module("attendance.migrations.0005_lookups_by_student").ROSTER.partition(" AS\n")[2]
_NUMBERS = """
    SELECT roster.meeting_id, count(*), count(*) FILTER (WHERE counts),
           count(*) FILTER (WHERE counts AND record.joined_at IS NOT NULL),
           count(*) FILTER (WHERE counts AND record.status IN ('present', 'late'))
      FROM {roster} AS roster
      LEFT JOIN attendance_attendancerecord record ON record.id = roster.record_id
     WHERE roster.meeting_id = ANY(%(meetings)s)
     GROUP BY roster.meeting_id
"""
_LEFT = f"SELECT meeting_id, student_id FROM ({_OLD}) AS roster WHERE meeting_id = ANY(%(meetings)s) AND record_id IS NULL"  # noqa: S608 - constants


class Numbers(NamedTuple):
    """``register`` is how many students the register lists, ``total`` how many of them count here and not elsewhere in a group."""

    register: int = 0
    total: int = 0
    joined: int = 0
    present: int = 0


@dataclass(frozen=True)
class Difference:
    """The numbers of a session or group by both rules, and the ids of the students who are no longer on the register."""

    of: Meeting | MeetingGroup
    before: Numbers
    after: Numbers
    left: Sequence[str] = ()


def roster_differences() -> Iterator[Difference]:
    """The sessions with a fixed roster whose numbers differ, then the groups."""
    fixed = Meeting.objects.filter(roster_fixed_at__isnull=False).order_by("group", "pk")
    pks = list(fixed.values_list("pk", flat=True))
    groups: set[int] = set()
    for part in in_parts(pks, _BATCH_SIZE):
        found = list(_differences(fixed.filter(pk__in=part)))
        groups |= {one.of.group_id for one in found if isinstance(one.of, Meeting) and one.of.group_id}
        yield from found
    for group in MeetingGroup.objects.filter(pk__in=groups).order_by("pk"):
        before, after = _both([meeting.pk for meeting in group.meetings.all()])
        sums = _sum(before.values()), _sum(after.values())
        if sums[0] != sums[1]:
            yield Difference(group, *sums)


def _differences(meetings: QuerySet[Meeting]) -> Iterator[Difference]:
    by_pk = {meeting.pk: meeting for meeting in meetings.select_related("section__course")}
    before, after = _both(list(by_pk))
    left = _students_who_left(list(by_pk))
    for pk, meeting in by_pk.items():
        own = before.get(pk, Numbers()), after.get(pk, Numbers())
        if own[0] != own[1]:
            yield Difference(meeting, *own, left.get(pk, ()))


def _both(meetings: Sequence[int]) -> tuple[dict[int, Numbers], dict[int, Numbers]]:
    return _numbers(f"({_OLD})", meetings), _numbers("attendance_roster", meetings)


def _sum(parts: Iterable[Numbers]) -> Numbers:
    return Numbers(*(sum(column) for column in zip(*parts, strict=True)))


def _numbers(roster: str, meetings: Sequence[int]) -> dict[int, Numbers]:
    return {
        meeting: Numbers(*numbers) for meeting, *numbers in _rows(_NUMBERS.format(roster=roster), meetings)
    }


def _students_who_left(meetings: Sequence[int]) -> dict[int, list[str]]:
    rows = _rows(_LEFT, meetings)
    ids = dict(
        Student.objects.filter(pk__in={student for _, student in rows}).values_list("pk", "student_id")
    )
    left: dict[int, list[str]] = {}
    for meeting, student in rows:
        left.setdefault(meeting, []).append(ids[student])
    return {meeting: sorted(students) for meeting, students in left.items()}


def _rows(statement: str, meetings: Sequence[int]) -> list[tuple[int, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"meetings": list(meetings)})
        return list(cursor.fetchall())
