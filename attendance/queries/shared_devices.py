"""Finds several students who were marked from one phone. Read from the records; nothing else is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import F, Max, Min, Q, Window
from django.db.models.functions import Coalesce

from attendance.lib.natural_order import natural_key
from attendance.models import ATTENDED, AttendanceRecord, Meeting


@dataclass(frozen=True)
class Sharer:
    """Another student who was marked from the same phone."""

    student_id: str
    roll_number: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.roll_number})"


# For each student, by primary key: the others who were marked from the same phone.
SharedDevices = Mapping[int, Sequence[Sharer]]


def shared_devices(meeting: Meeting) -> SharedDevices:
    """Students marked present from a phone that also marked another student, at this meeting or in its group.

    There may be a good reason, so only their teacher sees this. Marks that were removed or changed to an absence do not
    count.
    """
    hall = {"meeting__group": meeting.group_id} if meeting.group_id else {"meeting": meeting}
    # An unknown device matches no other.
    marks = AttendanceRecord.objects.filter(**hall, status__in=ATTENDED).exclude(device="")
    of_several = (
        marks.annotate(
            first=Window(Min("student_id"), partition_by=F("device")),
            last=Window(Max("student_id"), partition_by=F("device")),
        )
        .exclude(first=F("last"))
        .values_list(
            "device", "meeting_id", "student_id", "student__student_id", "roll_number", "student__name"
        )
    )
    # A student with marks in several sections of a group gets the roll number from this meeting.
    in_order = sorted(of_several, key=lambda row: (row[0], row[1] != meeting.pk, row[1], natural_key(row[4])))
    sharers: dict[int, list[Sharer]] = {}
    for _device, rows in groupby(in_order, key=lambda row: row[0]):
        on_phone: dict[int, Sharer] = {}
        for _, _, student_pk, *named in rows:
            on_phone.setdefault(student_pk, Sharer(*named))
        for student_pk in on_phone:
            others = [sharer for pk, sharer in on_phone.items() if pk != student_pk]
            known = sharers.setdefault(student_pk, [])
            known.extend(other for other in others if other not in known)
    return sharers


def sharers_by_meeting(meetings: Sequence[Meeting]) -> dict[int, set[int]]:
    """The students that ``shared_devices`` finds, for many meetings in one query: primary keys by meeting."""
    halls = {meeting.group_id for meeting in meetings if meeting.group_id}
    marks = AttendanceRecord.objects.filter(
        Q(meeting__in=meetings) | Q(meeting__group__in=halls), status__in=ATTENDED
    ).exclude(device="")
    # A meeting without a group is its own hall; a negative number cannot clash with a group.
    hall = Coalesce(F("meeting__group"), -F("meeting"))
    of_several = marks.annotate(
        first=Window(Min("student_id"), partition_by=[hall, F("device")]),
        last=Window(Max("student_id"), partition_by=[hall, F("device")]),
    ).exclude(first=F("last"))
    found: dict[int, set[int]] = {}
    for meeting, student in of_several.values_list("meeting_id", "student_id"):
        found.setdefault(meeting, set()).add(student)
    return found
