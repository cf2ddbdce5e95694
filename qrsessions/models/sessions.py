"""Sessions."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from attendance.models import AttendanceRecord, Meeting, MeetingState, User
from attendance.models.visibility import VisibleQuerySet
from attendance.rules import status as status_rules
from qrsessions.models.choices import JoinPolicy, SessionStatus, new_secret

if TYPE_CHECKING:
    from qrsessions.models.groups import GroupSession


class QRSessionQuerySet(VisibleQuerySet["QRSession"]):
    section_key = "meeting__section"
    meeting_key = "meeting"
    meeting_date_key = "meeting__date"

    def open(self) -> Self:
        return self.exclude(status=SessionStatus.ENDED)

    def without_marks(self) -> Self:
        """Ended sessions in which nobody was marked, nor in the group that they were run with. Not those of cancelled classes.

        An absence from the end of a session is not a mark, nor is an excuse that was entered before the class.
        """
        marks = AttendanceRecord.objects.marks()
        return self.filter(
            ~Exists(marks.filter(meeting=OuterRef("pk"))),
            ~Exists(marks.filter(meeting__group=OuterRef("meeting__group"))),
            meeting__state=MeetingState.HELD,
        )

    def with_names(self) -> Self:
        """With everything that pages and the API show of a session, in one query."""
        return self.select_related(
            "meeting__section__course", "meeting__section__term", "meeting__group__group_session", "opened_by"
        )


class QRSession(models.Model):
    """How one meeting takes attendance by phone. Its public id is the meeting's."""

    meeting = models.OneToOneField(
        Meeting, models.CASCADE, primary_key=True, related_name="session", verbose_name=_("meeting")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=SessionStatus, default=SessionStatus.CREATED
    )
    join_policy = models.CharField(
        _("join policy"), max_length=10, choices=JoinPolicy, default=JoinPolicy.STRICT
    )
    code_enabled = models.BooleanField(_("typed code"), default=True)
    names_on_screen = models.BooleanField(_("names on the screen"), default=False)
    secret = models.BinaryField(default=new_secret, editable=False)
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("opened by"))
    created_at = models.DateTimeField(_("opened"))
    locked_at = models.DateTimeField(_("locked"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)

    # Set by with_rights.
    may_run: bool
    may_correct: bool
    may_manage: bool

    objects = QRSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ["-created_at", "-meeting_id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=SessionStatus.values), name="session_status"),
            models.CheckConstraint(
                condition=Q(join_policy__in=JoinPolicy.values), name="session_join_policy"
            ),
            models.CheckConstraint(
                condition=~Q(status=SessionStatus.ACTIVE) | Q(started_at__isnull=False),
                name="session_active_was_started",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meeting.section} · {self.public_id}"

    @property
    def public_id(self) -> str:
        return self.meeting.public_id

    @property
    def ended_at(self) -> datetime.datetime | None:
        return self.meeting.ended_at

    @property
    def accepts_joins(self) -> bool:
        """Whether a student may still join: before the lock, or until the end if the policy is open."""
        if self.join_policy == JoinPolicy.OPEN:
            return self.status != SessionStatus.ENDED
        return self.status == SessionStatus.CREATED

    @property
    def run_as(self) -> QRSession | GroupSession:
        """The group session that it is part of, whose code and settings apply to it; else the session itself."""
        group = self.meeting.group
        return group.group_session if group else self

    @property
    def late_from(self) -> datetime.datetime | None:
        """The moment from which a scan is late; None before the first start, or if the section has no late rule."""
        return status_rules.late_from(self.started_at, self.meeting.section.late_after_minutes)
