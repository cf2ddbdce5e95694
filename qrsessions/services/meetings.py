"""Meetings that are not now: added, cancelled, restored and moved; and registers typed after the class.

Each takes the exclusive lock of the meeting, and the row's own, so that neither a session opens nor the timetable is
planned meanwhile. A session opens, runs and ends in ``lifecycle``.
"""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from attendance.lib import advisory_locks
from attendance.lib.refusals import Refused
from attendance.models import (
    ExcuseReason,
    Meeting,
    MeetingState,
    RecordChange,
    Role,
    RosterEntry,
    Section,
    Status,
    StatusLabel,
    Student,
    User,
)
from attendance.records import by_hand, session_end
from attendance.records.by_hand import HandMark
from attendance.records.fixed_rosters import fix_rosters
from attendance.records.locks import check_not_locked
from attendance.records.seals import seal
from attendance.timetable import substitutes
from attendance.timetable.occurrences import YEARS
from attendance.timetable.weekly_classes import lock_sections
from qrsessions.models import Action, QRSession
from qrsessions.queries.access import AdminsOnly
from qrsessions.services import audit_log
from qrsessions.services.corrections import ChangedSince
from qrsessions.services.lifecycle import WrongState


class MeetingGone(Refused):
    code = "not_found"
    status = 404
    detail = _("This class no longer exists. The timetable has changed.")


class MeetingOpen(Refused):
    code = "meeting_open"
    detail = _("This class has an open session. End or discard it first.")


class HasRecords(Refused):
    code = "has_records"
    detail = _(
        "This class has entries in its register, so it cannot be moved. Cancel it and add another one."
    )


class NotBegun(Refused):
    code = "not_begun"
    detail = _("This class has not begun yet, so its register cannot be saved.")


class OnlyExcuses(Refused):
    code = "not_begun"
    detail = _("This class has not begun yet. Until it does, students can only be excused.")


class Incomplete(Refused):
    """``extra["total"]`` is the number of students without a status."""

    code = "incomplete"
    detail = _("Some students have no status yet. Mark them, or save the rest as absent.")


class NotLocked(Refused):
    code = "not_locked"
    detail = _("This register is not locked.")


class NotPlannedNow(Refused):
    code = "not_planned"
    detail = _(
        "This class can no longer be chosen: it has been opened, entered, cancelled or removed in the meantime."
    )


class BadTimes(Refused):
    code = "invalid"
    status = 400
    detail = _("A class must end after it begins, and within 24 hours.")


def add_meeting(
    *,
    section: Section,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    by: User,
    at: datetime.datetime,
    room: str = "",
    title: str = "",
    makes_up: Meeting | None = None,
) -> Meeting:
    """Add a planned meeting, in the future or in the past.

    :param makes_up: the meeting of the same section that it replaces, if there is one
    :raises BadTimes: if it ends before it begins or lasts longer than 24 hours, or the year makes no sense
    """
    _check_times(starts_at, ends_at)
    with transaction.atomic():
        meeting = Meeting.objects.create(
            section=section,
            state=MeetingState.PLANNED,
            starts_at=starts_at,
            ends_at=ends_at,
            date=timezone.localdate(starts_at),
            room=room,
            title=title,
            makes_up=makes_up,
            edited=True,
        )
        audit_log.record_meeting(meeting, action=Action.ADD, by=by, at=at)
    return meeting


def cancel(*, meeting: Meeting, reason: str, by: User, at: datetime.datetime) -> Meeting:
    """Cancel a planned or held meeting: it counts nowhere, and students see the reason. Its records stay.

    :raises MeetingOpen: if it has an open session
    :raises WrongState: if it is cancelled already
    :raises RegisterLocked: if it was held too long ago
    """
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.PLANNED, MeetingState.HELD)
        check_not_locked([meeting], at=at)
        meeting.state, meeting.cancel_reason = MeetingState.CANCELLED, reason
        _save(meeting, "state", "cancel_reason")
        audit_log.record_meeting(meeting, action=Action.CANCEL, by=by, at=at, detail=reason)
        _seal(meeting, [], at=at)
    return meeting


