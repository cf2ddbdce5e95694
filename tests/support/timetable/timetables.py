"""A term of four Mondays in October 2026, and what is planned in it."""

import datetime

from django.utils import timezone

MONDAY = datetime.date(2026, 10, 5)
BEFORE = datetime.datetime(2026, 10, 1, 12, tzinfo=datetime.UTC)


def days(number: int) -> datetime.timedelta:
    return datetime.timedelta(days=number)


def planned(section) -> list[tuple[str, str, str]]:
    """Date, local start and state of each meeting, in order."""
    return [
        (
            str(meeting.date),
            timezone.localtime(meeting.starts_at).strftime("%d %H:%M"),
            meeting.state,
        )
        for meeting in section.meetings.order_by("starts_at")
    ]


def mondays(*numbers: int, at: str = "10:00") -> list[tuple[str, str, str]]:
    return [(f"2026-10-{day:02}", f"{day:02} {at}", "planned") for day in numbers]
