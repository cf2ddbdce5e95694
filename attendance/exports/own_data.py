"""What attendance keeps about one student, for that student. ``qrsessions.own_data`` makes the files of it."""

import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.utils import timezone
from rest_framework.authtoken.models import Token

from attendance.models import AttendanceRecord, GroupSeat, Meeting, RecordChange, Section, Student, User


def own_data(student: Student) -> dict[str, Any]:
    """Everything about the student but technical keys. Times are texts with the institution's offset.

    Of those who taught or marked, only the names.
    """
    enrolments = student.enrolments.select_related("section__course").order_by("from_date", "pk")
    seats = GroupSeat.objects.filter(student=student).select_related("group", "meeting__section__course")
    records = student.records.select_related("meeting__section__course", "marked_by")
    return {
        "student": {"student_id": student.student_id, "name": student.name, "email": student.email},
        "account": _account(student.user) if student.user else None,
        "enrolments": [
            {
                **section_words(enrolment.section),
                "roll_number": enrolment.roll_number,
                "from_date": enrolment.from_date.isoformat(),
                "to_date": enrolment.to_date.isoformat() if enrolment.to_date else None,
            }
            for enrolment in enrolments
        ],
        "records": [
            _record(record)
            for record in records.prefetch_related("changes__changed_by").order_by("meeting__starts_at", "pk")
        ],
        "seats_in_groups": [
            {"group": seat.group.public_id, **meeting_words(seat.meeting)} for seat in seats.order_by("pk")
        ],
        "sign_ins": _sign_ins(student.user) if student.user else [],
    }


def moment(at: datetime.datetime | None) -> str | None:
    return timezone.localtime(at).isoformat() if at else None


def section_words(section: Section) -> dict[str, Any]:
    return {
        "section": section.pk,
        "course": section.course.code,
        "section_name": section.name,
        "term": section.term,
    }


def meeting_words(meeting: Meeting) -> dict[str, Any]:
    return {
        "session": meeting.public_id,
        "date": meeting.date.isoformat(),
        **section_words(meeting.section),
    }


def _account(user: User) -> dict[str, Any]:
    token = Token.objects.filter(user=user).first()
    return {
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "role": user.role.value,
        "created_at": moment(user.date_joined),
        "last_sign_in_at": moment(user.last_login),
        "api_token_since": moment(token.created) if token else None,
    }


def _record(record: AttendanceRecord) -> dict[str, Any]:
    return {
        **meeting_words(record.meeting),
        "roll_number": record.roll_number,
        "joined_at": moment(record.joined_at),
        "marked_at": moment(record.marked_at),
        "status": record.status,
        "method": record.method,
        "marked_by": _name_of(record.marked_by),
        "device_known": bool(record.device),
        "changes": [
            _change(change)
            for change in sorted(record.changes.all(), key=lambda change: (change.changed_at, change.pk))
        ],
    }


def _change(change: RecordChange) -> dict[str, Any]:
    return {
        "changed_at": moment(change.changed_at),
        "changed_by": _name_of(change.changed_by),
        "from_status": change.from_status,
        "from_method": change.from_method,
        "from_marked_at": moment(change.from_marked_at),
        "to_status": change.to_status,
        "to_method": change.to_method,
        "note": change.note,
    }


def _sign_ins(user: User) -> list[dict[str, Any]]:
    sessions = UserSession.objects.filter(user=user).order_by("created_at", "pk")
    return [
        {"signed_in_at": moment(one.created_at), "address": one.ip, "browser": one.user_agent}
        for one in sessions
    ]


def _name_of(user: User | None) -> str | None:
    return user.display_name if user else None
