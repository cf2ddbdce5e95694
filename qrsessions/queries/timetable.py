"""The meetings of a teacher's day and week, those whose register was not taken, and a student's next classes.

An admin sees those they teach: the institution's are in the admin and the API. Days and weeks have every meeting, also one
of a past term.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils import timezone

from attendance.models import Enrolment, Meeting, MeetingState, Student, User
from attendance.models.meetings import MeetingQuerySet
from attendance.queries.teaching import Substitution, substitutions
from attendance.stats import Stats, meeting_stats

WEEK = datetime.timedelta(days=7)
DAY = datetime.timedelta(days=1)
# Shown on the home page; the rest is one click away.
MISSING_ON_HOME = 5


@dataclass(frozen=True)
class ListedMeeting:
    """A meeting with what a list shows of it. ``stats`` is None while it is planned or cancelled."""

    meeting: Meeting
    stats: Stats | None
    is_over: bool
    substitution: Substitution | None

    @property
    def can_be_opened(self) -> bool:
        """Whether a session may be opened at it: it is planned, and not over."""
        return self.meeting.state == MeetingState.PLANNED and not self.is_over

    @property
    def is_not_taken(self) -> bool:
        """Whether it is over, and nobody took attendance or cancelled it."""
        return self.is_over and self.meeting.state == MeetingState.PLANNED

    @property
    def ends_at(self) -> datetime.datetime | None:
        """When it was planned to end; if nobody planned it, when it ended."""
        return self.meeting.ends_at or self.meeting.ended_at


@dataclass(frozen=True)
class Day:
    date: datetime.date
    is_today: bool
    meetings: Sequence[ListedMeeting]


def timetable_of_day(user: User, date: datetime.date, *, at: datetime.datetime) -> list[ListedMeeting]:
    """The user's meetings on a day in order, if any of them is on the timetable."""
    meetings = _meetings_between(user, date, date, at=at)
    return _listed(meetings, user=user, at=at) if any(meeting.is_planned for meeting in meetings) else []


def week_of(user: User, date: datetime.date, *, at: datetime.datetime) -> list[Day]:
    """The seven days of the date's week, Monday first, with their meetings."""
    monday = date - datetime.timedelta(days=date.weekday())
    today = timezone.localdate(at)
    listed = _listed(_meetings_between(user, monday, monday + 6 * DAY, at=at), user=user, at=at)
    dates = [monday + number * DAY for number in range(7)]
    return [Day(day, day == today, [one for one in listed if one.meeting.date == day]) for day in dates]


def not_taken(user: User, *, at: datetime.datetime, also_past: bool = False) -> list[Meeting]:
    """Planned meetings that are over and whose attendance nobody took, the latest first, with the user's rights.

    :param also_past: also those of past terms
    """
    today = timezone.localdate(at)
    taught = Meeting.objects.taught_by(user, on=today).with_rights(user, on=today)
    found = _with_names(taught).not_taken(at)
    listed = found if also_past else found.in_current_terms(on=today)
    return list(listed.order_by("-starts_at", "pk"))


def coming_classes(student: Student, *, at: datetime.datetime) -> list[Meeting]:
    """The student's planned and cancelled classes from now until a week from now, in order."""
    today = timezone.localdate(at)
    enrolled = Enrolment.objects.filter(
        Enrolment.holds_on(OuterRef("date")), student=student, section=OuterRef("section")
    )
    found = Meeting.objects.filter(
        Exists(enrolled),
        date__range=(today, today + WEEK),
        state__in=[MeetingState.PLANNED, MeetingState.CANCELLED],
        ends_at__gt=at,
    )
    return list(_with_names(found).order_by("starts_at", "pk"))


def _meetings_between(
    user: User, first: datetime.date, last: datetime.date, *, at: datetime.datetime
) -> list[Meeting]:
    taught = Meeting.objects.taught_by(user, on=timezone.localdate(at)).filter(date__range=(first, last))
    return list(_with_names(taught).not_discarded().order_by("starts_at", "pk"))


def _with_names(meetings: MeetingQuerySet) -> MeetingQuerySet:
    return meetings.select_related("section__course", "section__term", "group", "session")


def _listed(meetings: Sequence[Meeting], *, user: User, at: datetime.datetime) -> list[ListedMeeting]:
    met = [one for one in meetings if one.state in (MeetingState.OPEN, MeetingState.HELD)]
    stats = meeting_stats(met, at=at) if met else {}
    given = substitutions(meetings, reader=user)
    return [
        ListedMeeting(
            one,
            stats.get(one.pk),
            is_over=bool(one.ends_at and one.ends_at < at),
            substitution=given.get(one.pk),
        )
        for one in meetings
    ]
