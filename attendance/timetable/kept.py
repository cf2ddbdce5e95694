"""Why a meeting stays as it is when its weekly class is changed or removed."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from attendance.models import AttendanceRecord, Meeting, MeetingState


class Reason(models.TextChoices):
    CANCELLED = "cancelled", _("cancelled")
    TAKEN = "taken", _("attendance was taken or is being taken")
    RECORDS = "records", _("has entries in its register")
    MOVED = "moved", _("moved to another day")
    EDITED = "edited", _("changed by hand")


@dataclass(frozen=True)
class KeptMeeting:
    meeting: Meeting
    reason: Reason


def with_reasons(meetings: Collection[Meeting]) -> list[KeptMeeting]:
    """The meetings, each with the first reason that holds. One query."""
    records = AttendanceRecord.objects.filter(meeting__in=meetings)
    with_records = set(records.values_list("meeting", flat=True)) if meetings else set()
    return [KeptMeeting(meeting, _reason(meeting, meeting.pk in with_records)) for meeting in meetings]


def _reason(meeting: Meeting, has_records: bool) -> Reason:  # noqa: FBT001
    if meeting.state == MeetingState.CANCELLED:
        return Reason.CANCELLED
    if meeting.state != MeetingState.PLANNED:
        return Reason.TAKEN
    if has_records:
        return Reason.RECORDS
    return Reason.MOVED if meeting.pattern_date and meeting.pattern_date != meeting.date else Reason.EDITED
