"""The seals of a section, one after another: whether they are whole, and what they say of each register."""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from attendance.lib import seal_keys
from attendance.models import MeetingState, Method, RegisterSeal


class Alteration(TextChoices):
    """What was altered outside the application."""

    SEAL_DELETED = "seal_deleted", _("a seal was deleted")
    SEAL_CHANGED = "seal_changed", _("a seal was changed")
    MEETING_DELETED = "meeting_deleted", _("the class was deleted")
    MEETING_CHANGED = "meeting_changed", _("the class was changed")
    RECORD_DELETED = "record_deleted", _("a mark was deleted")
    RECORD_ADDED = "record_added", _("a mark was added")
    RECORD_CHANGED = "record_changed", _("a mark was changed")
    CHANGE_DELETED = "change_deleted", _("a history entry was deleted")
    CHANGE_ADDED = "change_added", _("a history entry was added")
    CODE_CHANGED = "code_changed", _("what was stored with the code was changed")
    CHANGE_CHANGED = "change_changed", _("a history entry was changed")


class Mark(NamedTuple):
    """Labels and reasons are primary keys, moments are microseconds."""

    status: str | None
    method: str | None
    label: int | None
    reason: int | None
    marked_at: int | None


class RecordRow(NamedTuple):
    pk: int
    student: int
    mark: Mark
    marked_by: int | None

    @classmethod
    def read(cls, values: list[Any]) -> Self:
        return cls(values[0], values[1], Mark(*values[2:7]), values[7])


class ChangeRow(NamedTuple):
    pk: int
    record: int
    before: Mark
    rest: tuple[Any, ...]

    @classmethod
    def read(cls, values: list[Any]) -> Self:
        return cls(values[0], values[1], Mark(*values[2:7]), tuple(values[7:]))


class MeetingRow(NamedTuple):
    section: int
    date: str
    starts_at: int
    state: str
    ended_at: int | None


@dataclass(frozen=True)
class RegisterState:
    """A register by the primary keys of its rows. While ``meeting.ended_at`` is empty, the meeting has none."""

    meeting: MeetingRow
    records: Mapping[int, RecordRow]
    changes: Mapping[int, ChangeRow]

    @classmethod
    def read(cls, content: str) -> Self:
        """From the content of a seal, or from what a seal of the register would hold now."""
        found = json.loads(content)
        records = map(RecordRow.read, found["records"])
        changes = map(ChangeRow.read, found["changes"])
        return cls(
            MeetingRow(*found["meeting"]),
            {record.pk: record for record in records},
            {change.pk: change for change in changes},
        )


@dataclass(frozen=True)
class Found:
    """Something that was altered, by primary keys.

    :ivar sealed: the mark as it was sealed, and ``now`` as it is, if a record was altered
    """

    what: Alteration
    seal: int | None = None
    meeting: int | None = None
    student: int | None = None
    sealed: Mark | None = None
    now: Mark | None = None


class ChainBroken(Exception):
    """The seals cannot be followed any further."""

    def __init__(self, found: Found) -> None:
        self.found = found
        super().__init__(found.what)


class KeyMissing(Exception):
    """A seal was made with a key that the site no longer has."""


@dataclass(frozen=True)
class Step:
    """One seal.

    :ivar before: what the seals before say of the register; None for the first of a meeting
    :ivar after: what they say together with this one
    """

    number: int
    made_at: datetime.datetime
    meeting: int
    before: RegisterState | None
    after: RegisterState

    @property
    def new_changes(self) -> list[int]:
        known = self.before.changes if self.before else {}
        return [pk for pk in self.after.changes if pk not in known]


def steps(seals: Iterable[RegisterSeal]) -> Iterator[Step]:
    """All seals of a section in their order, each checked.

    :raises ChainBroken: at a seal that is missing or was changed, or that shows that a row had been altered before it
    :raises KeyMissing: if a seal cannot be checked
    """
    states: dict[int, RegisterState] = {}
    previous = ""
    for expected, seal in enumerate(seals, start=1):
        if seal.number != expected:
            raise ChainBroken(Found(Alteration.SEAL_DELETED, seal=expected))
        message = seal.message(previous=previous)
        genuine = seal_keys.is_mac(seal.mac, key_id=seal.key_id, message=message)
        if genuine is None:
            raise KeyMissing(seal.key_id)
        if not genuine:
            raise ChainBroken(Found(Alteration.SEAL_CHANGED, seal=seal.number, meeting=seal.meeting_id))
        previous = seal.mac
        before = states.get(seal.meeting_id)
        after = _after(seal, before)
        states[seal.meeting_id] = after
        yield Step(seal.number, seal.made_at, seal.meeting_id, before, after)


def _after(seal: RegisterSeal, before: RegisterState | None) -> RegisterState:
    sealed = RegisterState.read(seal.content)
    if before is None:
        return sealed
    has_all = seal.is_whole and sealed.meeting.ended_at is not None
    if found := _altered_meeting(sealed, before, has_all=has_all):
        raise ChainBroken(replace(found, seal=seal.number, meeting=seal.meeting_id))
    for record in sealed.records.values():
        if found := _altered_before(record, sealed, before, is_whole=seal.is_whole):
            raise ChainBroken(replace(found, seal=seal.number, meeting=seal.meeting_id))
    return RegisterState(
        sealed.meeting,
        sealed.records if has_all else {**before.records, **sealed.records},
        # An entry of the history never changes: what the first seal says of it holds.
        {**sealed.changes, **before.changes},
    )


def _altered_meeting(sealed: RegisterState, before: RegisterState, *, has_all: bool) -> Found | None:
    """Whether the class had been moved, or a record deleted, when the application sealed the register again.

    The application moves no class that was held, and deletes no record, except where a session is discarded.
    """
    if before.meeting.ended_at is not None and sealed.meeting[:3] != before.meeting[:3]:
        return Found(Alteration.MEETING_CHANGED)
    if has_all and before.meeting.state not in {MeetingState.PLANNED, MeetingState.DISCARDED}:
        for pk, record in before.records.items():
            if pk not in sealed.records:
                return Found(Alteration.RECORD_DELETED, student=record.student, sealed=record.mark)
    return None


def _altered_before(
    record: RecordRow, sealed: RegisterState, before: RegisterState, *, is_whole: bool
) -> Found | None:
    """Whether the record had been altered when the application changed it, or changed another one in its register.

    Each change in the history begins with the mark that was sealed before it, and one transaction makes one change of a
    record. Only absences of the end go without one, when a session is reopened.
    """
    new = [
        change
        for pk, change in sealed.changes.items()
        if change.record == record.pk and pk not in before.changes
    ]
    if len(new) > 1 and not is_whole:
        return Found(Alteration.CHANGE_ADDED, student=record.student)
    old = before.records.get(record.pk)
    if not is_whole and new and (old is None or old.mark.status is None) and new[0].before.status:
        # The mark that was there before the change came from outside.
        return Found(
            Alteration.RECORD_ADDED if old is None else Alteration.RECORD_CHANGED,
            student=record.student,
            sealed=old and old.mark,
            now=new[0].before,
        )
    if old is None or old.mark.status is None or (is_whole and old.mark.method == Method.END):
        return None
    now = new[0].before if new else record.mark
    if now == old.mark and record.student == old.student:
        return None
    return Found(Alteration.RECORD_CHANGED, student=old.student, sealed=old.mark, now=now)
