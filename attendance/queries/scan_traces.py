"""What is unusual about how a student's scan was made, for the teacher: by a program, without a known phone, or from a phone
that is new or marked other students. There may be a good reason for each. Read from the records; nothing else is stored.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from attendance.lib.natural_order import natural_key
from attendance.models import ATTENDED, SCAN_METHODS, Meeting, RosterEntry
from attendance.queries.shared_devices import Sharer

# Phones are handed on and borrowed: only marks this close together count.
OTHER_DAYS = 30


class Flag(models.TextChoices):
    BY_PROGRAM = "by_program", _("by a program")
    NO_DEVICE = "no_device", _("unknown phone")
    # The student was marked before, and never from this phone.
    NEW_DEVICE = "new_device", _("first time on this phone")
    # On another day, and not of this class.
    DEVICE_OF_OTHERS = "device_of_others", _("same phone as a student of another class")


@dataclass(frozen=True)
class ScanTraces:
    """:param other_days: students of this class who were marked from the same phone on another day"""

    flags: tuple[Flag, ...] = ()
    other_days: tuple[Sharer, ...] = ()


NOTHING_UNUSUAL = ScanTraces()
# For each record, by primary key; those with nothing unusual are left out.
TracesByRecord = Mapping[int, ScanTraces]

# Two ranges of the index instead of "<>", which would read every mark of the phone's owner.
_SCANS = """
SELECT scan.id, scan.by_program, scan.device = '' AS no_device,
       scan.device <> ''
       AND NOT EXISTS (SELECT FROM attendance_attendancerecord earlier
                        WHERE earlier.device = scan.device AND earlier.device <> ''
                          AND earlier.student_id = scan.student_id AND earlier.marked_at < scan.marked_at)
       AND EXISTS (SELECT FROM attendance_attendancerecord earlier
                    WHERE earlier.student_id = scan.student_id AND earlier.device <> ''
                      AND earlier.device <> scan.device AND earlier.marked_at < scan.marked_at) AS new_device,
       ARRAY(
           SELECT other.student_id FROM attendance_attendancerecord other
            WHERE other.device = scan.device AND other.device <> '' AND other.student_id < scan.student_id
              AND other.status = ANY(%(attended)s) AND other.meeting_id <> ALL(%(meetings)s)
              AND other.marked_at BETWEEN scan.marked_at - make_interval(days => %(days)s)
                  AND scan.marked_at + make_interval(days => %(days)s)
           UNION
           SELECT other.student_id FROM attendance_attendancerecord other
            WHERE other.device = scan.device AND other.device <> '' AND other.student_id > scan.student_id
              AND other.status = ANY(%(attended)s) AND other.meeting_id <> ALL(%(meetings)s)
              AND other.marked_at BETWEEN scan.marked_at - make_interval(days => %(days)s)
                  AND scan.marked_at + make_interval(days => %(days)s)
       ) AS others
  FROM attendance_attendancerecord scan
 WHERE scan.meeting_id = ANY(%(meetings)s) AND scan.method = ANY(%(methods)s)
"""


def scan_traces(meeting: Meeting) -> TracesByRecord:
    """The traces of the scans at the meeting, or in its whole group.

    Students of other classes are not named: the teacher may not see them.
    """
    keys = [meeting.pk]
    if meeting.group_id:
        keys = list(Meeting.objects.filter(group=meeting.group_id).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _SCANS,
            {
                "meetings": keys,
                "methods": list(SCAN_METHODS),
                "attended": list(ATTENDED),
                "days": OTHER_DAYS,
            },
        )
        scans = cursor.fetchall()
    names = _names(keys, {pk for *_, others in scans for pk in others})
    found = {}
    for record, by_program, no_device, new_device, others in scans:
        named = [names[pk] for pk in others if pk in names]
        flags = {
            Flag.BY_PROGRAM: by_program,
            Flag.NO_DEVICE: no_device and not by_program,
            Flag.NEW_DEVICE: new_device,
            Flag.DEVICE_OF_OTHERS: len(named) < len(others),
        }
        traces = ScanTraces(
            tuple(flag for flag, is_set in flags.items() if is_set),
            tuple(sorted(named, key=lambda sharer: natural_key(sharer.roll_number))),
        )
        if traces.flags or traces.other_days:
            found[record] = traces
    return found


def _names(meetings: Sequence[int], students: Collection[int]) -> dict[int, Sharer]:
    """Those of the students who are on the roster of one of the meetings."""
    if not students:
        return {}
    entries = RosterEntry.objects.filter(meeting__in=meetings, student__in=students)
    rows = entries.values_list("student_id", "student__student_id", "roll_number", "student__name")
    return {pk: Sharer(*named) for pk, *named in rows}
