"""What is known of one student at one meeting, and how that came to change."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attendance.models.meetings import Meeting
from attendance.models.people import Student, User


class Status(models.TextChoices):
    PRESENT = "present", _("present")
    LATE = "late", _("late")
    EXCUSED = "excused", _("excused")
    ABSENT = "absent", _("absent")


# Who counts as present: late is present too.
ATTENDED = (Status.PRESENT, Status.LATE)


class Method(models.TextChoices):
    """How a mark was made. ``claim``: the code was scanned before sign-in, so another may have scanned it."""

    QR = "qr", _("QR code")
    CODE = "code", _("typed code")
    CLAIM = "claim", _("QR code before sign-in")
    MANUAL = "manual", _("by hand")
    IMPORT = "import", _("import")
    END = "end", _("end of session")


class AttendanceRecord(models.Model):
    """One student at one meeting. Written by ``marking``, ``crowds`` and ``hand_marks`` alone, never deleted once it had a status by hand."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="records", verbose_name=_("meeting"))
    student = models.ForeignKey(Student, models.PROTECT, related_name="records", verbose_name=_("student"))
    roll_number = models.CharField(_("roll number"), max_length=100, help_text=_("As it was at the time."))
    joined_at = models.DateTimeField(_("joined"), null=True, blank=True)
    marked_at = models.DateTimeField(_("marked"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, null=True, blank=True)  # noqa: DJ001 - null: not marked
    method = models.CharField(_("method"), max_length=10, choices=Method, null=True, blank=True)  # noqa: DJ001 - null: not marked
    marked_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("marked by")
    )
    device = models.CharField(_("device"), max_length=64, blank=True)
    claim_nonce = models.CharField(max_length=32, null=True, blank=True, unique=True, editable=False)

    class Meta:
        verbose_name = _("attendance record")
        verbose_name_plural = _("attendance records")
        constraints = [
            models.UniqueConstraint(fields=["meeting", "student"], name="record_one_per_student"),
            models.CheckConstraint(condition=~Q(roll_number=""), name="record_roll_number_not_empty"),
            models.UniqueConstraint(fields=["meeting", "roll_number"], name="record_one_per_roll_number"),
            models.CheckConstraint(
                condition=Q(status=None) | Q(status__in=Status.values), name="record_status"
            ),
            models.CheckConstraint(
                condition=Q(method=None) | Q(method__in=Method.values), name="record_method"
            ),
            models.CheckConstraint(
                condition=Q(status=None, marked_at=None, method=None, marked_by=None)
                | Q(status__isnull=False, marked_at__isnull=False, method__isnull=False),
                name="record_marked_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.student} · {self.meeting}: {self.status or '–'}"


class RecordChange(models.Model):
    """Who changed what of a record, from what to what, when and why. Append-only: the database refuses an UPDATE."""

    record = models.ForeignKey(
        AttendanceRecord, models.CASCADE, related_name="changes", verbose_name=_("record")
    )
    changed_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("changed by")
    )
    changed_at = models.DateTimeField(_("changed"))
    from_status = models.CharField(_("from"), max_length=10, choices=Status, null=True)  # noqa: DJ001 - null: not marked
    from_method = models.CharField(_("from method"), max_length=10, choices=Method, null=True)  # noqa: DJ001
    from_marked_at = models.DateTimeField(_("marked before"), null=True)
    to_status = models.CharField(_("to"), max_length=10, choices=Status, null=True)  # noqa: DJ001
    to_method = models.CharField(_("to method"), max_length=10, choices=Method, null=True)  # noqa: DJ001
    note = models.CharField(_("why"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("change of a record")
        verbose_name_plural = _("changes of records")
        ordering = ["-changed_at", "-id"]

    def __str__(self) -> str:
        return f"{self.record}: {self.from_status or '–'} → {self.to_status or '–'}"
