"""The register of a session, or of all sessions of a group: the whole of it, or what changed since a cursor.

A cursor holds the version of the register in the database and a digest of the rows that the reader was sent. The version
is a hash over the ``ctid`` and ``xmin`` of every row that the register is made from, read in one snapshot by one small
query. Equal versions mean equal registers, in whatever order transactions commit. The version is read before the rows, so
the rows may be newer; then the next version differs, and comparing the rows finds nothing new.

The digests of the rows that were sent are kept in the cache. If they are gone, the answer is the whole register.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection
from redis.exceptions import RedisError

from attendance.lib.moments import moment_json
from attendance.lib.natural_order import natural_key
from attendance.models import ExcuseReason, Meeting, RosterEntry, StatusLabel
from attendance.queries.scan_traces import NOTHING_UNUSUAL, scan_traces
from attendance.queries.shared_devices import shared_devices

KEPT_SECONDS = 300
_CURSOR = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}")
_DIGEST_BYTES = 8

_VERSION = """
WITH meetings AS (SELECT id, section_id, group_id FROM attendance_meeting
               WHERE id = ANY(%(meetings)s) OR group_id = %(group)s),
     records AS (SELECT student_id, ctid, xmin FROM attendance_attendancerecord
                  WHERE meeting_id IN (SELECT id FROM meetings)),
     enrolments AS (SELECT student_id, ctid, xmin FROM attendance_enrolment
                     WHERE section_id IN (SELECT section_id FROM meetings)),
     versions AS (SELECT 'r' AS kind, ctid, xmin FROM records
                  UNION ALL SELECT 'e', ctid, xmin FROM enrolments
                  UNION ALL SELECT 's', ctid, xmin FROM attendance_student
                             WHERE id IN (SELECT student_id FROM records UNION SELECT student_id FROM enrolments)
                  UNION ALL SELECT 'g', ctid, xmin FROM attendance_groupseat WHERE group_id = %(group)s
                  UNION ALL SELECT 'm', ctid, xmin FROM attendance_meeting WHERE id IN (SELECT id FROM meetings))
SELECT md5(count(*)::text || ' '
        || COALESCE(sum(hashtextextended(kind || ctid::text || xmin::text, 1)), 0)::text || ' '
        || COALESCE(sum(hashtextextended(kind || ctid::text || xmin::text, 2)), 0)::text)
  FROM versions
"""


@dataclass(frozen=True)
class Changes:
    """``rows`` is the whole register if ``whole``, else the rows that changed since the reader's cursor."""

    cursor: str
    whole: bool
    rows: list[dict[str, Any]]


def register_rows(meetings: Sequence[Meeting], *, counted: bool = False) -> list[dict[str, Any]]:
    """The rosters of the meetings with what is known of each student, in natural order of the roll numbers.

    :param meetings: one meeting, or all of a group in the order of the list
    :param counted: list each student once, in the session where they count, and add its id to the row
    """
    entries = RosterEntry.objects.filter(meeting__in=[meeting.pk for meeting in meetings])
    if counted:
        entries = entries.counted()
    found = entries.with_notes().values_list(  # type: ignore[misc]
        "meeting_id",
        "student_id",
        "student__student_id",
        "roll_number",
        "student__name",
        "record__joined_at",
        "record__marked_at",
        "record__status",
        "record__label_id",
        "record__excused_reason_id",
        "record__method",
        "note",
        "record_id",
    )
    # Institutions without labels and reasons pay no query for them.
    labels = StatusLabel.objects.in_bulk({row[8] for row in found if row[8]})
    reasons = ExcuseReason.objects.in_bulk({row[9] for row in found if row[9]})
    order = {meeting.pk: number for number, meeting in enumerate(meetings)}
    shared, traces = shared_devices(meetings[0]), scan_traces(meetings[0])
    rows = []
    for (
        meeting,
        pk,
        student_id,
        roll_number,
        name,
        joined_at,
        marked_at,
        status,
        label,
        reason,
        method,
        note,
        record,
    ) in sorted(found, key=lambda row: (order[row[0]], natural_key(row[3]))):
        row = {
            "student_id": student_id,
            "roll_number": roll_number,
            "name": name,
            "joined_at": moment_json(joined_at),
            "marked_at": moment_json(marked_at),
            "status": status,
            "label": labels[label].name if label else None,
            "reason": reasons[reason].code if reason else None,
            "method": method,
            "note": note,
            "shares_device_with": [sharer.student_id for sharer in shared.get(pk, ())],
            "shares_device_on_other_days_with": [
                sharer.student_id for sharer in traces.get(record, NOTHING_UNUSUAL).other_days
            ],
            "flags": list(traces.get(record, NOTHING_UNUSUAL).flags),
        }
        rows.append(row | {"session": meetings[order[meeting]].public_id} if counted else row)
    return rows


def changes_since(cursor: str, *, meetings: Sequence[Meeting], counted: bool = False) -> Changes:
    """What changed in the register since the cursor.

    The answer is the whole register if the cursor is unknown or too old, or the roster or its order has changed.

    :param meetings: one meeting, or all of a group in the order of the list
    :param counted: as for ``register_rows``
    """
    version = _version(meetings[0])
    known = cursor if _CURSOR.fullmatch(cursor) else ""
    if known.startswith(f"{version}-") and _is_kept(known):
        return Changes(known, whole=False, rows=[])
    rows = register_rows(meetings, counted=counted)
    sent = b"".join([_names(rows), *map(_digest, rows)])
    now = f"{version}-{hashlib.blake2b(sent, digest_size=16).hexdigest()}"
    before = cache.get(_key(known)) if known else None
    cache.set(_key(now), sent, KEPT_SECONDS)
    if before is None or before[:_DIGEST_BYTES] != sent[:_DIGEST_BYTES]:
        return Changes(now, whole=True, rows=rows)
    differs = [
        before[start : start + _DIGEST_BYTES] != sent[start : start + _DIGEST_BYTES]
        for start in range(_DIGEST_BYTES, len(sent), _DIGEST_BYTES)
    ]
    return Changes(now, whole=False, rows=[row for row, new in zip(rows, differs, strict=True) if new])


def _is_kept(cursor: str) -> bool:
    """Whether the digests are still in the cache; if so, keep them for another while."""
    try:
        return bool(cache.touch(_key(cursor), KEPT_SECONDS))
    except (RedisError, OSError):
        # The only cache call for which django-redis does not ignore errors.
        return False


def _version(meeting: Meeting) -> str:
    """The version of the meeting's register, or of its group's."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION, {"meetings": [meeting.pk], "group": meeting.group_id})
        (version,) = cursor.fetchone()
    return str(version)


def _names(rows: Sequence[dict[str, Any]]) -> bytes:
    """The digest of the students listed, in their order."""
    return _digest([(row["student_id"], row.get("session")) for row in rows])


def _digest(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=_DIGEST_BYTES).digest()


def _key(cursor: str) -> str:
    return f"register:{cursor.partition('-')[2]}"
