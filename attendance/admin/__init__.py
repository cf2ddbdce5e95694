"""The admin of attendance. Rosters are edited here; the register is read-only, because services enforce its rules."""

from attendance.admin import labels, meetings, people, rules, sign_ins, teaching, timetable

__all__ = ["labels", "meetings", "people", "rules", "sign_ins", "teaching", "timetable"]
