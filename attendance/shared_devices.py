"""Marks of several students that came from one phone, found in the records themselves: nothing is kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import F, Max, Min, Q, Window
from django.db.models.functions import Coalesce

from attendance.models import ATTENDED, AttendanceRecord, Meeting
from attendance.natural_order import natural_key


@dataclass(frozen=True)
class Sharer:
    """Somebody who was marked from the same phone."""

    student_id: str
    roll_number: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.roll_number})"


# By the primary key of a student, the others who were marked from the same phone.
SharedDevices = Mapping[int, Sequence[Sharer]]


def shared_devices(meeting: Meeting) -> SharedDevices:
    """Who was marked as present from a phone that marked somebody else, too, at the meeting or at one of its group.

    Several students of one phone may have their reasons: this is for their teacher to ask, and for nobody else to see.
    A mark that was taken back, or that a teacher made an absence, is none.
    """
    hall = {"meeting__group": meeting.group_id} if meeting.group_id else {"meeting": meeting}
    # Not a device that is unknown: it is like no other.
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
    # Whoever has marks in several sections of a group is named as this meeting's register does.
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
    """By the primary key of a meeting, those of its students whom ``shared_devices`` names: one query for all."""
    halls = {meeting.group_id for meeting in meetings if meeting.group_id}
    marks = AttendanceRecord.objects.filter(
        Q(meeting__in=meetings) | Q(meeting__group__in=halls), status__in=ATTENDED
    ).exclude(device="")
    # A meeting without a group is a hall of its own, under a number that no group has.
    hall = Coalesce(F("meeting__group"), -F("meeting"))
    of_several = marks.annotate(
        first=Window(Min("student_id"), partition_by=[hall, F("device")]),
        last=Window(Max("student_id"), partition_by=[hall, F("device")]),
    ).exclude(first=F("last"))
    found: dict[int, set[int]] = {}
    for meeting, student in of_several.values_list("meeting_id", "student_id"):
        found.setdefault(meeting, set()).add(student)
    return found
