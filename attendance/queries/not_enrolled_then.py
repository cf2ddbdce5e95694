"""Students and meetings that do not belong together because the student was not enrolled when the roster was fixed.

Pages show these as "not enrolled then". They count nowhere, until a teacher adds the student by hand.
"""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet

from attendance.lib.natural_order import natural_key
from attendance.models import AttendanceRecord, Enrolment, Meeting, RosterEntry, Student


def students_not_enrolled_then(meetings: Iterable[Meeting]) -> list[RosterEntry]:
    """The students ever enrolled in the meetings' sections who are on none of their fixed rosters, by roll number.

    :param meetings: one meeting, or all of a group
    :returns: entries that are not in the database, with the student and the meeting loaded, and without a record
    """
    fixed = {meeting.section_id: meeting for meeting in meetings if meeting.roster_fixed_at}
    if not fixed:
        return []
    records = AttendanceRecord.objects.filter(meeting__in=fixed.values(), student=OuterRef("student"))
    enrolments = Enrolment.objects.filter(~Exists(records), section__in=fixed).select_related("student")
    latest = enrolments.order_by("section_id", "student_id", "-from_date").distinct(
        "section_id", "student_id"
    )
    entries = [
        RosterEntry(meeting=fixed[one.section_id], student=one.student, roll_number=one.roll_number)
        for one in latest
    ]
    return sorted(entries, key=lambda entry: natural_key(entry.roll_number))


def meetings_not_enrolled_then(student: Student) -> QuerySet[Meeting]:
    """The held meetings on whose date the student is enrolled now, and was not when their rosters were fixed."""
    enrolments = student.enrolments.filter(Enrolment.holds_on(OuterRef("date")), section=OuterRef("section"))
    return Meeting.objects.held().filter(
        Exists(enrolments),
        ~Exists(AttendanceRecord.objects.filter(meeting=OuterRef("pk"), student=student)),
        section__in=student.enrolments.values("section"),
    )