def restore(*, meeting: Meeting, by: User, at: datetime.datetime) -> Meeting:
    """Take back a cancellation: the meeting is held again if it had been, otherwise planned.

    :raises WrongState: if it is not cancelled
    :raises RegisterLocked: if it would count again as held, and its register is locked
    """
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.CANCELLED)
        check_not_locked([meeting], at=at)
        meeting.state = MeetingState.HELD if meeting.ended_at else MeetingState.PLANNED
        meeting.cancel_reason = ""
        # The next change of the timetable must not remove what somebody wanted back.
        meeting.edited = True
        _save(meeting, "state", "cancel_reason", "edited")
        audit_log.record_meeting(meeting, action=Action.RESTORE, by=by, at=at)
        _seal(meeting, [], at=at)
    return meeting


def move(
    *,
    meeting: Meeting,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    by: User,
    at: datetime.datetime,
    room: str | None = None,
) -> Meeting:
    """Move a planned meeting to another time.

    :param room: the new room; None keeps the old one
    :raises BadTimes: if it ends before it begins, or lasts longer than 24 hours
    :raises HasRecords: if its register has entries, which belong to the old date
    :raises MeetingOpen: if it has an open session
    :raises WrongState: if it was held or cancelled
    """
    _check_times(starts_at, ends_at)
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.PLANNED)
        # An excuse that was taken back leaves a row without a status.
        if meeting.records.filter(Q(status__isnull=False) | Q(joined_at__isnull=False)).exists():
            raise HasRecords(meeting=meeting.public_id)
        before = timezone.localtime(meeting.starts_at).strftime("%Y-%m-%d %H:%M")
        meeting.starts_at, meeting.ends_at = starts_at, ends_at
        meeting.date = timezone.localdate(starts_at)
        meeting.room = meeting.room if room is None else room
        meeting.edited = True
        _save(meeting, "starts_at", "ends_at", "date", "room", "edited")
        audit_log.record_meeting(meeting, action=Action.MOVE, by=by, at=at, detail=before)
    return meeting


# What a session takes over from the class that it is held for.
_PLAN = (
    "starts_at",
    "ends_at",
    "date",
    "room",
    "title",
    "pattern_id",
    "pattern_date",
    "edited",
    "makes_up_id",
)


def choose_planned(*, session: QRSession, planned: Meeting | None, by: User, at: datetime.datetime) -> None:
    """Say that an open session is held for another planned class of its section, or for none on the timetable.

    The session keeps its id, its joins and its marks; the two meetings exchange their plans. An excuse that was entered
    before the session was opened stays with its class.

    :param planned: a class without a register; None if the session is not on the timetable
    :raises NotPlannedNow: if the class cannot be chosen any more, or is on a later day
    :raises WrongState: if the session is not open, or was not on the timetable and is to be so again
    """
    with transaction.atomic():
        # The planner must not see one of the two plans twice.
        lock_sections([session.meeting.section_id])
        advisory_locks.hold([session.meeting_id, *([planned.pk] if planned else [])])
        own = Meeting.objects.select_for_update().filter(pk=session.meeting_id).first()
        if own is None or not own.is_open or (planned is None and not own.is_planned):
            raise WrongState(session=session.public_id)
        if planned:
            other = _free_to_choose(planned)
            if other.date > timezone.localdate(at):
                raise NotPlannedNow
        else:
            other = Meeting(section_id=own.section_id, state=MeetingState.PLANNED, date=own.date)
        before = timezone.localtime(own.starts_at).strftime("%Y-%m-%d %H:%M")
        plan = {name: getattr(own, name) for name in _PLAN}
        if planned:
            _take_plan(own, {name: getattr(other, name) for name in _PLAN})
        else:
            opened_at = own.opened_at or at
            nothing = {"room": "", "title": "", "edited": False, "pattern_id": None, "pattern_date": None}
            date = timezone.localdate(opened_at)
            _take_plan(
                own,
                nothing | {"starts_at": opened_at, "ends_at": None, "date": date, "makes_up_id": None},
            )
        _take_plan(other, plan)
        if plan["ends_at"] is None:
            # The session was not on the timetable, so nothing is left of the other meeting.
            other.state = MeetingState.DISCARDED
        # Two meetings never have one day of a pattern, not even for a moment.
        Meeting.objects.filter(pk=own.pk).update(pattern=None)
        other.save()
        own.save()
        # A substitute was given the class, not the row.
        substitutes.exchange(own, other)
        excuses = own.records.filter(status=Status.EXCUSED, joined_at=None, marked_at__lt=own.opened_at)
        excuses.update(meeting=other)
        audit_log.record_meeting(own, action=Action.MOVE, by=by, at=at, detail=before)


