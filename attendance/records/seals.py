"""Sealing registers: a transaction that changes a register which was sealed, or ends one, adds a seal of what it left.

Whoever changes the records or the state of an ended meeting calls ``seal`` as the last thing in the transaction.
"""

import datetime
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connection

from attendance.lib import advisory_locks, seal_keys
from attendance.models import Meeting, RegisterSeal


def seal(
    meetings: Collection[Meeting], *, at: datetime.datetime, students: Collection[int] | None = None
) -> int:
    """Seal the registers of these meetings, in three statements. Returns how many seals were made.

    A meeting that has not ended has no register. It gets a seal only if it had one before, as when it is reopened. A
    register that is as its latest seal says gets none.

    Call it last in the transaction, when every lock is held: the chain of a section is locked until the commit. A
    transaction that changes several meetings locks all of them first, and seals them together at the end.

    :param students: the primary keys of those whose records changed; by default all. Sealing no more than what changed keeps
        a seal from covering what somebody else has altered meanwhile
    """
    if not meetings:
        return 0
    # Whoever waited here reads what the other has committed.
    advisory_locks.hold_seals({meeting.section_id for meeting in meetings})
    key, heads = seal_keys.current(), dict[int, tuple[int, str]]()
    made = []
    for section, meeting, is_whole, content, number, mac in _rows(
        _UNSEALED,
        meetings=[meeting.pk for meeting in meetings],
        students=list(students or []),
        all=students is None,
    ):
        last, previous = heads.get(section, (number, mac))
        new = RegisterSeal(
            section_id=section,
            number=last + 1,
            meeting_id=meeting,
            made_at=at,
            is_whole=is_whole,
            content=content,
            key_id=key.id,
        )
        new.mac = key.mac(new.message(previous=previous))
        heads[section] = (new.number, new.mac)
        made.append(new)
    RegisterSeal.objects.bulk_create(made)
    return len(made)


def contents(meetings: Iterable[int]) -> dict[int, str]:
    """What a seal of each of these whole registers would hold now, by the primary key of the meeting. One statement."""
    return dict(_rows(_CONTENTS, meetings=list(meetings)))


def _rows(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


# The content of a seal: the state of the meeting; its records, which are its register; and their changes. Moments are
# microseconds. ``attendance.registers.verification.chain`` reads it.
_CONTENT = """
    json_build_object(
        'meeting', json_build_array(
            meeting.section_id, meeting.date, (extract(epoch FROM meeting.starts_at) * 1000000)::bigint,
            meeting.state, (extract(epoch FROM meeting.ended_at) * 1000000)::bigint),
        'records', (
            SELECT coalesce(json_agg(json_build_array(
                       record.id, record.student_id, record.status, record.method, record.label_id,
                       record.excused_reason_id, (extract(epoch FROM record.marked_at) * 1000000)::bigint,
                       record.marked_by_id) ORDER BY record.id), '[]')
              FROM attendance_attendancerecord record
             WHERE record.meeting_id = meeting.id AND meeting.ended_at IS NOT NULL
               AND ({whole} OR record.student_id = ANY(%(students)s))),
        'changes', (
            SELECT coalesce(json_agg(json_build_array(
                       change.id, change.record_id, change.from_status, change.from_method, change.from_label_id,
                       change.from_reason_id, (extract(epoch FROM change.from_marked_at) * 1000000)::bigint,
                       change.to_status, change.to_method, change.to_label_id, change.to_reason_id,
                       (extract(epoch FROM change.changed_at) * 1000000)::bigint, change.changed_by_id
                   ) ORDER BY change.id), '[]')
              FROM attendance_recordchange change
              JOIN attendance_attendancerecord record ON record.id = change.record_id
             WHERE record.meeting_id = meeting.id AND meeting.ended_at IS NOT NULL
               AND ({whole} OR record.student_id = ANY(%(students)s)))
    )::text
"""

_CONTENTS = f"""
    SELECT meeting.id, {_CONTENT.format(whole="TRUE").replace("%(students)s", "'{}'")}
      FROM attendance_meeting meeting WHERE meeting.id = ANY(%(meetings)s)
"""  # noqa: S608 - only text of this module

# Where the latest seal has no register, or there is none, the whole register is sealed: there is nothing to complete.
_UNSEALED = f"""
    SELECT meeting.section_id, meeting.id, new.is_whole, new.content, coalesce(head.number, 0), coalesce(head.mac, '')
      FROM attendance_meeting meeting
      LEFT JOIN LATERAL (
          SELECT seal.content FROM attendance_registerseal seal
           WHERE seal.meeting_id = meeting.id ORDER BY seal.number DESC LIMIT 1
      ) AS latest ON TRUE
      LEFT JOIN LATERAL (
          SELECT seal.number, seal.mac FROM attendance_registerseal seal
           WHERE seal.section_id = meeting.section_id ORDER BY seal.number DESC LIMIT 1
      ) AS head ON TRUE
      CROSS JOIN LATERAL (
          SELECT %(all)s::boolean OR latest.content::json -> 'meeting' ->> 4 IS NULL AS is_whole
      ) AS how
      -- With OFFSET, or PostgreSQL would read the content twice.
      CROSS JOIN LATERAL (SELECT how.is_whole, {_CONTENT.format(whole="how.is_whole")} AS content OFFSET 0) AS new
     WHERE meeting.id = ANY(%(meetings)s) AND new.content IS DISTINCT FROM latest.content
       AND (meeting.ended_at IS NOT NULL OR latest.content IS NOT NULL)
     ORDER BY meeting.section_id, meeting.id
"""  # noqa: S608 - only text of this module
