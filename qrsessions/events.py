"""The audit trail of sessions: who did what, and when. Written in the transaction of what was done, so there is neither without the other."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from attendance.models import User
from qrsessions.models import Action, QRSession, SessionEvent

DETAIL_LENGTH = 500


def record(
    *, session: QRSession, action: Action, by: User | None, at: datetime.datetime, detail: str = ""
) -> None:
    """Write down what was done to one session.

    :param by: ``None`` where the session did it by itself
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
    """Write down what was done to all of the sessions of a group, once for each."""
    SessionEvent.objects.bulk_create(
        SessionEvent(session=session, action=action, done_at=at, done_by=by, detail=detail[:DETAIL_LENGTH])
        for session in sessions
    )
