"""People, sections, meetings and attendance records. Invariants are database constraints: see each model."""

from attendance.models.api_tokens import ApiToken
from attendance.models.assignments import TeachingAssignment, TeachingRole
from attendance.models.calendar_feeds import CalendarFeed
from attendance.models.labels import ExcuseReason, LabelColour, StatusLabel
from attendance.models.meetings import GroupSeat, Meeting, MeetingGroup, MeetingState
from attendance.models.people import Role, Student, User
from attendance.models.records import SCAN_METHODS, AttendanceRecord, Method, RecordChange
from attendance.models.roster import RosterEntry
from attendance.models.rules import AttendanceRule, ExcusedCounts, LabelWeight
from attendance.models.seals import RegisterSeal, SealedExport
from attendance.models.statuses import ATTENDED, Status
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
    "ExcuseReason",
    "ExcusedCounts",
    "GroupSeat",
    "Holiday",
    "LabelColour",
    "LabelWeight",
    "Meeting",
    "MeetingGroup",
    "MeetingPattern",
    "MeetingState",
    "Method",
    "RecordChange",
    "RegisterSeal",
    "Role",
    "RosterEntry",
    "SealedExport",
    "Section",
    "Status",
    "StatusLabel",
    "Student",
    "TeachingAssignment",
    "TeachingRole",
    "Term",
    "User",
    "Weekday",
]
