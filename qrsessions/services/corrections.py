"""Marks by hand: correcting one student, undoing a correction, and marking many students at once."""

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from attendance.lib import advisory_locks
from attendance.lib.refusals import NotEnrolled, Refused
from attendance.models import (
    ExcuseReason,
    RecordChange,
    RosterEntry,
    Status,
    StatusLabel,
    Student,
    User,
)
from attendance.records import by_hand, session_end
from attendance.records.fixed_rosters import add_student
from attendance.records.locks import check_not_locked
from attendance.records.seals import seal
from qrsessions.models import Action, GroupSession, QRSession, SessionOrGroup
from qrsessions.queries.access import TeachersOnly
from qrsessions.queries.groups import sessions_in
from qrsessions.queries.rosters import BulkTarget, mark_key, meetings_run_together, unmarked_students
from qrsessions.queries.student_places import Place, lock_places
from qrsessions.services import audit_log
from qrsessions.services.groups import lock_group


class ChangedSince(Refused):
    code = "changed_since"
    detail = _("The mark has changed since then, so it was not undone. The list shows the current mark.")


def correct(
    *,
    session: QRSession,
    student: Student,
    status: Status | None,
    by: User,
    at: datetime.datetime,
    note: str = "",
    label: StatusLabel | None = None,
    reason: ExcuseReason | None = None,
    may_add: bool = True,
) -> RosterEntry:
    """Enter a student's status by hand, whatever the session's status; ``None`` removes a mark.

    It takes the place of the whole mark: without a label or reason, the student has none afterwards.

    In a group, the student's marks in other sections that are the same as the one here change with it. A student who is
    not on a fixed roster is added to it, if they were ever enrolled in the section.

    :param label: a label that means the status
    :param reason: only with an excuse
    :param may_add: whether ``by`` may add students to a fixed roster
    :returns: the student's roster entry after the change
    :raises NotEnrolled: if the student is not on the session's roster and cannot be added
    :raises TeachersOnly: if the student is not on the fixed roster, and ``by`` may not add anybody
    :raises RegisterLocked: if the register here is locked, or that of another section which would change with it
    """
    with transaction.atomic():
        if status and session.meeting.roster_fixed_at:
            _add_if_missing(session, student, may_add=may_add)
        places = _places_with_same_mark(
            lock_places(session_or_group=session.run_as, student=student), session
        )
        check_not_locked([place.session.meeting_id for place in places], at=at)
        for place in places:
            by_hand.mark_by_hand(
                meeting=place.session.meeting,
                student=student,
                status=status,
                label=label,
                reason=reason,
                by=by,
                at=at,
                note=note,
            )
        _seal(places, student, at=at)
    return _entry(session, student)


def undo(*, session: QRSession, change: RecordChange, by: User, at: datetime.datetime) -> RosterEntry:
    """Undo a correction, here and in the other sections of the group that changed with it.

    :param change: the change of a record in this session
    :returns: the student's roster entry after the change
    :raises NotEnrolled: if the student is no longer on the session's roster
    :raises ChangedSince: if the record was changed again; nothing is undone then
    :raises RegisterLocked: as for a correction
    """
    student, note = change.record.student, gettext("undone")
    with transaction.atomic():
        places = lock_places(session_or_group=session.run_as, student=student)
        if not by_hand.undo_change(change, by=by, at=at, note=note):
            raise ChangedSince(session=session.public_id)
        followed = RecordChange.objects.filter(
            record__meeting__in=[place.session.meeting_id for place in places],
            record__student=student,
            changed_by=change.changed_by,
            changed_at=change.changed_at,
        )
        check_not_locked([session.meeting_id, *followed.values_list("record__meeting", flat=True)], at=at)
        for other in followed.exclude(pk=change.pk).order_by("record"):
            by_hand.undo_change(other, by=by, at=at, note=note)
        _seal(places, student, at=at)
    return _entry(session, student)


def mark_many(
    *, session_or_group: SessionOrGroup, target: BulkTarget, status: Status, by: User, at: datetime.datetime
) -> int:
    """Enter the status for all students without a mark, in one transaction.

    If the register was not taken, and those who joined are marked now, the others are recorded as absent, as at an end.

    :param session_or_group: a session, which may be part of a group, or a whole group session
    :returns: the number of students marked
    :raises RegisterLocked: if a register that would change was taken and is locked
    """
    with transaction.atomic():
        _lock(session_or_group)
        unmarked = unmarked_students(session_or_group, target)
        count = len(unmarked.chosen)
        if count:
            sessions = sessions_in(session_or_group)
            meetings = [session.meeting for session in sessions]
            is_first_taking = session_end.are_held_without_statuses(meetings)
            if not is_first_taking:
                check_not_locked({entry.meeting_id for entry in unmarked.entries}, at=at)
            takes_register = target is BulkTarget.JOINED and is_first_taking
            by_hand.mark_many(
                unmarked.entries, status=status, by=by, at=at, note=gettext("marked together with others")
            )
            if takes_register:
                session_end.record_absentees(meetings=meetings, at=at)
            detail = ngettext("%(count)d student: %(status)s", "%(count)d students: %(status)s", count)
            words = {"count": count, "status": status.label}
            audit_log.record_all(sessions, action=Action.BULK, by=by, at=at, detail=detail % words)
            # Of the whole group, and as they are now that they are locked.
            ended = [meeting for meeting in meetings_run_together(session_or_group) if meeting.ended_at]
            students = None if takes_register else [entry.student_id for entry in unmarked.entries]
            seal(ended, at=at, students=students)
    return count


def _seal(places: Sequence[Place], student: Student, *, at: datetime.datetime) -> None:
    """Seal the student's marks in registers that have ended."""
    ended = [place.session.meeting for place in places if place.session.meeting.ended_at]
    seal(ended, at=at, students=[student.pk])


def _entry(session: QRSession, student: Student) -> RosterEntry:
    return (
        RosterEntry.objects.with_notes()
        .with_labels()
        .select_related("student")
        .get(meeting=session.meeting, student=student)
    )


def _add_if_missing(session: QRSession, student: Student, *, may_add: bool) -> None:
    if session.meeting.roster.filter(student=student).exists():
        return
    if not may_add:
        raise TeachersOnly
    # All of the group's locks in one order, because the student may be on other rosters of it.
    advisory_locks.share(meetings_run_together(session).values_list("pk", flat=True))
    add_student(meeting=session.meeting, student=student)


def _places_with_same_mark(places: Sequence[Place], session: QRSession) -> list[Place]:
    """The student's place in the session, and those whose mark came from the same scan or correction, or that have none too."""
    here = next((place for place in places if place.session.pk == session.pk), None)
    if here is None:
        raise NotEnrolled
    mark = mark_key(here.entry.record)
    return [place for place in places if place is here or mark_key(place.entry.record) == mark]


def _lock(session_or_group: SessionOrGroup) -> None:
    """Keep joins and marks out until the transaction ends, in the whole group if there is one."""
    run_as = session_or_group.run_as
    if isinstance(run_as, GroupSession):
        lock_group(run_as)
    advisory_locks.hold(meetings_run_together(session_or_group).values_list("pk", flat=True))
