"""Comparing a register with its seals: as sealed, changed since an export, or altered outside the application."""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Q, TextChoices
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.lib import advisory_locks, seal_keys
from attendance.models import (
    ExcuseReason,
    Meeting,
    MeetingState,
    RecordChange,
    RegisterSeal,
    SealedExport,
    Section,
    Status,
    StatusLabel,
    Student,
    User,
)
from attendance.records import seals
from attendance.registers.dates import ALWAYS, DateRange
from attendance.registers.verification.cells import FileDifference, compare
from attendance.registers.verification.chain import (
    Alteration,
    ChainBroken,
    Found,
    KeyMissing,
    Mark,
    RegisterState,
    Step,
    steps,
)
from attendance.registers.verification.files import RegisterFile


class Outcome(TextChoices):
    AS_SEALED = "as_sealed", _("As sealed")
    CHANGED = "changed", _("True then, changed since")
    ALTERED = "altered", _("Altered outside the application")
    FILE_DIFFERS = "file_differs", _("The file is not this register")
    NOT_SEALED = "not_sealed", _("Not sealed")
    KEY_MISSING = "key_missing", _("Cannot be checked")


@dataclass(frozen=True)
class ShownMark:
    status: Status | None
    label: str | None
    excused_reason: str | None
    marked_at: datetime.datetime | None

    def __str__(self) -> str:
        words = self.label or (self.status.label if self.status else _("no status"))
        return f"{words} ({self.excused_reason})" if self.excused_reason else str(words)


@dataclass(frozen=True)
class Difference:
    """The first thing that was altered outside the application.

    :ivar seal: the number of the seal that shows it, if the seals alone do
    :ivar meeting: None if it is gone, or if a seal is missing
    :ivar sealed: the mark as it was sealed, and ``now`` as it is; None if there was or is none
    """

    what: Alteration
    seal: int | None
    meeting: Meeting | None
    student: Student | None
    sealed: ShownMark | None
    now: ShownMark | None


@dataclass(frozen=True)
class Change:
    """What the application changed after the export.

    :ivar student: None if the class was cancelled, restored or reopened
    :ivar by: None if nobody did: a scan, or the absences of an end
    """

    at: datetime.datetime
    by: User | None
    meeting: Meeting
    student: Student | None
    before: StrOrPromise
    after: StrOrPromise


@dataclass(frozen=True)
class Verification:
    """:ivar changes: after the export, the earliest first
    :ivar unsealed: held meetings that have no seal, because they were held before there were any
    :ivar true_until: when the register was last as a file has it, if it has changed since
    :ivar missing_rows: how many students of the register are not in the file
    :ivar missing_meetings: held meetings that are not in the export or the file, because they were held later
    """

    section: Section
    dates: DateRange
    outcome: Outcome
    first_difference: Difference | None = None
    changes: Sequence[Change] = ()
    unsealed: Sequence[Meeting] = ()
    true_until: datetime.datetime | None = None
    file_difference: FileDifference | None = None
    missing_rows: int = 0
    missing_meetings: Sequence[Meeting] = ()


@dataclass(frozen=True)
class SealedRegister:
    """The seals of a section, and what its registers hold, read at one moment.

    :ivar meetings: those of the section, and others that its seals are about, by primary key, the earliest first
    """

    section: Section
    seals: Sequence[RegisterSeal]
    meetings: Mapping[int, Meeting]
    contents: Mapping[int, str]

    @classmethod
    def read(cls, section: Section) -> "SealedRegister":
        """In four statements."""
        with transaction.atomic():
            # A correction that commits between two of the statements would look like one from outside.
            advisory_locks.share_seals([section.pk])
            found = list(RegisterSeal.objects.filter(section=section).order_by("number"))
            meetings = Meeting.objects.filter(
                Q(section=section) | Q(pk__in={one.meeting_id for one in found})
            )
            by_key = {meeting.pk: meeting for meeting in meetings.order_by("starts_at", "pk")}
            return cls(section, found, by_key, seals.contents(by_key))


def verify(
    section: Section, *, dates: DateRange = ALWAYS, export: SealedExport | None = None
) -> Verification:
    """Whether the registers of the section within the range of days are as they were sealed.

    :param export: tells what has changed since it was made
    """
    register = SealedRegister.read(section)
    try:
        all_steps = list(steps(register.seals))
        if export:
            _check_export(export, register.seals)
        _check_rows(register, all_steps, dates)
    except ChainBroken as broken:
        return Verification(section, dates, Outcome.ALTERED, _difference(broken.found, register))
    except KeyMissing:
        return Verification(section, dates, Outcome.KEY_MISSING)
    if export is None:
        return _unaltered(register, all_steps, since=len(all_steps), dates=dates)
    found = _unaltered(register, all_steps, since=export.last_seal, dates=dates)
    return replace(
        found, missing_meetings=_held_after(register, all_steps, since=export.last_seal, dates=dates)
    )


