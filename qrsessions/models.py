"""How a meeting takes attendance by phone."""

from __future__ import annotations

import datetime
import secrets
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attendance.models import Meeting, MeetingGroup, Method, Role, Student, User

SECRET_BYTES = 32


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


class SessionStatus(models.TextChoices):
    CREATED = "created", _("joining is open")
    LOCKED = "locked", _("joining is locked")
    ACTIVE = "active", _("taking attendance")
    ENDED = "ended", _("ended")


class JoinPolicy(models.TextChoices):
    STRICT = "strict", _("only those who joined before the lock")
    OPEN = "open", _("a scan joins and marks at once")


class GroupSessionQuerySet(models.QuerySet["GroupSession"]):
    def visible_to(self, user: User) -> Self:
        """The group sessions that the user may see and run: those of whose sections every one is taught by the user, or all for an admin."""
        if user.role is Role.ADMIN:
            return self
        if user.role is Role.TEACHER:
            not_taught = Meeting.objects.exclude(section__teachers=user).filter(group=models.OuterRef("pk"))
            return self.exclude(models.Exists(not_taught))
        return self.none()

    def with_names(self) -> Self:
        return self.select_related("group", "opened_by")


class GroupSession(models.Model):
    """Several sessions run as one: one teacher, one QR code, one set of buttons. Its state is its sessions'."""

    group = models.OneToOneField(
        MeetingGroup, models.CASCADE, primary_key=True, related_name="group_session", verbose_name=_("group")
    )
    join_policy = models.CharField(
        _("join policy"), max_length=10, choices=JoinPolicy, default=JoinPolicy.STRICT
    )
    code_enabled = models.BooleanField(_("typed code"), default=True)
    names_on_screen = models.BooleanField(_("names on the screen"), default=False)
    secret = models.BinaryField(default=new_secret, editable=False)
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("opened by"))
    created_at = models.DateTimeField(_("opened"))

    objects = GroupSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("group session")
        verbose_name_plural = _("group sessions")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(join_policy__in=JoinPolicy.values), name="group_session_join_policy"
            ),
        ]

    def __str__(self) -> str:
        return str(self.group)

    @property
    def public_id(self) -> str:
        return self.group.public_id


class QRSessionQuerySet(models.QuerySet["QRSession"]):
    def open(self) -> Self:
        return self.exclude(status=SessionStatus.ENDED)

    def visible_to(self, user: User) -> Self:
        """The sessions that the user may see and run: those of the sections taught, or all for an admin."""
        if user.role is Role.ADMIN:
            return self
        if user.role is Role.TEACHER:
            return self.filter(meeting__section__teachers=user)
        return self.none()

    def with_names(self) -> Self:
        """All that a page or an answer says of a session, in the same query."""
        return self.select_related("meeting__section__course", "meeting__group__group_session", "opened_by")


class QRSession(models.Model):
    """The session of one meeting; its id is the meeting's public id."""

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
    def switches(self) -> QRSession | GroupSession:
        """What its switches are read from: the group session that it is run with, or itself."""
        group = self.meeting.group
        return group.group_session if group else self

    @property
    def late_from(self) -> datetime.datetime | None:
        """The moment from which on a scan is late; None before the first start, and where the section has no such rule."""
        minutes = self.meeting.section.late_after_minutes
        if self.started_at is None or minutes is None:
            return None
        return self.started_at + datetime.timedelta(minutes=minutes)


class RefusedScan(models.Model):
    """A good scan of a student who had not joined: kept for the teacher, who may admit it with its moment."""

    session = models.ForeignKey(
        QRSession, models.CASCADE, related_name="refused_scans", verbose_name=_("session")
    )
    student = models.ForeignKey(Student, models.CASCADE, related_name="+", verbose_name=_("student"))
    scanned_at = models.DateTimeField(_("scanned"))
    method = models.CharField(_("method"), max_length=10, choices=Method)
    device = models.CharField(_("device"), max_length=64, blank=True)

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


class Action(models.TextChoices):
    """What was done to a session. The steps of its life have the names of ``lifecycle.STEPS``."""

    OPEN = "open", _("opened")
    LOCK = "lock", _("joining locked")
    UNLOCK = "unlock", _("joining opened again")
    START = "start", _("attendance started")
    END = "end", _("ended")
    REOPEN = "reopen", _("reopened")
    JOIN_GROUP = "join_group", _("added to a group")
    LEAVE_GROUP = "leave_group", _("taken out of its group")
    ADMIT = "admit", _("scans admitted")
    BULK = "bulk", _("several marked at once")
    SETTINGS = "settings", _("settings changed")


class SessionEvent(models.Model):
    """Who did what to a session, and when. Append-only: the database refuses an UPDATE.

    ``done_by`` is empty where the session did it by itself.
    """

    session = models.ForeignKey(QRSession, models.CASCADE, related_name="events", verbose_name=_("session"))
    action = models.CharField(_("action"), max_length=20, choices=Action)
    done_at = models.DateTimeField(_("when"))
    done_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    detail = models.CharField(_("detail"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("event of a session")
        verbose_name_plural = _("events of sessions")
        ordering = ["-done_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(action__in=Action.values), name="session_event_action"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.action}"
