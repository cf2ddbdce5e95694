"""Sessions that were left open end by themselves: with a register, by the same lock as every step, and to be reopened."""

import datetime
import logging
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, Max, OuterRef

from attendance import locks
from attendance.models import AttendanceRecord, RecordChange
from qrsessions.groups import hold_members
from qrsessions.lifecycle import STEPS, apply_step
from qrsessions.models import GroupSession, QRSession, RefusedScan, SessionEvent, SessionStatus

logger = logging.getLogger("rollcall.closing")


def ends_after() -> datetime.timedelta | None:
    """After how long without anything happening a session ends; ``None`` where none ever does."""
    hours: float = settings.SESSION_ENDS_AFTER_HOURS
    return datetime.timedelta(hours=hours) if hours > 0 else None


def end_forgotten(*, at: datetime.datetime, after: datetime.timedelta) -> list[QRSession]:
    """End the sessions in which nothing has happened for so long; a group as a whole, or not at all.

    What happens is a step or another action of a teacher, a join, a scan, a mark, or a correction.

    :returns: those that were ended
    """
    since = at - after
    ended: list[QRSession] = []
    for session in _forgotten(since):
        try:
            ended += _end(session, since=since, at=at)
        except DatabaseError:
            if not connection.is_usable():
                raise
            # One that cannot be ended must not keep the others open.
            logger.exception("session_not_ended", extra={"session": session.public_id})
    return ended


def _forgotten(since: datetime.datetime) -> list[QRSession]:
    """Sessions that may have to end, of each group one: what is true of them is looked at again under their locks."""
    newer = [
        SessionEvent.objects.filter(session=OuterRef("pk"), done_at__gt=since),
        AttendanceRecord.objects.filter(meeting=OuterRef("pk"), joined_at__gt=since),
        AttendanceRecord.objects.filter(meeting=OuterRef("pk"), marked_at__gt=since),
    ]
    found = QRSession.objects.open().filter(created_at__lte=since).exclude(Exists(newer[0]))
    found = found.exclude(Exists(newer[1])).exclude(Exists(newer[2])).with_names().order_by("pk")
    return list({session.meeting.group_id or -session.pk: session for session in found}.values())


def _end(session: QRSession, *, since: datetime.datetime, at: datetime.datetime) -> Sequence[QRSession]:
    with transaction.atomic():
        members = _hold(session)
        is_open = bool(members) and all(member.status != SessionStatus.ENDED for member in members)
        if not is_open or _last_moment(members) > since:
            return []
        apply_step(members, STEPS["end"], by=None, at=at)
    return members


def _hold(session: QRSession) -> list[QRSession]:
    """Take what the session is run with alone; nothing where a colleague has just taken it out of its group."""
    if session.meeting.group_id:
        group_session = GroupSession.objects.filter(group=session.meeting.group_id).first()
        return hold_members(group_session) if group_session else []
    locks.hold([session.meeting_id])
    return list(QRSession.objects.with_names().filter(pk=session.pk, meeting__group=None))


def _last_moment(members: Sequence[QRSession]) -> datetime.datetime:
    """When something happened in one of the sessions for the last time."""
    meetings = [member.meeting_id for member in members]
    records = AttendanceRecord.objects.filter(meeting__in=meetings)
    moments: Iterable[datetime.datetime | None] = [
        *(member.created_at for member in members),
        *SessionEvent.objects.filter(session__in=meetings).aggregate(Max("done_at")).values(),
        *records.aggregate(Max("joined_at"), Max("marked_at")).values(),
        *RecordChange.objects.filter(record__meeting__in=meetings).aggregate(Max("changed_at")).values(),
        *RefusedScan.objects.filter(session__in=meetings).aggregate(Max("scanned_at")).values(),
    ]
    return max(moment for moment in moments if moment)
