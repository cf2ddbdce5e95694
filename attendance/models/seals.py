"""Seals of registers, and the codes on exported ones. See docs/seals.md."""

from __future__ import annotations

import datetime
import json

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attendance.models.meetings import Meeting
from attendance.models.public_ids import EXPORT_CODE_PATTERN, new_export_code
from attendance.models.teaching import Section


class RegisterSeal(models.Model):
    """What a transaction left in the register of a meeting. The seals of a section are a chain, numbered from 1.

    The database refuses to change or delete a seal. There are no foreign keys: a seal stays when what it is about is
    deleted, and sealing must not wait for locks of these rows.
    """

    section = models.ForeignKey(
        Section,
        models.DO_NOTHING,
        # The unique index with the number serves lookups.
        db_index=False,
        db_constraint=False,
        related_name="seals",
        verbose_name=_("section"),
    )
    number = models.PositiveIntegerField(_("number"))
    meeting = models.ForeignKey(
        Meeting, models.DO_NOTHING, db_constraint=False, related_name="seals", verbose_name=_("meeting")
    )
    made_at = models.DateTimeField(_("sealed"))
    # Otherwise it has the records of some students only; the others are as the seals before say.
    is_whole = models.BooleanField(_("whole register"))
    # JSON, as ``attendance.records.seals`` reads it from the database: ids and marks, no names.
    content = models.TextField(_("content"))
    key_id = models.CharField(_("key"), max_length=8)
    mac = models.CharField(_("MAC"), max_length=64)

    class Meta:
        verbose_name = _("seal of a register")
        verbose_name_plural = _("seals of registers")
        constraints = [models.UniqueConstraint(fields=["section", "number"], name="register_seal_number")]

    def __str__(self) -> str:
        return f"{self.section_id}/{self.number}"

    def message(self, *, previous: str) -> str:
        """What the MAC is of.

        :param previous: the MAC of the seal before in the section; empty for the first
        """
        sealed = [self.section_id, self.number, self.meeting_id, _moment(self.made_at), self.is_whole]
        return json.dumps([*sealed, self.content, previous])


class SealedExport(models.Model):
    """An exported register: the code on it names the last seal of the section at that moment.

    Like a seal, it is never changed or deleted.
    """

    code = models.CharField(_("code"), max_length=10, unique=True, default=new_export_code)
    section = models.ForeignKey(
        Section, models.DO_NOTHING, db_constraint=False, related_name="+", verbose_name=_("section")
    )
    first_day = models.DateField(_("first day"), null=True)
    last_day = models.DateField(_("last day"), null=True)
    made_at = models.DateTimeField(_("exported"))
    last_seal = models.PositiveIntegerField(_("number of the last seal"))
    # Of that seal, so that no other can take its place.
    last_mac = models.CharField(_("MAC of the last seal"), max_length=64, blank=True)
    key_id = models.CharField(_("key"), max_length=8)
    mac = models.CharField(_("MAC"), max_length=64)

    class Meta:
        verbose_name = _("exported register")
        verbose_name_plural = _("exported registers")
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=EXPORT_CODE_PATTERN), name="sealed_export_code"),
        ]

    def __str__(self) -> str:
        return self.code

    def message(self) -> str:
        """What the MAC is of."""
        days = [day.isoformat() if day else None for day in (self.first_day, self.last_day)]
        return json.dumps(
            [self.code, self.section_id, *days, _moment(self.made_at), self.last_seal, self.last_mac]
        )


def _moment(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat()
