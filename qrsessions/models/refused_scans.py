"""Scans that were refused although the code was valid, and that a teacher may admit."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from attendance.models import Method, RosterEntry, Student
from qrsessions.models.sessions import QRSession


class RefusedScanQuerySet(models.QuerySet["RefusedScan"]):
    def with_not_enrolled_then(self) -> Self:
        """Add ``not_enrolled_then``: the student is not on the session's roster. That is so only if it is fixed."""
        roster = RosterEntry.objects.filter(meeting=OuterRef("session_id"), student=OuterRef("student_id"))
        return self.annotate(not_enrolled_then=~Exists(roster))


class RefusedScan(models.Model):
    """A valid scan by a student who had not joined, or who is not on the fixed roster of a session that was reopened.

    The teacher may admit it; it then counts from when it was made.
    """

    session = models.ForeignKey(
        QRSession, models.CASCADE, related_name="refused_scans", verbose_name=_("session")
    )
    student = models.ForeignKey(Student, models.CASCADE, related_name="+", verbose_name=_("student"))
    scanned_at = models.DateTimeField(_("scanned"))
    method = models.CharField(_("method"), max_length=10, choices=Method)
    device = models.CharField(_("device"), max_length=64, blank=True)
    by_program = models.BooleanField(_("by a program"), default=False, db_default=False)

    # Set by with_not_enrolled_then.
    not_enrolled_then: bool

    objects = RefusedScanQuerySet.as_manager()

    class Meta:
        verbose_name = _("refused scan")
        verbose_name_plural = _("refused scans")
        ordering = ["scanned_at"]
        constraints = [
            models.UniqueConstraint(fields=["session", "student"], name="refused_scan_first_per_student"),
            models.CheckConstraint(condition=Q(method__in=Method.values), name="refused_scan_method"),
        ]

    def __str__(self) -> str:
        return f"{self.student} · {self.scanned_at}"
