"""Group sessions."""

from __future__ import annotations

import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attendance.models import Meeting, MeetingGroup, User
from attendance.models.visibility import VisibleQuerySet
from qrsessions.models.choices import JoinPolicy, new_secret


def _each_member(condition: Q) -> Q:
    """The condition that a group has meetings, and that this one holds for each."""
    members = Meeting.objects.filter(group=models.OuterRef("pk"))
    return Q(models.Exists(members)) & ~Q(models.Exists(members.exclude(condition)))


class GroupSessionQuerySet(VisibleQuerySet["GroupSession"]):
    """A group is seen, run, corrected and managed by those who may do so with each of its meetings. It is past when all of
    them are.
    """

    def seen_condition(self, user: User, *, on: datetime.date) -> Q:
        return _each_member(Meeting.objects.seen_condition(user, on=on))

    def run_condition(self, user: User, *, on: datetime.date) -> Q:
        return _each_member(Meeting.objects.run_condition(user, on=on))

    def managed_condition(self, user: User, *, on: datetime.date) -> Q:
        return _each_member(Meeting.objects.managed_condition(user, on=on))

    def correctable_condition(self, user: User, *, on: datetime.date) -> Q:
        return _each_member(Meeting.objects.correctable_condition(user, on=on))

    def own_condition(self, user: User) -> Q:
        own = Meeting.objects.filter(Meeting.objects.own_condition(user), group__isnull=False)
        return Q(group__in=own.values("group"))

    def term_condition(self, **lookups: Any) -> Q:
        return _each_member(Q(**{f"section__term__{name}": value for name, value in lookups.items()}))

    def with_member(self, **lookups: Any) -> Self:
        """Those with a meeting like this. A join would have the conditions above asked once for each meeting."""
        return self.filter(models.Exists(Meeting.objects.filter(group=models.OuterRef("pk"), **lookups)))

    def with_names(self) -> Self:
        return self.select_related("group", "opened_by")


class GroupSession(models.Model):
    """Several sessions run as one, with one QR code and one set of buttons. They always share one status."""

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

    # Set by with_rights.
    may_run: bool
    may_correct: bool
    may_manage: bool

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
    def run_as(self) -> Self:
        """Itself: see ``QRSession.run_as``."""
        return self

    @property
    def public_id(self) -> str:
        return self.group.public_id
