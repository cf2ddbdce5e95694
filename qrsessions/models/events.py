"""The audit log of sessions."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attendance.models import Meeting, User


class Action(models.TextChoices):
    """What was done to a session. Steps have the same names as in ``lifecycle.STEPS``."""

    OPEN = "open", _("opened")
    LOCK = "lock", _("joining locked")
    UNLOCK = "unlock", _("joining unlocked")
    START = "start", _("attendance started")
    END = "end", _("ended")
    REOPEN = "reopen", _("reopened")
    JOIN_GROUP = "join_group", _("added to a group")
    LEAVE_GROUP = "leave_group", _("removed from its group")
    ADMIT = "admit", _("scans admitted")
    BULK = "bulk", _("several students marked together")
    SETTINGS = "settings", _("settings changed")
    DISCARD = "discard", _("discarded")
    ADD = "add", _("class added")
    CANCEL = "cancel", _("class cancelled")
    RESTORE = "restore", _("class restored")
    MOVE = "move", _("class moved from")
    FINISH = "finish", _("register saved")
    UNLOCK_REGISTER = "unlock_register", _("register unlocked")


class SessionEvent(models.Model):
    """An entry of the audit log: who did what to a session, and when. The database refuses to change it.

    It belongs to the meeting, so that it outlives a discarded session. ``done_by`` is empty if nobody did it, as when a
    forgotten session ends by itself.
    """

    meeting = models.ForeignKey(Meeting, models.CASCADE, related_name="events", verbose_name=_("meeting"))
    action = models.CharField(_("action"), max_length=20, choices=Action)
    done_at = models.DateTimeField(_("when"))
    done_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    detail = models.CharField(_("details"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("session event")
        verbose_name_plural = _("session events")
        ordering = ["-done_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(action__in=Action.values), name="session_event_action"),
        ]

    def __str__(self) -> str:
        return f"{self.meeting_id}: {self.action}"
