"""Who is taught, and who was there. The database refuses what must not be: see each model's constraints."""

from attendance.models.meetings import GroupSeat, Meeting, MeetingGroup
from attendance.models.people import Role, Student, User
from attendance.models.records import ATTENDED, AttendanceRecord, Method, RecordChange, Status
from attendance.models.roster import RosterEntry
from attendance.models.teaching import Course, Enrolment, Section

__all__ = [
    "ATTENDED",
    "AttendanceRecord",
    "Course",
    "Enrolment",
    "GroupSeat",
    "Meeting",
    "MeetingGroup",
    "Method",
    "RecordChange",
    "Role",
    "RosterEntry",
    "Section",
    "Status",
    "Student",
    "User",
]
