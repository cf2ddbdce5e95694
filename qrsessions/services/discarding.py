"""Discarding a session that was opened by mistake, also after its end: only the audit log still shows it.

Its joins, its scans and its key are deleted, so no token, code or claim of it works in the next session.
"""

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from attendance import stats
from attendance.lib.refusals import Refused
from attendance.models import GroupSeat, Meeting, MeetingGroup, MeetingState, User
from attendance.records import session_end
from attendance.records.locks import check_not_locked
from attendance.records.seals import seal
from qrsessions.models import Action, GroupSession, QRSession
from qrsessions.queries.waiting_scans import waiting_scans
from qrsessions.services import audit_log
from qrsessions.services.groups import lock_members
from qrsessions.services.lifecycle import WrongState, lock_single


class HasMarks(Refused):
    """``extra["session"]`` is the id of a session with a mark."""

    code = "has_marks"
    detail = _(
        "Students have been marked in this session, so it cannot be discarded. End it instead, or remove the marks first."
    )


class ScansWaiting(Refused):
    """``extra["session"]`` is the id of a session with a waiting scan."""

    code = "scans_waiting"
    detail = _(
        "A student's scan is waiting to be admitted, so this session cannot be discarded. Admit the scan, or end the session."
    )


def discard(*, session: QRSession, by: User, at: datetime.datetime) -> None:
    """Discard a session that is not part of a group, whatever its status.

    :raises HasMarks: if somebody has a mark other than the absence of the end
    :raises ScansWaiting: if a scan is waiting to be admitted
    :raises WrongState: if the class was cancelled: restore it first
    :raises InGroup: if the session belongs to a group session
    :raises SessionGone: if it was discarded before
    """
    with transaction.atomic():
        discard_locked([lock_single(session)], by=by, at=at)


def discard_group(*, group_session: GroupSession, by: User, at: datetime.datetime) -> None:
    """Discard all sessions of the group, or none.

    :raises HasMarks: if somebody has a mark in one of them
    :raises ScansWaiting: if a scan is waiting in one of them
    :raises SessionGone: if the group was discarded before
    """
    with transaction.atomic():
        discard_locked(lock_members(group_session), by=by, at=at)


def discard_locked(sessions: Sequence[QRSession], *, by: User | None, at: datetime.datetime) -> None:
    """Discard a session, or all sessions of a group. The caller holds their locks.

    :param by: ``None`` if they are discarded automatically
    :raises RegisterLocked: if everybody was recorded as absent, and that can no longer be changed
    """
    for session in sessions:
        if session.meeting.state == MeetingState.CANCELLED:
            raise WrongState(session=session.public_id, status=session.status)
        if session_end.are_marked([session.meeting]):
            raise HasMarks(session=session.public_id)
    if waiting := waiting_scans(sessions):
        raise ScansWaiting(session=waiting[0].session.public_id)
    meetings = [session.meeting for session in sessions]
    if not session_end.are_held_without_statuses(meetings):
        check_not_locked(meetings, at=at)
    groups = {meeting.group_id for meeting in meetings if meeting.group_id}
    title = meetings[0].group.title if meetings[0].group else ""
    audit_log.record_all(sessions, action=Action.DISCARD, by=by, at=at, detail=title)
    had_ended = [meeting for meeting in meetings if meeting.roster_fixed_at]
    session_end.delete_unmarked(meetings=meetings)
    GroupSeat.objects.filter(meeting__in=meetings).delete()
    QRSession.objects.filter(pk__in=[session.pk for session in sessions]).delete()
    for meeting in meetings:
        meeting.state, meeting.ended_at, meeting.group = MeetingState.DISCARDED, None, None
        if meeting.is_planned:
            # From the timetable: it is planned again, with the roster of its date.
            meeting.state, meeting.opened_at, meeting.roster_fixed_at = MeetingState.PLANNED, None, None
    Meeting.objects.bulk_update(meetings, ["state", "opened_at", "ended_at", "roster_fixed_at", "group"])
    MeetingGroup.objects.filter(pk__in=groups).delete()
    seal(had_ended, at=at)
    transaction.on_commit(lambda: stats.delete_sets([meeting.public_id for meeting in meetings]), robust=True)
