"""How a change to a record is kept: as a ``RecordChange``, which the database never lets anybody edit."""

import datetime

from attendance.models import AttendanceRecord, Method, RecordChange, Status, User


def change_of(
    before: AttendanceRecord,
    *,
    by: User | None,
    at: datetime.datetime,
    to: tuple[Status | None, Method | None],
    note: str,
    record_id: int | None = None,
) -> RecordChange:
    """The change from the record as it was to a new status and method, not saved yet.

    :param record_id: the primary key of the record, where ``before`` is not a saved one
    """
    status, method = to
    return RecordChange(
        record_id=record_id or before.pk,
        changed_by=by,
        changed_at=at,
        from_status=before.status,
        from_method=before.method,
        from_marked_at=before.marked_at,
        to_status=status,
        to_method=method,
        note=note,
    )