def verify_file(section: Section, file: RegisterFile) -> Verification:
    """Whether a file is the register of the section as it is, or as it was at some time."""
    register = SealedRegister.read(section)
    try:
        all_steps = list(steps(register.seals))
        _check_rows(register, all_steps, file.dates)
    except ChainBroken as broken:
        return Verification(section, file.dates, Outcome.ALTERED, _difference(broken.found, register))
    except KeyMissing:
        return Verification(section, file.dates, Outcome.KEY_MISSING)
    meetings = [meeting for meeting in register.meetings.values() if meeting.section_id == section.pk]
    compared = compare(file, meetings, all_steps)
    if compared.true_at is None:
        return Verification(section, file.dates, Outcome.FILE_DIFFERS, file_difference=compared.difference)
    found = _unaltered(register, all_steps, since=compared.true_at, dates=file.dates)
    is_true_now = compared.true_at == len(all_steps)
    true_until = None if is_true_now else all_steps[compared.true_at].made_at
    return replace(
        found,
        true_until=true_until,
        missing_rows=compared.missing_rows,
        missing_meetings=compared.missing_meetings,
    )


def _unaltered(
    register: SealedRegister, all_steps: Sequence[Step], *, since: int, dates: DateRange
) -> Verification:
    states = {step.meeting for step in all_steps}
    changes = _changes(register, all_steps, since=since, dates=dates)
    unsealed = [
        meeting
        for meeting in register.meetings.values()
        if meeting.state == MeetingState.HELD and meeting.pk not in states and dates.includes(meeting.date)
    ]
    unchanged = Outcome.NOT_SEALED if unsealed else Outcome.AS_SEALED
    outcome = Outcome.CHANGED if changes else unchanged
    return Verification(register.section, dates, outcome, changes=changes, unsealed=unsealed)


def _held_after(
    register: SealedRegister, all_steps: Iterable[Step], *, since: int, dates: DateRange
) -> list[Meeting]:
    """The held meetings of these days whose first seal is a later one."""
    sealed_by_then = {step.meeting for step in all_steps if step.number <= since}
    later = {step.meeting for step in all_steps} - sealed_by_then
    return [
        meeting
        for pk, meeting in register.meetings.items()
        if pk in later and meeting.state == MeetingState.HELD and dates.includes(meeting.date)
    ]


def _check_export(export: SealedExport, sealed: Sequence[RegisterSeal]) -> None:
    genuine = seal_keys.is_mac(export.mac, key_id=export.key_id, message=export.message())
    if genuine is None:
        raise KeyMissing(export.key_id)
    if not genuine:
        raise ChainBroken(Found(Alteration.CODE_CHANGED))
    if len(sealed) < export.last_seal:
        raise ChainBroken(Found(Alteration.SEAL_DELETED, seal=len(sealed) + 1))
    if export.last_seal and sealed[export.last_seal - 1].mac != export.last_mac:
        raise ChainBroken(Found(Alteration.SEAL_CHANGED, seal=export.last_seal))


def _check_rows(register: SealedRegister, all_steps: Iterable[Step], dates: DateRange) -> None:
    """
    :raises ChainBroken: with the first row that is not as the seals say
    """
    states = {step.meeting: step.after for step in all_steps}
    for found in _altered(register, states, dates):
        raise ChainBroken(found)


def _altered(
    register: SealedRegister, states: Mapping[int, RegisterState], dates: DateRange
) -> Iterator[Found]:
    """What differs from the seals, by the date of the class, then in the order in which the rows were made."""
    for pk, sealed in sorted(states.items(), key=lambda state: (state[1].meeting.starts_at, state[0])):
        meeting = register.meetings.get(pk)
        is_in_range = dates.includes(datetime.date.fromisoformat(sealed.meeting.date))
        if not is_in_range and not (meeting and dates.includes(meeting.date)):
            continue
        if meeting is None:
            if sealed.meeting.ended_at is not None:
                yield Found(Alteration.MEETING_DELETED, meeting=pk)
            continue
        now = RegisterState.read(register.contents[pk])
        if sealed.meeting.ended_at is None:
            # It was reopened or discarded, and its next end seals it.
            if now.meeting.ended_at is not None:
                yield Found(Alteration.MEETING_CHANGED, meeting=pk)
            continue
        if now.meeting != sealed.meeting:
            yield Found(Alteration.MEETING_CHANGED, meeting=pk)
        yield from _altered_rows(pk, sealed, now)


