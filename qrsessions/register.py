"""The register of a session, or of all sessions of a group, as programs and pages read it: whole, and what changed since.

A reader holds a *cursor*: the version of the database that an answer was made from, and the digest of the rows that were
told. The version is a hash over the places and writers (``ctid``, ``xmin``) of all row versions that the register is
made of, as one snapshot sees them: equal versions mean equal registers, whatever order transactions commit in, and
finding so is one small query. It is read before the rows, so the rows may be newer than it: then the next version
differs, and the comparison of rows with what was told finds nothing new.

What was told is kept in the cache, by its own digest, as digests of its rows. That may be lost at any moment: then
the answer is the whole register.
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
from rest_framework.fields import DateTimeField

from attendance.models import RosterEntry
from attendance.natural_order import natural_key
from attendance.shared_devices import shared_devices
from qrsessions.models import GroupSession, QRSession

KEPT_SECONDS = 300
_CURSOR = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}")
_DIGEST_BYTES = 8

_VERSION = """
WITH hall AS (SELECT id, section_id, group_id FROM attendance_meeting
               WHERE id = ANY(%(meetings)s) OR group_id = %(group)s),
     records AS (SELECT student_id, ctid, xmin FROM attendance_attendancerecord
                  WHERE meeting_id IN (SELECT id FROM hall)),
     enrolments AS (SELECT student_id, ctid, xmin FROM attendance_enrolment
                     WHERE section_id IN (SELECT section_id FROM hall)),
     versions AS (SELECT 'r' AS kind, ctid, xmin FROM records
                  UNION ALL SELECT 'e', ctid, xmin FROM enrolments
                  UNION ALL SELECT 's', ctid, xmin FROM attendance_student
                             WHERE id IN (SELECT student_id FROM records UNION SELECT student_id FROM enrolments)
                  UNION ALL SELECT 'g', ctid, xmin FROM attendance_groupseat WHERE group_id = %(group)s
                  UNION ALL SELECT 'm', ctid, xmin FROM attendance_meeting WHERE id IN (SELECT id FROM hall))
SELECT md5(count(*)::text || ' '
        || COALESCE(sum(hashtextextended(kind || ctid::text || xmin::text, 1)), 0)::text || ' '
        || COALESCE(sum(hashtextextended(kind || ctid::text || xmin::text, 2)), 0)::text)
  FROM versions
"""


@dataclass(frozen=True)
class Changes:
    """``rows`` are all of the register where it is ``whole``, else those that changed since the reader's cursor."""

    cursor: str
    whole: bool
    rows: list[dict[str, Any]]


def register_rows(sessions: Sequence[QRSession], *, counted: bool = False) -> list[dict[str, Any]]:
    """The rosters of the sessions with what is known of each student, in natural order of the roll numbers.

    :param sessions: one, or all of a group in the order in which they are listed
    :param counted: each student once, where the student counts; with the session's id in the row
    """
    entries = RosterEntry.objects.filter(meeting__in=[session.meeting_id for session in sessions])
    found = (entries.counted() if counted else entries).values_list(
        "meeting_id",
        "student_id",
        "student__student_id",
        "roll_number",
        "student__name",
        "record__joined_at",
        "record__marked_at",
        "record__status",
        "record__method",
    )
    place = {session.meeting_id: number for number, session in enumerate(sessions)}
    shared = shared_devices(sessions[0].meeting)
    moment = DateTimeField(allow_null=True).to_representation
    rows = []
    for meeting, pk, student_id, roll_number, name, joined_at, marked_at, status, method in sorted(
        found, key=lambda row: (place[row[0]], natural_key(row[3]))
    ):
        row = {
            "student_id": student_id,
            "roll_number": roll_number,
            "name": name,
            "joined_at": joined_at and moment(joined_at),
            "marked_at": marked_at and moment(marked_at),
            "status": status,
            "method": method,
            "shares_device_with": [sharer.student_id for sharer in shared.get(pk, ())],
        }
        rows.append(row | {"session": sessions[place[meeting]].public_id} if counted else row)
    return rows


def changes_since(cursor: str, *, source: QRSession | GroupSession, sessions: Sequence[QRSession]) -> Changes:
    """What has changed of the register since the cursor was given.

    It is whole for a cursor that is unknown or too old, and where the roster itself or its order is another.

    :param source: whose register it is
    :param sessions: its sessions, in the order in which they are listed
    """
    version = _version(source)
    known = cursor if _CURSOR.fullmatch(cursor) else ""
    if known.startswith(f"{version}-") and _is_kept(known):
        return Changes(known, whole=False, rows=[])
    rows = register_rows(sessions, counted=isinstance(source, GroupSession))
    told = b"".join([_names(rows), *map(_digest, rows)])
    now = f"{version}-{hashlib.blake2b(told, digest_size=16).hexdigest()}"
    before = cache.get(_key(known)) if known else None
    cache.set(_key(now), told, KEPT_SECONDS)
    if before is None or before[:_DIGEST_BYTES] != told[:_DIGEST_BYTES]:
        return Changes(now, whole=True, rows=rows)
    differs = [
        before[start : start + _DIGEST_BYTES] != told[start : start + _DIGEST_BYTES]
        for start in range(_DIGEST_BYTES, len(told), _DIGEST_BYTES)
    ]
    return Changes(now, whole=False, rows=[row for row, new in zip(rows, differs, strict=True) if new])


def _is_kept(cursor: str) -> bool:
    """Whether what was told is known still; it is kept for a while more."""
    try:
        return bool(cache.touch(_key(cursor), KEPT_SECONDS))
    except (RedisError, OSError):
        # Of all that the cache does, django-redis lets this alone fail loudly.
        return False


def _version(source: QRSession | GroupSession) -> str:
    is_group = isinstance(source, GroupSession)
    group = source.group_id if isinstance(source, GroupSession) else source.meeting.group_id
    meetings = [] if is_group else [source.pk]
    with connection.cursor() as cursor:
        cursor.execute(_VERSION, {"meetings": meetings, "group": group})
        (version,) = cursor.fetchone()
    return str(version)


def _names(rows: Sequence[dict[str, Any]]) -> bytes:
    """The digest of who is listed, and in which order."""
    return _digest([(row["student_id"], row.get("session")) for row in rows])


def _digest(value: object) -> bytes:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=_DIGEST_BYTES).digest()


def _key(cursor: str) -> str:
    return f"register:{cursor.partition('-')[2]}"
