"""The roster of a meeting, defined once, as a view in the database (``migrations/0002_database_rules.py``)."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from attendance.models.meetings import Meeting
from attendance.models.people import Student
from attendance.models.records import ATTENDED, AttendanceRecord


class RosterQuerySet(models.QuerySet["RosterEntry"]):
    def counted(self) -> Self:
        """Those who count at this meeting. Only in a group is there anybody else."""
        return self.filter(counts=True)

    def joined(self) -> Self:
        return self.filter(record__joined_at__isnull=False)

    def attended(self) -> Self:
        return self.filter(record__status__in=ATTENDED)

    def without_status(self) -> Self:
        return self.filter(record__status=None)


class RosterEntry(models.Model):
    """One student on the roster of one meeting: enrolled on its date, or with a record at it.

    ``roll_number`` is the record's where there is one, else the enrolment's. ``counts`` is false for a student
    of several sections of a group at all of its meetings but one.
    """

    pk = models.CompositePrimaryKey("meeting_id", "student_id")
    meeting = models.ForeignKey(Meeting, models.DO_NOTHING, related_name="roster")
    student = models.ForeignKey(Student, models.DO_NOTHING, related_name="+")
    record = models.ForeignKey(AttendanceRecord, models.DO_NOTHING, null=True, related_name="+")
    roll_number = models.CharField(max_length=100)
    enrolled = models.BooleanField()
    counts = models.BooleanField()

    objects = RosterQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "attendance_roster"
        verbose_name = _("roster entry")
        verbose_name_plural = _("roster entries")

    def __str__(self) -> str:
        return f"{self.roll_number} {self.student.name}"