def _free_to_choose(planned: Meeting) -> Meeting:
    found = Meeting.objects.select_for_update().filter(pk=planned.pk, state=MeetingState.PLANNED).first()
    if found is None or found.records.exists():
        raise NotPlannedNow
    return found


def _take_plan(meeting: Meeting, plan: Mapping[str, Any]) -> None:
    for name, value in plan.items():
        setattr(meeting, name, value)
    meeting.sequence += 1


def enter(
    *,
    meeting: Meeting,
    student: Student,
    status: Status | None,
    by: User,
    at: datetime.datetime,
    note: str = "",
    label: StatusLabel | None = None,
    reason: ExcuseReason | None = None,
) -> RosterEntry:
    """Enter a student's status in the register of a meeting that has no session; ``None`` removes it.

    :param label: a label that means the status
    :param reason: only with an excuse
    :returns: the student's roster entry after the change
    :raises NotEnrolled: if the student is not on the roster of the meeting's date
    :raises OnlyExcuses: if the meeting is still to come, and the status is another than excused
    :raises WrongState: if the meeting is cancelled
    :raises RegisterLocked: if its register is locked
    """
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.PLANNED, MeetingState.HELD)
        check_not_locked([meeting], at=at)
        _check_begun(meeting, [status], at)
        by_hand.mark_by_hand(
            meeting=meeting,
            student=student,
            status=status,
            label=label,
            reason=reason,
            by=by,
            at=at,
            note=note,
        )
        _seal(meeting, [student], at=at)
        return RosterEntry.objects.with_labels().find(meeting=meeting, student=student)


def undo(*, meeting: Meeting, change: RecordChange, by: User, at: datetime.datetime) -> RosterEntry:
    """Undo a change of a mark at a planned or held meeting.

    :param change: of a record at this meeting, with its student loaded
    :returns: the student's roster entry after the change
    :raises ChangedSince: if the record was changed again; nothing is undone then
    :raises RegisterLocked: if the register is locked
    """
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.PLANNED, MeetingState.HELD)
        check_not_locked([meeting], at=at)
        student = change.record.student
        if not by_hand.undo_change(change, by=by, at=at, note=gettext("undone")):
            raise ChangedSince(meeting=meeting.public_id)
        _seal(meeting, [student], at=at)
        return RosterEntry.objects.with_labels().find(meeting=meeting, student=student)


def enter_many(*, meeting: Meeting, marks: Mapping[str, HandMark], by: User, at: datetime.datetime) -> int:
    """Enter the marks of several students of the roster, by student id: all or none.

    :returns: how many changed
    :raises OnlyExcuses: if the meeting is still to come, and a status is another than excused
    :raises WrongState: if the meeting is cancelled
    :raises RegisterLocked: if its register is locked
    """
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.PLANNED, MeetingState.HELD)
        check_not_locked([meeting], at=at)
        _check_begun(meeting, [mark.status for mark in marks.values()], at)
        entries = RosterEntry.objects.filter(meeting=meeting, student__student_id__in=marks)
        changed = [
            (entry.student, mark)
            for entry in entries.with_labels().select_related("student").order_by("student_id")
            if (mark := marks[entry.student.student_id]) != by_hand.mark_of(entry)
        ]
        for student, mark in changed:
            by_hand.mark_by_hand(
                meeting=meeting,
                student=student,
                status=mark.status,
                label=mark.label,
                reason=mark.reason,
                by=by,
                at=at,
            )
        _seal(meeting, [student for student, _mark in changed], at=at)
    return len(changed)


