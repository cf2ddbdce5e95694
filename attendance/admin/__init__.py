"""The admin of attendance: rosters are edited here; the register, which has rules of its own, is only read."""

from attendance.admin import meetings, people, sign_ins, teaching

__all__ = ["meetings", "people", "sign_ins", "teaching"]
