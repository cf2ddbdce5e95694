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
    label_id: int | None = None,
    reason_id: int | None = None,
    record_id: int | None = None,
) -> RecordChange:
    """The change from the record as it was to a new status and method, not saved yet.

    :param label_id: the key of the label that the record gets; none by default
    :param reason_id: the key of the reason for the excuse that it gets; none by default
    :param record_id: the primary key of the record, where ``before`` is not a saved one
    """
    status, method = to
    return RecordChange(
        record_id=record_id or before.pk,
        changed_by=by,
        changed_at=at,
        from_status=before.status,
        from_method=before.method,
        from_label_id=before.label_id,
        from_reason_id=before.excused_reason_id,
        from_marked_at=before.marked_at,
        to_status=status,
        to_method=method,
        to_label_id=label_id,
        to_reason_id=reason_id,
        note=note,
    )
