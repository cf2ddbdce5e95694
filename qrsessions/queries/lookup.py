"""Finding sessions and group sessions by their ids, with everything that a page or answer shows of them."""

import itertools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from attendance.lib import prepared_sql
from attendance.lib.prepared_sql import Columns
from attendance.models import Course, Meeting, MeetingGroup, Section, Term, User
from attendance.models.public_ids import names_a_group
from qrsessions.models import GroupSession, QRSession, SessionOrGroup

COLUMNS = Columns(
    session=QRSession,
    meeting=Meeting,
    section=Section,
    course=Course,
    term=Term,
    opener=User,
    meeting_group=MeetingGroup,
    group_session=GroupSession,
)
# To be followed by a condition.
FROM = """
      FROM qrsessions_qrsession AS session
      JOIN attendance_meeting AS meeting ON meeting.id = session.meeting_id
      JOIN attendance_section AS section ON section.id = meeting.section_id
      JOIN attendance_course AS course ON course.id = section.course_id
      LEFT JOIN attendance_term AS term ON term.id = section.term_id
      JOIN attendance_user AS opener ON opener.id = session.opened_by_id
      LEFT JOIN attendance_meetinggroup AS meeting_group ON meeting_group.id = meeting.group_id
      LEFT JOIN qrsessions_groupsession AS group_session ON group_session.group_id = meeting_group.id
"""
_BY_MEETING = f"SELECT {COLUMNS.sql} {FROM} WHERE session.meeting_id = ANY(%(meetings)s)"
_BY_PUBLIC_ID = f"SELECT {COLUMNS.sql} {FROM} WHERE meeting.public_id = ANY(%(ids)s)"


def find(public_id: str) -> SessionOrGroup | None:
    """The session or group session, or None."""
    return find_all([public_id]).get(public_id)


def find_all(public_ids: Collection[str]) -> dict[str, SessionOrGroup]:
    """The sessions and group sessions that exist, by their public ids."""
    found: dict[str, SessionOrGroup] = {}
    if group_ids := list(filter(names_a_group, public_ids)):
        for group in GroupSession.objects.with_names().filter(group__public_id__in=group_ids):
            found[group.public_id] = group
    if session_ids := list(itertools.filterfalse(names_a_group, public_ids)):
        for session in _sessions_by_public_id(session_ids):
            found[session.public_id] = session
    return found


def sessions_of(meetings: Iterable[int]) -> dict[int, QRSession]:
    """The sessions of these meetings by their primary keys, as ``with_names`` would read them."""
    rows = prepared_sql.run(_BY_MEETING, {"meetings": list(meetings)})
    return {session.pk: session for session in map(session_from, rows)}


def _sessions_by_public_id(public_ids: Iterable[str]) -> list[QRSession]:
    """The sessions that have these public ids, as ``with_names`` would read them."""
    return [session_from(row) for row in prepared_sql.run(_BY_PUBLIC_ID, {"ids": list(public_ids)})]


def session_from(row: Sequence[Any]) -> QRSession:
    """The session in a row of ``COLUMNS``."""
    session: QRSession
    session, meeting, section, course, term, opener, group, group_session = COLUMNS.instances(row)
    session.meeting, session.opened_by = meeting, opener
    meeting.section, meeting.group = section, group
    section.course, section.term = course, term
    if group and group_session:
        group_session.group = group
        group.group_session = group_session
    return session
