"""Marks for a section that is added to a group whose session is running already."""

from collections.abc import Sequence

from attendance.models import SCAN_METHODS, Meeting, Method, RosterEntry, Status
from attendance.records.fixed_rosters import seat_everybody
from attendance.records.new_records import NewRecord, insert_missing


def copy_marks(*, to: Meeting, others: Sequence[Meeting]) -> None:
    """Copy the marks from the group's other meetings, for the students who are on this meeting's roster too.

    If a student has several marks, the one from the section where the student counts is copied, else the one from the
    section with the lowest id. A scan is copied as present, even if it was late in the other section: attendance in
    this section starts only now.
    """
    seat_everybody(others)
    entries = {entry.student_id: entry for entry in to.roster.select_related("student")}
    marked = RosterEntry.objects.filter(
        meeting__in=others, student__in=entries, record__status__isnull=False
    ).select_related("record")
    copies: dict[int, NewRecord] = {}
    for other in marked.order_by("student", "-counts", "meeting__section"):
        mark = other.record
        if mark and mark.status and mark.method and other.student_id not in copies:
            # Only marks by hand have a label.
            copies[other.student_id] = NewRecord(
                entries[other.student_id],
                status=Status.PRESENT if mark.method in SCAN_METHODS else Status(mark.status),
                label_id=mark.label_id,
                excused_reason_id=mark.excused_reason_id,
                method=Method(mark.method),
                marked_at=mark.marked_at,
                marked_by_id=mark.marked_by_id,
                device=mark.device,
                by_program=mark.by_program,
            )
    insert_missing(list(copies.values()))
