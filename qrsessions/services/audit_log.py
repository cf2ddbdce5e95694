"""Writing the audit log of sessions: who did what, and when. Call it in the transaction of the action itself."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from attendance.models import Meeting, User
from qrsessions.models import Action, QRSession, SessionEvent

DETAIL_LENGTH = 500


def record(
    *, session: QRSession, action: Action, by: User | None, at: datetime.datetime, detail: str = ""
) -> None:
    """Record an action on one session.

    :param by: ``None`` if nobody did it, as when a forgotten session ends by itself
    """
    record_all([session], action=action, by=by, at=at, detail=detail)


def record_all(
    sessions: Iterable[QRSession],
    *,
    action: Action,
    by: User | None,
    at: datetime.datetime,
    detail: str = "",
) -> None:
    """Record an action on several sessions, with one entry for each."""
    record_meetings([session.meeting for session in sessions], action=action, by=by, at=at, detail=detail)


def record_meetings(
    meetings: Iterable[Meeting],
    *,
    action: Action,
    by: User | None,
    at: datetime.datetime,
    detail: str = "",
) -> None:
    """Record an action on several meetings, which need not have sessions."""
    SessionEvent.objects.bulk_create(
        _event(meeting, action=action, by=by, at=at, detail=detail) for meeting in meetings
    )


def record_meeting(
    meeting: Meeting, *, action: Action, by: User | None, at: datetime.datetime, detail: str = ""
) -> None:
    """Record an action on a meeting, which need not have a session."""
    _event(meeting, action=action, by=by, at=at, detail=detail).save()


def _event(
    meeting: Meeting, *, action: Action, by: User | None, at: datetime.datetime, detail: str
) -> SessionEvent:
    return SessionEvent(meeting=meeting, action=action, done_at=at, done_by=by, detail=detail[:DETAIL_LENGTH])
