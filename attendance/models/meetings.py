"""Meetings, and groups of meetings held as one class."""

from __future__ import annotations

import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models.people import Student
from attendance.models.public_ids import GROUP_PATTERN, MEETING_PATTERN, new_group_id, new_meeting_id
from attendance.models.teaching import Section
from attendance.models.timetable import MeetingPattern
from attendance.models.visibility import VisibleQuerySet


class MeetingGroup(models.Model):
    """Meetings of several sections held as one class: one hall, one teacher."""

    public_id = models.CharField(_("id"), max_length=8, unique=True, default=new_group_id, editable=False)
    title = models.CharField(_("title"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("meeting group")
        verbose_name_plural = _("meeting groups")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(public_id__regex=GROUP_PATTERN), name="meeting_group_public_id"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.public_id


class MeetingState(models.TextChoices):
    """Where a meeting is in its life. ``held`` counts in percentages; ``discarded`` is shown only in the audit log."""

    PLANNED = "planned", _("planned")
    OPEN = "open", _("open")
    HELD = "held", _("held")
    CANCELLED = "cancelled", _("cancelled")
    DISCARDED = "discarded", _("discarded")


class MeetingQuerySet(VisibleQuerySet["Meeting"]):
    section_key = "section"
    meeting_key = "pk"
    meeting_date_key = "date"

    def open(self) -> Self:
        return self.filter(state=MeetingState.OPEN)

    def held(self) -> Self:
        return self.filter(state=MeetingState.HELD)

    def not_taken(self, at: datetime.datetime) -> Self:
        """Planned meetings that are over: nobody took attendance, and nobody cancelled them."""
        # The date first: it has an index of planned meetings.
        return self.filter(state=MeetingState.PLANNED, date__lte=timezone.localdate(at), ends_at__lt=at)

    def not_discarded(self) -> Self:
        return self.exclude(state=MeetingState.DISCARDED)

    def met(self) -> Self:
        """Those at which the section met: they have been held, or are being held now."""
        return self.filter(state__in=[MeetingState.OPEN, MeetingState.HELD])


class Meeting(models.Model):
    """One class of one section: a column of the register."""

    section = models.ForeignKey(Section, models.PROTECT, related_name="meetings", verbose_name=_("section"))
    public_id = models.CharField(_("id"), max_length=8, unique=True, default=new_meeting_id, editable=False)
    # ``open`` and ``held`` only change with the session: see ``qrsessions.services.lifecycle``.
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=MeetingState,
        default=MeetingState.OPEN,
        db_default=MeetingState.OPEN,
    )
    # As planned; the moment of opening where nothing was planned.
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    # The local date of starts_at. Stored, so that a later change of the time zone does not change who is enrolled.
    date = models.DateField(_("date"))
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # The first end; also while the session is reopened. Unset only if a planned meeting's session is discarded.
    roster_fixed_at = models.DateTimeField(_("roster fixed"), null=True, blank=True)
    # The last time that an administrator unlocked the register.
    unlocked_at = models.DateTimeField(_("register unlocked"), null=True, blank=True)
    group = models.ForeignKey(
        MeetingGroup, models.SET_NULL, null=True, blank=True, related_name="meetings", verbose_name=_("group")
    )

    room = models.CharField(_("room"), max_length=100, blank=True, db_default="")
    title = models.CharField(_("title"), max_length=200, blank=True, db_default="")
    cancel_reason = models.CharField(_("reason"), max_length=300, blank=True, db_default="")
    # Counts the changes, for calendars: they keep the version with the highest number.
    sequence = models.PositiveIntegerField(_("version"), default=0, db_default=0, editable=False)
    pattern = models.ForeignKey(
        MeetingPattern,
        models.SET_NULL,
        null=True,
        blank=True,
        # The unique index with the date serves lookups.
        db_index=False,
        related_name="meetings",
        verbose_name=_("weekly class"),
    )
    # The day that the pattern planned, also after a move.
    pattern_date = models.DateField(_("planned for"), null=True, blank=True, editable=False)
    # Changed by hand: a change of the pattern leaves it alone.
    edited = models.BooleanField(_("changed by hand"), default=False, db_default=False)
    makes_up = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        # Indexed below.
        db_index=False,
        related_name="made_up_by",
        verbose_name=_("makes up for"),
    )

    # Set by with_rights.
    may_run: bool
    may_correct: bool
    may_manage: bool

    objects = MeetingQuerySet.as_manager()

    class Meta:
        verbose_name = _("meeting")
        verbose_name_plural = _("meetings")
        ordering = ["-starts_at", "-id"]
        indexes = [
            models.Index(fields=["makes_up"], condition=Q(makes_up__isnull=False), name="meeting_makes_up"),
            # The planned ones of a day, and those whose register was not taken.
            models.Index(
                fields=["date", "section"], condition=Q(state="planned"), name="meeting_planned_on_date"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(public_id__regex=MEETING_PATTERN), name="meeting_public_id"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="meeting_starts_before_end",
                violation_error_message=_("A class cannot end before it begins."),
            ),
            models.UniqueConstraint(fields=["pattern", "pattern_date"], name="meeting_once_per_pattern_date"),
            models.CheckConstraint(condition=Q(state__in=MeetingState.values), name="meeting_state"),
            # A cancelled meeting keeps the end that it had.
            models.CheckConstraint(
                condition=Q(state=MeetingState.CANCELLED)
                | Q(state=MeetingState.HELD, ended_at__isnull=False)
                | (~Q(state=MeetingState.HELD) & Q(ended_at=None)),
                name="meeting_held_has_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state=MeetingState.HELD) | Q(roster_fixed_at__isnull=False),
                name="meeting_held_has_fixed_roster",
            ),
            models.UniqueConstraint(
                fields=["section"],
                condition=Q(state=MeetingState.OPEN),
                name="meeting_one_open_per_section",
                violation_error_message=_("This section already has an open session."),
            ),
            models.UniqueConstraint(fields=["group", "section"], name="meeting_section_once_per_group"),
        ]

    def __str__(self) -> str:
        return f"{self.section} · {self.date}"

    @property
    def is_planned(self) -> bool:
        """Whether it was planned before any session was opened at it."""
        return self.ends_at is not None

    @property
    def was_held(self) -> bool:
        """Also if it was cancelled afterwards, or is open again. The database does not delete it."""
        return self.roster_fixed_at is not None and self.state != MeetingState.DISCARDED

    @property
    def is_open(self) -> bool:
        return self.state == MeetingState.OPEN

    def is_not_taken(self, *, at: datetime.datetime) -> bool:
        """Whether it was planned and is over, and nobody took attendance or cancelled it."""
        return self.state == MeetingState.PLANNED and self.ends_at is not None and self.ends_at < at

    @property
    def locks_on(self) -> datetime.date | None:
        """The first day on which its register can no longer be changed; None if it has not ended, or registers never lock."""
        days: int = settings.REGISTER_LOCK_DAYS
        if not days or self.ended_at is None:
            return None
        since = max(self.date, timezone.localdate(self.unlocked_at)) if self.unlocked_at else self.date
        return since + datetime.timedelta(days=days + 1)

    def is_locked(self, *, on: datetime.date) -> bool:
        """Whether its register can no longer be changed on the day."""
        return self.locks_on is not None and self.locks_on <= on


class GroupSeat(models.Model):
    """The one meeting of a group at which a student of several of its sections counts.

    Written when the student joins. A student without a seat counts in the section with the lowest id.
    """

    group = models.ForeignKey(MeetingGroup, models.CASCADE, related_name="seats", verbose_name=_("group"))
    student = models.ForeignKey(Student, models.CASCADE, related_name="+", verbose_name=_("student"))
    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="+", verbose_name=_("meeting"))

    class Meta:
        verbose_name = _("group student")
        verbose_name_plural = _("group students")
        constraints = [
            models.UniqueConstraint(fields=["group", "student"], name="group_seat_one_per_student")
        ]

    def __str__(self) -> str:
        return f"{self.student} · {self.meeting}"
