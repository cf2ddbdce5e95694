"""The admin of attendance. Rosters are edited here; the register is read-only, because services enforce its rules."""

from attendance.admin import meetings, people, rules, sign_ins, teaching, timetable

__all__ = ["meetings", "people", "rules", "sign_ins", "teaching", "timetable"]
