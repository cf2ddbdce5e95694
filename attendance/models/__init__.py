"""People, sections, meetings and attendance records. Invariants are database constraints: see each model."""

from attendance.models.api_tokens import ApiToken
from attendance.models.assignments import TeachingAssignment, TeachingRole
from attendance.models.calendar_feeds import CalendarFeed
from attendance.models.meetings import GroupSeat, Meeting, MeetingGroup, MeetingState
from attendance.models.people import Role, Student, User
from attendance.models.records import ATTENDED, SCAN_METHODS, AttendanceRecord, Method, RecordChange, Status
from attendance.models.roster import RosterEntry
from attendance.models.rules import AttendanceRule, ExcusedCounts
from attendance.models.teaching import Course, Enrolment, Section
from attendance.models.terms import Holiday, Term
from attendance.models.timetable import MeetingPattern, Weekday

__all__ = [
    "ATTENDED",
    "SCAN_METHODS",
    "ApiToken",
    "AttendanceRecord",
    "AttendanceRule",
    "CalendarFeed",
    "Course",
    "Enrolment",
    "ExcusedCounts",
    "GroupSeat",
    "Holiday",
    "Meeting",
    "MeetingGroup",
    "MeetingPattern",
    "MeetingState",
    "Method",
    "RecordChange",
    "Role",
    "RosterEntry",
    "Section",
    "Status",
    "Student",
    "TeachingAssignment",
    "TeachingRole",
    "Term",
    "User",
    "Weekday",
]
