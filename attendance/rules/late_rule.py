"""The late rule: when a scan is late, and the status that a scan gives."""

import datetime

from attendance.models import Status


def late_from(
    started_at: datetime.datetime | None, late_after_minutes: int | None
) -> datetime.datetime | None:
    """The moment from which a scan is late; None before attendance has started, or if the section has no late rule.

    :param started_at: when attendance was last started
    :param late_after_minutes: the section's late rule
    """
    if started_at is None or late_after_minutes is None:
        return None
    return started_at + datetime.timedelta(minutes=late_after_minutes)


def status_of_scan(at: datetime.datetime, late_from: datetime.datetime | None) -> Status:
    """Late from exactly ``late_from`` on, else present.

    :param at: when the scan arrived, which may be before it was admitted or signed in
    """
    return Status.LATE if late_from and at >= late_from else Status.PRESENT
