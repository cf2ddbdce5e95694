"""The roster of a meeting. A view in the database defines it: see migrations 0002 and 0004."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Case, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import NotEnrolled
from attendance.models.meetings import Meeting
from attendance.models.people import Student
from attendance.models.records import AttendanceRecord, RecordChange
from attendance.models.statuses import ATTENDED, Status

# Of other marks, the note mostly says how they were made.
STATUSES_WITH_NOTE = (Status.EXCUSED, Status.LATE)


class RosterQuerySet(models.QuerySet["RosterEntry"]):
    def counted(self) -> Self:
        """Only students who count at this meeting: in a group, a student of several sections counts at one meeting."""
        return self.filter(counts=True)

    def joined(self) -> Self:
        return self.filter(record__joined_at__isnull=False)

    def attended(self) -> Self:
        return self.filter(record__status__in=ATTENDED)

    def find(self, *, meeting: Meeting, student: Student) -> RosterEntry:
        """The student's entry at the meeting, with the student and the record loaded.

        :raises NotEnrolled: if the student has neither a current enrolment nor a record
        """
        entry = self.select_related("student", "record").filter(meeting=meeting, student=student).first()
        if entry is None:
            raise NotEnrolled
        return entry

    def with_labels(self) -> Self:
        """With each record, its label and the reason of an excuse loaded."""
        return self.select_related("record__label", "record__excused_reason")

    def without_status(self) -> Self:
        return self.filter(record__status=None)

    def with_notes(self) -> Self:
        """With the ``note`` of each excuse and late mark: that of the change which made the mark."""
        made = RecordChange.objects.filter(
            record=OuterRef("record"),
            changed_at=OuterRef("record__marked_at"),
            to_status=OuterRef("record__status"),
        )
        note = Coalesce(Subquery(made.values("note")[:1]), Value(""))
        return self.annotate(
            note=Case(When(record__status__in=STATUSES_WITH_NOTE, then=note), default=Value(""))
        )


class RosterEntry(models.Model):
    """A student on the roster of a meeting: enrolled on its date, or with a record at it.

    ``roll_number`` comes from the record if there is one, else from the enrolment. A student enrolled in several sections
    of a group has ``counts`` set at exactly one of the group's meetings.
    """

    pk = models.CompositePrimaryKey("meeting_id", "student_id")
    meeting = models.ForeignKey(Meeting, models.DO_NOTHING, related_name="roster")
    student = models.ForeignKey(Student, models.DO_NOTHING, related_name="+")
    record = models.ForeignKey(AttendanceRecord, models.DO_NOTHING, null=True, related_name="+")
    roll_number = models.CharField(max_length=100)
    enrolled = models.BooleanField()
    counts = models.BooleanField()
    # Filled by ``with_notes``.
    note: str = ""

    objects = RosterQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "attendance_roster"
        verbose_name = _("roster entry")
        verbose_name_plural = _("roster entries")

    def __str__(self) -> str:
        return f"{self.roll_number} {self.student.name}"
