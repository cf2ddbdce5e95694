"""Ending forgotten sessions.

One with marks gets a register like any ended session. One in which nobody was marked gets no absences: its register was
not taken. Teachers can reopen both. One that nobody joined is discarded.
"""

import datetime
import logging
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, Max, OuterRef

from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, RecordChange
from attendance.records import session_end
from qrsessions.models import GroupSession, QRSession, RefusedScan, SessionEvent, SessionStatus
from qrsessions.queries.waiting_scans import waiting_scans
from qrsessions.refusals import SessionGone
from qrsessions.services.discarding import discard_locked
from qrsessions.services.groups import lock_members
from qrsessions.services.lifecycle import END_WITHOUT_ABSENCES, STEPS, apply_step

logger = logging.getLogger("rollcall.closing")


def ends_after() -> datetime.timedelta | None:
    """How long a session may be idle before it ends; ``None`` if sessions never end by themselves."""
    hours: float = settings.SESSION_ENDS_AFTER_HOURS
    return datetime.timedelta(hours=hours) if hours > 0 else None


def end_forgotten(*, at: datetime.datetime, after: datetime.timedelta) -> list[QRSession]:
    """End or discard the sessions that have been idle for ``after``; a group only as a whole.

    A session is idle while no teacher acts on it and there is no join, scan, mark or correction.

    :returns: the sessions that were ended, and those that were discarded (see the state of their meetings)
    """
    since = at - after
    ended: list[QRSession] = []
    for session in _forgotten(since):
        try:
            ended += _end(session, since=since, at=at)
        except DatabaseError:
            if not connection.is_usable():
                raise
            # A session that cannot be ended must not keep the others open.
            logger.exception("session_not_ended", extra={"session": session.public_id})
    return ended


def _forgotten(since: datetime.datetime) -> list[QRSession]:
    """Sessions that may be idle, one of each group. ``_end`` checks again under their locks."""
    newer = [
        SessionEvent.objects.filter(meeting=OuterRef("pk"), done_at__gt=since),
        AttendanceRecord.objects.filter(meeting=OuterRef("pk"), joined_at__gt=since),
        AttendanceRecord.objects.filter(meeting=OuterRef("pk"), marked_at__gt=since),
    ]
    found = QRSession.objects.open().filter(created_at__lte=since).exclude(Exists(newer[0]))
    found = found.exclude(Exists(newer[1])).exclude(Exists(newer[2])).with_names().order_by("pk")
    return list({session.meeting.group_id or -session.pk: session for session in found}.values())


def _end(session: QRSession, *, since: datetime.datetime, at: datetime.datetime) -> Sequence[QRSession]:
    with transaction.atomic():
        members = _lock(session)
        is_open = bool(members) and all(member.status != SessionStatus.ENDED for member in members)
        if not is_open or _last_activity(members) > since:
            return []
        meetings = [member.meeting for member in members]
        if session_end.are_marked(meetings):
            apply_step(members, STEPS["end"], by=None, at=at)
        elif session_end.are_joined(meetings) or waiting_scans(members):
            apply_step(members, END_WITHOUT_ABSENCES, by=None, at=at)
        else:
            discard_locked(members, by=None, at=at)
    return members


def _lock(session: QRSession) -> list[QRSession]:
    """Lock the session with its whole group; empty if it has just left its group."""
    if session.meeting.group_id:
        group_session = GroupSession.objects.with_names().filter(group=session.meeting.group_id).first()
        try:
            return lock_members(group_session) if group_session else []
        except SessionGone:
            return []
    advisory_locks.hold([session.meeting_id])
    return list(QRSession.objects.with_names().filter(pk=session.pk, meeting__group=None))


def _last_activity(members: Sequence[QRSession]) -> datetime.datetime:
    """When something last happened in one of the sessions."""
    meetings = [member.meeting_id for member in members]
    records = AttendanceRecord.objects.filter(meeting__in=meetings)
    moments: Iterable[datetime.datetime | None] = [
        *(member.created_at for member in members),
        *SessionEvent.objects.filter(meeting__in=meetings).aggregate(Max("done_at")).values(),
        *records.aggregate(Max("joined_at"), Max("marked_at")).values(),
        *RecordChange.objects.filter(record__meeting__in=meetings).aggregate(Max("changed_at")).values(),
        *RefusedScan.objects.filter(session__in=meetings).aggregate(Max("scanned_at")).values(),
    ]
    return max(moment for moment in moments if moment)
