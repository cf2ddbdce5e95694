"""Everything this app stores about one student, for that student. ``qrsessions.queries.student_data`` makes the files."""

import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.db.models import Prefetch
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    CalendarFeed,
    GroupSeat,
    Meeting,
    RecordChange,
    Section,
    Student,
    User,
)


def stored_data(student: Student) -> dict[str, Any]:
    """Return everything stored about the student except internal ids, ready for JSON.

    Times are ISO 8601 strings in the institution's time zone. Other people, such as whoever marked the student,
    appear by name only.
    """
    enrolments = student.enrolments.select_related("section__course", "section__term").order_by(
        "from_date", "pk"
    )
    seats = GroupSeat.objects.filter(student=student).select_related(
        "group", "meeting__section__course", "meeting__section__term"
    )
    records = student.records.select_related(
        "meeting__section__course", "meeting__section__term", "marked_by", "label", "excused_reason"
    )
    changes = RecordChange.objects.select_related(
        "changed_by", "from_label", "from_reason", "to_label", "to_reason"
    )
    return {
        "student": {"student_id": student.student_id, "name": student.name, "email": student.email},
        "account": _account(student.user) if student.user else None,
        "enrolments": [
            {
                **section_fields(enrolment.section),
                "roll_number": enrolment.roll_number,
                "from_date": enrolment.from_date.isoformat(),
                "to_date": enrolment.to_date.isoformat() if enrolment.to_date else None,
            }
            for enrolment in enrolments
        ],
        "records": [
            _record(record)
            for record in records.prefetch_related(Prefetch("changes", changes)).order_by(
                "meeting__starts_at", "pk"
            )
        ],
        "seats_in_groups": [
            {"group": seat.group.public_id, **meeting_fields(seat.meeting)} for seat in seats.order_by("pk")
        ],
        "sign_ins": _sign_ins(student.user) if student.user else [],
        "api_tokens": _api_tokens(student.user) if student.user else [],
        "calendar_addresses": _calendar_addresses(student.user) if student.user else [],
    }


def local_iso(at: datetime.datetime | None) -> str | None:
    """Return the time as ISO 8601 in the institution's time zone."""
    return timezone.localtime(at).isoformat() if at else None


def section_fields(section: Section) -> dict[str, Any]:
    return {
        "section": section.pk,
        "course": section.course.code,
        "section_name": section.name,
        "term": section.term_name,
    }


def meeting_fields(meeting: Meeting) -> dict[str, Any]:
    return {
        "session": meeting.public_id,
        "date": meeting.date.isoformat(),
        **section_fields(meeting.section),
    }


def _account(user: User) -> dict[str, Any]:
    return {
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "role": user.role.value,
        "created_at": local_iso(user.date_joined),
        "last_sign_in_at": local_iso(user.last_login),
    }


def _record(record: AttendanceRecord) -> dict[str, Any]:
    return {
        **meeting_fields(record.meeting),
        "roll_number": record.roll_number,
        "joined_at": local_iso(record.joined_at),
        "marked_at": local_iso(record.marked_at),
        "status": record.status,
        "label": record.label.name if record.label else None,
        "reason": record.excused_reason.code if record.excused_reason else None,
        "method": record.method,
        "marked_by": _name_of(record.marked_by),
        "device_known": bool(record.device),
        "by_program": record.by_program,
        "changes": [
            _change(change)
            for change in sorted(record.changes.all(), key=lambda change: (change.changed_at, change.pk))
        ],
    }


def _change(change: RecordChange) -> dict[str, Any]:
    return {
        "changed_at": local_iso(change.changed_at),
        "changed_by": _name_of(change.changed_by),
        "from_status": change.from_status,
        "from_label": change.from_label.name if change.from_label else None,
        "from_reason": change.from_reason.code if change.from_reason else None,
        "from_method": change.from_method,
        "from_marked_at": local_iso(change.from_marked_at),
        "to_status": change.to_status,
        "to_label": change.to_label.name if change.to_label else None,
        "to_reason": change.to_reason.code if change.to_reason else None,
        "to_method": change.to_method,
        "note": change.note,
    }


def _sign_ins(user: User) -> list[dict[str, Any]]:
    sessions = UserSession.objects.filter(user=user).order_by("created_at", "pk")
    return [
        {
            "signed_in_at": local_iso(session.created_at),
            "address": session.ip,
            "browser": session.user_agent,
        }
        for session in sessions
    ]


def _name_of(user: User | None) -> str | None:
    return user.display_name if user else None


def _api_tokens(user: User) -> list[dict[str, Any]]:
    return [
        {"created_at": local_iso(token.created_at), "last_used_at": local_iso(token.last_used_at)}
        for token in user.api_tokens.order_by("created_at", "pk")
    ]


def _calendar_addresses(user: User) -> list[dict[str, Any]]:
    return [
        {"created_at": local_iso(feed.created_at), "last_used_at": local_iso(feed.last_used_at)}
        for feed in CalendarFeed.objects.filter(user=user)
    ]