def _altered_rows(meeting: int, sealed: RegisterState, now: RegisterState) -> Iterator[Found]:
    for pk in sorted(sealed.records.keys() | now.records.keys()):
        old, new = sealed.records.get(pk), now.records.get(pk)
        if old != new:
            what = _what(
                old, new, Alteration.RECORD_ADDED, Alteration.RECORD_DELETED, Alteration.RECORD_CHANGED
            )
            student = (old or new).student  # type: ignore[union-attr]
            yield Found(what, None, meeting, student, old and old.mark, new and new.mark)
    students = {row.pk: row.student for row in (*now.records.values(), *sealed.records.values())}
    for pk in sorted(sealed.changes.keys() | now.changes.keys()):
        before, after = sealed.changes.get(pk), now.changes.get(pk)
        if before != after:
            what = _what(
                before, after, Alteration.CHANGE_ADDED, Alteration.CHANGE_DELETED, Alteration.CHANGE_CHANGED
            )
            record = (before or after).record  # type: ignore[union-attr]
            yield Found(what, None, meeting, students.get(record))


def _what(
    old: object, new: object, added: Alteration, deleted: Alteration, changed: Alteration
) -> Alteration:
    if old is None:
        return added
    return changed if new is not None else deleted


def _changes(
    register: SealedRegister, all_steps: Iterable[Step], *, since: int, dates: DateRange
) -> list[Change]:
    """What the application changed after this seal in registers that were sealed by then. At most four queries."""
    exported, later = set[int](), list[Step]()
    for step in all_steps:
        meeting = register.meetings.get(step.meeting)
        if meeting is None or not dates.includes(meeting.date):
            continue
        if step.number <= since:
            exported.add(step.meeting)
        elif step.meeting in exported:
            later.append(step)
    if not later:
        return []
    changes = RecordChange.objects.select_related(
        "changed_by", "record__student", "from_label", "from_reason", "to_label", "to_reason"
    ).in_bulk([pk for step in later for pk in step.new_changes])
    names = _Names()
    found = [
        Change(
            change.changed_at,
            change.changed_by,
            register.meetings[change.record.meeting_id],
            change.record.student,
            str(_shown(change.from_status, change.from_label, change.from_reason)),
            str(_shown(change.to_status, change.to_label, change.to_reason)),
        )
        for change in changes.values()
    ]
    unexplained = [(step, *cell) for step in later for cell in _cells_without_change(step)]
    students = Student.objects.in_bulk({student for _step, student, _old, _new in unexplained})
    found += [
        Change(
            step.made_at,
            None,
            register.meetings[step.meeting],
            students[student],
            str(names.mark(old)) if old else "",
            str(names.mark(new)),
        )
        for step, student, old, new in unexplained
    ]
    for step in later:
        if step.before and step.before.meeting.state != step.after.meeting.state:
            states = [MeetingState(state.meeting.state).label for state in (step.before, step.after)]
            found.append(Change(step.made_at, None, register.meetings[step.meeting], None, *states))
    return sorted(found, key=lambda change: change.at)


def _cells_without_change(step: Step) -> Iterator[tuple[int, Mark | None, Mark]]:
    """Marks that a seal has otherwise than the one before, without an entry in the history: of a session that was reopened."""
    explained = {step.after.changes[pk].record for pk in step.new_changes}
    before = step.before.records if step.before else {}
    for pk, record in step.after.records.items():
        old = before.get(pk)
        # Absences of the end are recorded again at the next end. Only their moment is another.
        if pk not in explained and (old is None or old.mark[:4] != record.mark[:4]):
            yield record.student, old.mark if old else None, record.mark


def _difference(found: Found, register: SealedRegister) -> Difference:
    names = _Names()
    return Difference(
        found.what,
        found.seal,
        register.meetings.get(found.meeting or 0),
        Student.objects.filter(pk=found.student).first() if found.student else None,
        names.mark(found.sealed) if found.sealed else None,
        names.mark(found.now) if found.now else None,
    )


class _Names:
    """Words for the labels and reasons in marks. They are never deleted."""

    def __init__(self) -> None:
        self._labels, self._reasons = StatusLabel.objects.in_bulk(), ExcuseReason.objects.in_bulk()

    def mark(self, mark: Mark) -> ShownMark:
        at = None
        if mark.marked_at is not None:
            at = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(
                microseconds=mark.marked_at
            )
        label = self._labels.get(mark.label) if mark.label else None
        reason = self._reasons.get(mark.reason) if mark.reason else None
        return _shown(mark.status, label, reason, at)


def _shown(
    status: str | None,
    label: StatusLabel | None,
    reason: ExcuseReason | None,
    at: datetime.datetime | None = None,
) -> ShownMark:
    return ShownMark(
        Status(status) if status in Status.values else None,
        label.name if label else None,
        reason.code if reason else None,
        at,
    )
