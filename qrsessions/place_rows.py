"""How students stand on rosters, and the sessions there, for many students by one statement each."""

from collections.abc import Collection

from attendance import locks, statements
from attendance.models import AttendanceRecord, Course, Meeting, MeetingGroup, RosterEntry, Section
from attendance.statements import Read, Row
from qrsessions.models import GroupSession, QRSession

_ENTRY = Read(entry=RosterEntry, record=AttendanceRecord)
_ENTRIES = f"""
    SELECT {_ENTRY.columns}
      FROM attendance_roster AS entry
      LEFT JOIN attendance_attendancerecord AS record ON record.id = entry.record_id
     WHERE entry.student_id = ANY(%(students)s)
"""  # noqa: S608 - nothing but the text above
_AT_MEETINGS = f"{_ENTRIES} AND entry.meeting_id = ANY(%(wanted)s)"
_IN_GROUPS = f"""{_ENTRIES} AND entry.meeting_id IN (
    SELECT id FROM attendance_meeting WHERE group_id = ANY(%(wanted)s))
"""  # noqa: S608 - nothing but the text above

_SESSION = Read(
    session=QRSession, meeting=Meeting, section=Section, course=Course, held=MeetingGroup, run=GroupSession
)
_SESSIONS = f"""
    SELECT {_SESSION.columns}
      FROM qrsessions_qrsession AS session
      JOIN attendance_meeting AS meeting ON meeting.id = session.meeting_id
      JOIN attendance_section AS section ON section.id = meeting.section_id
      JOIN attendance_course AS course ON course.id = section.course_id
      LEFT JOIN attendance_meetinggroup AS held ON held.id = meeting.group_id
      LEFT JOIN qrsessions_groupsession AS run ON run.group_id = held.id
     WHERE session.meeting_id = ANY(%(meetings)s)
"""  # noqa: S608 - nothing but the text above


def share(meetings: list[int], *, students: list[int]) -> tuple[list[RosterEntry], dict[int, QRSession]]:
    """Share the locks of these meetings (``locks.share``); then, in the same round trip, read how they stand.

    :returns: the students' entries on their rosters, with their records; the sessions by their primary keys
    """
    _locked, entries, sessions = statements.run_all(
        locks.sharing(meetings),
        (_AT_MEETINGS, {"students": students, "wanted": meetings}),
        (_SESSIONS, {"meetings": meetings}),
    )
    return _entries(entries), _sessions(sessions)


def entries_in(groups: list[int], *, students: list[int]) -> list[RosterEntry]:
    """The students' entries on the rosters of the meetings of these groups, with their records."""
    return _entries(statements.run(_IN_GROUPS, {"students": students, "wanted": groups}))


def sessions_of(meetings: Collection[int]) -> dict[int, QRSession]:
    """The sessions of these meetings by their primary keys, with the names of all that they belong to."""
    return _sessions(statements.run(_SESSIONS, {"meetings": list(meetings)}))


def _entries(rows: list[Row]) -> list[RosterEntry]:
    entries = []
    for row in rows:
        entry, entry.record = _ENTRY.instances(row)
        entries.append(entry)
    return entries


def _sessions(rows: list[Row]) -> dict[int, QRSession]:
    found = {}
    for row in rows:
        session, meeting, section, section.course, group, run = _SESSION.instances(row)
        session.meeting, meeting.section, meeting.group = meeting, section, group
        if group and run:
            run.group = group
            group.group_session = run
        found[session.pk] = session
    return found