def finish(*, meeting: Meeting, by: User, at: datetime.datetime, rest_absent: bool) -> Meeting:
    """Save the register of a planned meeting: it was held, and counts from now on.

    :param rest_absent: record an absence for every student without a status
    :raises Incomplete: if students have no status and are not to be absent
    :raises NotBegun: if the meeting is still to come
    :raises MeetingOpen: if it has an open session
    :raises WrongState: if it was held or cancelled
    """
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.PLANNED)
        if meeting.starts_at > at:
            raise NotBegun(meeting=meeting.public_id)
        without = RosterEntry.objects.filter(meeting=meeting).without_status().count()
        if without and not rest_absent:
            raise Incomplete(meeting=meeting.public_id, total=without)
        fix_rosters([meeting])
        session_end.record_absentees(meetings=[meeting], at=at)
        meeting.state, meeting.ended_at, meeting.roster_fixed_at = MeetingState.HELD, at, at
        _save(meeting, "state", "ended_at", "roster_fixed_at")
        audit_log.record_meeting(meeting, action=Action.FINISH, by=by, at=at)
        seal([meeting], at=at)
    return meeting


def unlock_register(*, meeting: Meeting, by: User, at: datetime.datetime) -> Meeting:
    """Let a locked register be changed for as many days again, from today. Only for administrators; logged.

    :raises AdminsOnly: if ``by`` is none
    :raises NotLocked: if its register is not locked
    """
    if by.role is not Role.ADMIN:
        raise AdminsOnly
    with transaction.atomic():
        meeting = _locked(meeting, MeetingState.HELD, MeetingState.CANCELLED)
        if not meeting.is_locked(on=timezone.localdate(at)):
            raise NotLocked(meeting=meeting.public_id)
        meeting.unlocked_at = at
        meeting.save(update_fields=["unlocked_at"])
        audit_log.record_meeting(meeting, action=Action.UNLOCK_REGISTER, by=by, at=at)
    return meeting


def _locked(meeting: Meeting, *states: MeetingState) -> Meeting:
    """Lock the meeting until the transaction ends, read it again, and check that it is in one of the states."""
    advisory_locks.hold([meeting.pk])
    meetings = Meeting.objects.select_for_update(of=("self",)).select_related(
        "section__course", "section__term"
    )
    found = meetings.filter(pk=meeting.pk).first()
    if found is None or found.state == MeetingState.DISCARDED:
        raise MeetingGone(meeting=meeting.public_id)
    if found.state in states:
        return found
    if found.is_open:
        raise MeetingOpen(meeting=found.public_id)
    raise WrongState(meeting=found.public_id, state=found.state)


def _check_begun(meeting: Meeting, statuses: Iterable[Status | None], at: datetime.datetime) -> None:
    """Before a meeting, only excuses are entered and taken back."""
    if meeting.starts_at > at and not {None, Status.EXCUSED}.issuperset(statuses):
        raise OnlyExcuses(meeting=meeting.public_id)


def _seal(meeting: Meeting, changed: Iterable[Student], *, at: datetime.datetime) -> None:
    """Seal the marks of these students, and the state of the meeting, if it was held."""
    if meeting.ended_at:
        seal([meeting], at=at, students=[student.pk for student in changed])


def _save(meeting: Meeting, *fields: str) -> None:
    meeting.sequence += 1
    meeting.save(update_fields=[*fields, "sequence"])


def _check_times(starts_at: datetime.datetime, ends_at: datetime.datetime) -> None:
    if starts_at.year not in YEARS:
        raise BadTimes(_("Check the year."))
    if not starts_at < ends_at <= starts_at + datetime.timedelta(days=1):
        raise BadTimes
