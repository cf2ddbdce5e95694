"""A user's classes as an iCalendar file (RFC 5545).

Each meeting is an event of its own, in UTC: rules of recurrence and zones are read differently by each program. The file
depends on what is stored and on today's date alone, so an unchanged one is the same to the byte.
"""

import datetime

from django.conf import settings
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from icalendar import Calendar, Event

from attendance.models import CalendarFeed, Enrolment, Meeting, MeetingState, Role, TeachingAssignment, User
from attendance.models.meetings import MeetingQuerySet

PAST = datetime.timedelta(days=60)
FUTURE = datetime.timedelta(days=400)
REFRESH = datetime.timedelta(hours=1)
# Of a class that was not planned and has not ended.
USUAL_LENGTH = datetime.timedelta(hours=1)
SHORTEST = datetime.timedelta(minutes=1)


def calendar_file(feed: CalendarFeed, *, at: datetime.datetime) -> bytes:
    """The meetings of the feed's user from 60 days ago to 400 days ahead, in the site's own language."""
    calendar = Calendar()
    calendar.add("prodid", "-//Rollcall//Rollcall//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    with override(settings.LANGUAGE_CODE):
        name = _("Classes")
        # The first is the standard's, the other what most programs read; so with the interval.
        calendar.add("name", name)
        calendar.add("x-wr-calname", name)
        calendar.add("refresh-interval", REFRESH, {"VALUE": "DURATION"})
        calendar.add("x-published-ttl", REFRESH, {"VALUE": "DURATION"})
        for meeting in _meetings_of(feed.user, today=timezone.localdate(at)):
            calendar.add_component(_event(meeting, feed))
    content: bytes = calendar.to_ical()
    return content


def _meetings_of(user: User, *, today: datetime.date) -> list[Meeting]:
    """The meetings on whose date the user teaches the section or is enrolled in it. Two queries, however many."""
    found = {
        meeting.pk: meeting
        for meetings in (_taught_by(user), _attended_by(user))
        for meeting in meetings.filter(date__range=(today - PAST, today + FUTURE))
        .not_discarded()
        .select_related("section__course", "section__term")
    }
    return sorted(found.values(), key=lambda meeting: (meeting.starts_at, meeting.pk))


def _taught_by(user: User) -> MeetingQuerySet:
    """The meetings on whose date the user teaches the section, and those that were given to the user."""
    if user.role is Role.STUDENT:
        return Meeting.objects.none()
    own = TeachingAssignment.objects.in_force().filter(user=user, section=OuterRef("section"))
    return Meeting.objects.filter(
        Exists(own.holding_on(OuterRef("date"))) | Exists(own.filter(meeting=OuterRef("pk")))
    )


def _attended_by(user: User) -> MeetingQuerySet:
    of_section = "section__enrolments__"
    # One condition, so that the dates are those of the student's own enrolment.
    return Meeting.objects.filter(
        Enrolment.holds_on(F("date"), prefix=of_section), **{f"{of_section}student__user": user}
    )


def _event(meeting: Meeting, feed: CalendarFeed) -> Event:
    section, is_cancelled = meeting.section, meeting.state == MeetingState.CANCELLED
    summary = section.short_name
    starts_at = meeting.starts_at.replace(microsecond=0)
    event = Event()
    # Without the site's host, so that the events stay the same ones after a change of the site's address.
    event.add("uid", f"{meeting.public_id}@rollcall")
    event.add("sequence", meeting.sequence)
    event.add("dtstamp", _changed_at(meeting, feed))
    event.add("last-modified", _changed_at(meeting, feed))
    event.add("dtstart", starts_at.astimezone(datetime.UTC))
    event.add("dtend", _end(meeting, starts_at).astimezone(datetime.UTC))
    event.add("summary", _("Cancelled: %(class)s") % {"class": summary} if is_cancelled else summary)
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if is_cancelled else "OPAQUE")
    if meeting.room:
        event.add("location", meeting.room)
    title = "" if section.course.title == section.course.code else section.course.title
    lines = [meeting.cancel_reason if is_cancelled else "", meeting.title, title, section.term_name]
    if description := "\n".join(filter(None, lines)):
        event.add("description", description)
    return event


def _end(meeting: Meeting, starts_at: datetime.datetime) -> datetime.datetime:
    """The planned end; else the actual one; else an hour after the start."""
    end = meeting.ends_at or meeting.ended_at or starts_at + USUAL_LENGTH
    return max(end.replace(microsecond=0), starts_at + SHORTEST)


def _changed_at(meeting: Meeting, feed: CalendarFeed) -> datetime.datetime:
    """A moment that grows with each change. No moment of a change is stored, and programs only compare this one."""
    moments = filter(None, [feed.created_at, meeting.opened_at, meeting.ended_at])
    changed = max(moments) + datetime.timedelta(seconds=meeting.sequence)
    return changed.replace(microsecond=0).astimezone(datetime.UTC)
