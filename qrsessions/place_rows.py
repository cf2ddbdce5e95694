"""How students stand on rosters, and the sessions there, for many students by one statement each."""

from collections.abc import Collection

from attendance import statements
from attendance.models import AttendanceRecord, Course, Meeting, MeetingGroup, RosterEntry, Section
from attendance.statements import Read
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


def entries_at(meetings: list[int], *, students: list[int]) -> list[RosterEntry]:
    """The students' entries on the rosters of these meetings, with their records."""
    return _entries(_AT_MEETINGS, students, meetings)


def entries_in(groups: list[int], *, students: list[int]) -> list[RosterEntry]:
    """The students' entries on the rosters of the meetings of these groups, with their records."""
    return _entries(_IN_GROUPS, students, groups)


def _entries(statement: str, students: list[int], wanted: list[int]) -> list[RosterEntry]:
    entries = []
    for row in statements.run(statement, {"students": students, "wanted": wanted}):
        entry, entry.record = _ENTRY.instances(row)
        entries.append(entry)
    return entries


def sessions_of(meetings: Collection[int]) -> dict[int, QRSession]:
    """The sessions of these meetings by their primary keys, with the names of all that they belong to."""
    found = {}
    for row in statements.run(_SESSIONS, {"meetings": list(meetings)}):
        session, meeting, section, section.course, group, run = _SESSION.instances(row)
        session.meeting, meeting.section, meeting.group = meeting, section, group
        if group and run:
            run.group = group
            group.group_session = run
        found[session.pk] = session
    return found
