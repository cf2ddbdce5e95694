"""The record of one student at one meeting, and its history of changes."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from attendance.models.labels import ExcuseReason, StatusLabel
from attendance.models.meetings import Meeting
from attendance.models.people import Student, User
from attendance.models.statuses import Status


class Method(models.TextChoices):
    """How a mark was made. ``claim``: the code was scanned before sign-in, perhaps by somebody else."""

    QR = "qr", _("QR code")
    CODE = "code", _("typed code")
    CLAIM = "claim", _("QR code before sign-in")
    MANUAL = "manual", _("by hand")
    IMPORT = "import", _("import")
    END = "end", _("end of session")


# The methods by which a phone marks its student.
SCAN_METHODS = (Method.QR, Method.CODE, Method.CLAIM)


class AttendanceRecordQuerySet(models.QuerySet["AttendanceRecord"]):
    def of_the_class(self) -> Self:
        """Those with a status that somebody got at the class, not an excuse that was entered before its session was opened."""
        before = Q(marked_at__lt=F("meeting__opened_at"), meeting__opened_at__isnull=False)
        return self.filter(~before, status__isnull=False)

    def marks(self) -> Self:
        """Likewise, without the absences from the ends of sessions."""
        return self.of_the_class().exclude(method=Method.END)


class AttendanceRecord(models.Model):
    """One student at one meeting. Written only by ``attendance.records``; never deleted once a teacher has marked it."""

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="records", verbose_name=_("meeting"))
    student = models.ForeignKey(Student, models.PROTECT, related_name="records", verbose_name=_("student"))
    roll_number = models.CharField(
        _("roll number"), max_length=100, help_text=_("As it was when the record was made.")
    )
    joined_at = models.DateTimeField(_("joined"), null=True, blank=True)
    marked_at = models.DateTimeField(_("marked"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, null=True, blank=True)  # noqa: DJ001 - null: not marked
    # The database has a foreign key over label and status: see migration 0032. Labels are never deleted, so they need no index.
    label = models.ForeignKey(
        StatusLabel,
        models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("label"),
    )
    excused_reason = models.ForeignKey(
        ExcuseReason,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("reason for the excuse"),
    )
    method = models.CharField(_("method"), max_length=10, choices=Method, null=True, blank=True)  # noqa: DJ001 - null: not marked
    marked_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("marked by")
    )
    # Of the latest scan: the hash of the phone's device cookie, and whether a program sent it with an API token.
    device = models.CharField(_("device"), max_length=64, blank=True)
    by_program = models.BooleanField(_("by a program"), default=False, db_default=False)

    objects = AttendanceRecordQuerySet.as_manager()

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
            models.CheckConstraint(
                condition=Q(label=None) | Q(status__isnull=False), name="record_label_has_status"
            ),
            models.CheckConstraint(
                condition=Q(excused_reason=None) | Q(status=Status.EXCUSED, status__isnull=False),
                name="record_reason_of_excuse",
            ),
        ]
        indexes = [
            # For the phones that marked several students on different days.
            models.Index(fields=["device", "student"], name="record_device", condition=~Q(device="")),
        ]

    def __str__(self) -> str:
        return f"{self.student} · {self.meeting}: {self.status or '–'}"


class RecordChange(models.Model):
    """A change to a record: who, when, from what, to what and why. Append-only: the database refuses an UPDATE.

    It refuses a label of another meaning, as in a record: see migration 0034.
    """

    record = models.ForeignKey(
        AttendanceRecord, models.CASCADE, related_name="changes", verbose_name=_("record")
    )
    changed_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("changed by")
    )
    changed_at = models.DateTimeField(_("changed"))
    from_status = models.CharField(_("old status"), max_length=10, choices=Status, null=True)  # noqa: DJ001 - null: not marked
    from_method = models.CharField(_("old method"), max_length=10, choices=Method, null=True)  # noqa: DJ001
    from_label = models.ForeignKey(
        StatusLabel, models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("old label")
    )
    from_reason = models.ForeignKey(
        ExcuseReason,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("old reason for the excuse"),
    )
    from_marked_at = models.DateTimeField(_("previously marked"), null=True)
    to_status = models.CharField(_("new status"), max_length=10, choices=Status, null=True)  # noqa: DJ001
    to_method = models.CharField(_("new method"), max_length=10, choices=Method, null=True)  # noqa: DJ001
    to_label = models.ForeignKey(
        StatusLabel, models.PROTECT, null=True, db_index=False, related_name="+", verbose_name=_("new label")
    )
    to_reason = models.ForeignKey(
        ExcuseReason,
        models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("new reason for the excuse"),
    )
    note = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("record change")
        verbose_name_plural = _("record changes")
        ordering = ["-changed_at", "-id"]

    def __str__(self) -> str:
        return f"{self.record}: {self.from_status or '–'} → {self.to_status or '–'}"
