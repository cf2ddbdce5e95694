"""The calendar feed as a program reads it, and the page on which its address is made."""

import datetime
import re

import pytest
import time_machine
from django.db import connection
from django.test import Client
from icalendar import Calendar, Event

from attendance.models import CalendarFeed, Meeting, MeetingState
from attendance.models.api_tokens import hash_of
from qrsessions.models import SessionStatus
from qrsessions.services import discarding, meetings
from qrsessions.views.exports import calendar
from tests.support import factories
from tests.support.pages import messages_of, text_of
from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 10, 5, 8, 0, tzinfo=datetime.UTC)
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)


@pytest.fixture
def section(teacher):
    course = factories.make_course(code="CS101", title="Computing")
    return factories.make_section(course=course, name="A", term=None, teachers=[teacher], students=2)


def address_of(user, at=NOW) -> str:
    return f"/calendar/{CalendarFeed.objects.make(user=user, at=at)}.ics"


def read(address: str, **headers):
    return Client().get(address, headers=headers)


def calendar_of(content: bytes) -> Calendar:
    """The file as a strict program reads it: nothing is unknown, folded wrongly or missing."""
    lines = content.split(b"\r\n")
    assert lines.pop() == b""
    assert [line for line in lines if len(line) > 75 or b"\n" in line or b"\r" in line] == []
    # A character is never cut in two by folding.
    texts = [line.decode() for line in lines]
    moments = [text for text in texts if text.startswith(("DT", "LAST-MODIFIED"))]
    assert [text for text in moments if not re.fullmatch(r"[A-Z-]+:\d{8}T\d{6}Z", text)] == [], "not in UTC"
    found = Calendar.from_ical(content)
    assert isinstance(found, Calendar)
    assert found.errors == []
    assert (found["version"], found["method"], bool(found["prodid"])) == ("2.0", "PUBLISH", True)
    for event in found.subcomponents:
        assert isinstance(event, Event), "nothing but events: no zones are needed"
        assert event.errors == []
        assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "STATUS"} <= event.keys()
        assert not {"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "DURATION"} & event.keys()
        assert event.end > event.start
    assert len({event["uid"] for event in found.events}) == len(found.events)
    assert found.to_ical() == content
    return found


def events_of(address: str) -> dict[str, Event]:
    """The events, by the public id of their meeting."""
    events = calendar_of(read(address).content).events
    return {str(event["uid"]).removesuffix("@rollcall"): event for event in events}


def test_feed_has_each_meeting_as_an_event_in_utc(teacher, section):
    planned = factories.make_planned(
        section=section,
        starts_at=NOW + DAY,
        ends_at=NOW + DAY + 2 * HOUR,
        room="H 1",
        title="Recursion",
        sequence=3,
    )
    address = address_of(teacher, at=NOW - DAY)

    assert read(address).content.decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Rollcall//Rollcall//EN",
        "METHOD:PUBLISH",
        "NAME:Classes",
        "X-WR-CALNAME:Classes",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL;VALUE=DURATION:PT1H",
        "BEGIN:VEVENT",
        "SUMMARY:CS101 · A",
        "DTSTART:20261006T080000Z",
        "DTEND:20261006T100000Z",
        "DTSTAMP:20261004T080003Z",
        f"UID:{planned.public_id}@rollcall",
        "SEQUENCE:3",
        "DESCRIPTION:Recursion\\nComputing",
        "LAST-MODIFIED:20261004T080003Z",
        "LOCATION:H 1",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_feed_has_planned_open_held_and_cancelled_meetings_but_no_discarded_one(teacher, section):
    planned = factories.make_planned(section=section, starts_at=NOW + DAY)
    not_taken = factories.make_planned(section=section, starts_at=NOW - DAY)
    cancelled = factories.make_planned(
        section=section,
        starts_at=NOW + 2 * DAY,
        state=MeetingState.CANCELLED,
        cancel_reason="Ill",
        title="Graphs",
    )
    held = factories.make_session(section=section, status=SessionStatus.ENDED, at=NOW - 7 * DAY).meeting
    factories.make_meeting(section=section, state=MeetingState.DISCARDED, starts_at=NOW - 3 * DAY)
    running = factories.make_session(section=section, at=NOW - HOUR).meeting

    events = events_of(address_of(teacher))

    assert {uid: str(event["status"]) for uid, event in events.items()} == {
        planned.public_id: "CONFIRMED",
        not_taken.public_id: "CONFIRMED",
        cancelled.public_id: "CANCELLED",
        held.public_id: "CONFIRMED",
        running.public_id: "CONFIRMED",
    }
    event = events[cancelled.public_id]
    assert (event["summary"], event["transp"]) == ("Cancelled: CS101 · A", "TRANSPARENT")
    assert event["description"] == "Ill\nGraphs\nComputing"


def test_meeting_that_was_not_planned_ends_when_it_ended_or_after_an_hour(teacher, section):
    ended = factories.make_meeting(
        section=section,
        starts_at=NOW - DAY,
        ended_at=NOW - DAY + datetime.timedelta(minutes=95, microseconds=7),
    )
    at_once = factories.make_meeting(section=section, starts_at=NOW - 2 * DAY, ended_at=NOW - 2 * DAY)
    running = factories.make_meeting(section=section, starts_at=NOW - HOUR / 2)

    events = events_of(address_of(teacher))

    lengths = {uid: (event.end - event.start).total_seconds() / 60 for uid, event in events.items()}
    assert lengths == {ended.public_id: 95, at_once.public_id: 1, running.public_id: 60}


def test_feed_reaches_from_60_days_ago_to_400_days_ahead(teacher, section):
    days = [-61, -60, 0, 400, 401]
    planned = {day: factories.make_planned(section=section, starts_at=NOW + day * DAY) for day in days}

    assert set(events_of(address_of(teacher))) == {planned[day].public_id for day in (-60, 0, 400)}


def test_group_meeting_is_an_event_of_each_section(teacher, section):
    other = factories.make_section(teachers=[teacher])
    group = factories.make_group_session(sections=[section, other], opened_by=teacher)

    events = events_of(address_of(teacher))

    assert set(events) == {meeting.public_id for meeting in Meeting.objects.filter(group=group.group)}
    assert len(events) == 2


def test_teacher_reads_only_what_they_teach(teacher, section):
    factories.make_planned(section=factories.make_section(), starts_at=NOW + DAY)
    admin = factories.make_admin()

    assert events_of(address_of(teacher)) == {}
    assert events_of(address_of(admin)) == {}


def test_teacher_reads_the_meetings_of_their_own_time(section):
    substitute = factories.make_teacher()
    factories.make_assignment(section=section, user=substitute, from_date="2026-10-06", to_date="2026-10-08")
    met = {day: factories.make_planned(section=section, starts_at=NOW + day * DAY) for day in (0, 1, 2, 3)}
    address = address_of(substitute)

    assert set(events_of(address)) == {met[1].public_id, met[2].public_id}
    substitute.is_teacher = False
    substitute.save()
    assert events_of(address) == {}


def test_student_reads_the_meetings_on_whose_date_they_are_enrolled(section):
    student, classmate = factories.students_of(section)
    classmate.enrolments.update(to_date="2026-10-07")
    left = factories.make_section(name="B")
    factories.make_enrolment(section=left, student=student, from_date="2026-09-01", to_date="2026-10-06")
    factories.make_enrolment(section=left, student=student, from_date="2026-10-08", roll_number="2")
    met = {day: factories.make_planned(section=left, starts_at=NOW + day * DAY) for day in (-60, 0, 1, 2, 3)}
    own = factories.make_planned(section=section, starts_at=NOW + 3 * DAY)
    factories.make_planned(section=factories.make_section(), starts_at=NOW)

    events = events_of(address_of(student.user))

    assert set(events) == {own.public_id, *(met[day].public_id for day in (0, 3))}


def test_assistant_reads_what_they_teach_and_what_they_attend(teacher, section):
    student = factories.make_student(user=teacher)
    both = factories.make_planned(section=section, starts_at=NOW)
    attended = factories.make_section(students=[student])
    other = factories.make_planned(section=attended, starts_at=NOW)
    factories.make_enrolment(section=section, student=student, roll_number="9")

    assert set(events_of(address_of(teacher))) == {both.public_id, other.public_id}


def test_restored_and_moved_meeting_stays_one_event_whose_version_grows(teacher, section):
    meeting = factories.make_planned(section=section, starts_at=NOW + DAY)
    address = address_of(teacher)
    steps = [
        lambda: meetings.cancel(meeting=meeting, reason="Ill", by=teacher, at=NOW),
        lambda: meetings.restore(meeting=meeting, by=teacher, at=NOW),
        lambda: meetings.move(
            meeting=meeting, starts_at=NOW + 2 * DAY, ends_at=NOW + 2 * DAY + HOUR, by=teacher, at=NOW
        ),
    ]

    seen = [events_of(address)]
    for step in steps:
        step()
        seen.append(events_of(address))

    assert [set(events) for events in seen] == [{meeting.public_id}] * 4
    versions = [events[meeting.public_id] for events in seen]
    assert [event["sequence"] for event in versions] == [0, 1, 2, 3]
    assert [str(event["status"]) for event in versions] == [
        "CONFIRMED",
        "CANCELLED",
        "CONFIRMED",
        "CONFIRMED",
    ]
    changed = [event["last-modified"].dt for event in versions]
    assert changed == sorted(set(changed))


def test_discarded_session_leaves_its_planned_meeting_in_the_feed(teacher, section):
    planned = factories.make_planned(section=section, starts_at=NOW)
    address = address_of(teacher)
    before = read(address).content
    signed_in(teacher).post(f"/teach/sections/{section.pk}/open/", {"join_policy": "strict"})
    session = section.meetings.get().session
    assert set(events_of(address)) == {planned.public_id}

    discarding.discard(session=session, by=teacher, at=NOW)

    assert read(address).content == before


def test_long_texts_are_folded_and_escaped(teacher, section):
    factories.make_planned(
        section=section,
        starts_at=NOW,
        room="H; 1, \\ north\nwing",
        title="प्रोग्रामिंग का परिचय " * 8,
        cancel_reason="no",
    )

    (event,) = events_of(address_of(teacher)).values()

    assert event["location"] == "H; 1, \\ north\nwing"
    assert event["description"] == "प्रोग्रामिंग का परिचय " * 8 + "\nComputing"


def test_unchanged_feed_is_the_same_to_the_byte_and_is_not_sent_again(teacher, section):
    meeting = factories.make_planned(section=section, starts_at=NOW + DAY)
    address = address_of(teacher)
    first = read(address)

    with time_machine.travel(NOW + 3 * HOUR, tick=False):
        again = read(address)
        unchanged = read(address, if_none_match=first["ETag"])
        zipped = read(
            address, accept_encoding="gzip", if_none_match=read(address, accept_encoding="gzip")["ETag"]
        )

    assert again.content == first.content
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", first["ETag"])
    assert zipped.status_code == 304
    meetings.cancel(meeting=meeting, reason="", by=teacher, at=NOW)
    assert read(address, if_none_match=first["ETag"]).status_code == 200


def test_feed_is_private_and_sets_no_cookie(teacher):
    response = read(address_of(teacher))

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Cache-Control"] == "private, no-cache"
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


@pytest.mark.parametrize(("who", "queries"), [("teacher", 3), ("student", 2)])
def test_number_of_queries_does_not_grow(teacher, section, who, queries, django_assert_num_queries):
    user = teacher if who == "teacher" else factories.students_of(section)[0].user
    address = address_of(user)
    for number in (1, 3):
        for day in range(number):
            factories.make_planned(section=section, starts_at=NOW + (10 * number + day) * DAY)
        read(address)

        with django_assert_num_queries(queries):
            read(address)


# --- The address ------------------------------------------------------------------------------------------


def test_address_that_is_unknown_replaced_deleted_or_of_an_inactive_user_is_404(teacher):
    former = address_of(teacher)
    address = address_of(teacher)
    assert read(address).status_code == 200

    assert read(former).status_code == 404
    assert read("/calendar/" + "0" * 64 + ".ics").status_code == 404
    assert read("/calendar/nonsense.ics").status_code == 404
    teacher.is_active = False
    teacher.save()
    assert read(address).status_code == 404
    teacher.is_active = True
    teacher.save()
    CalendarFeed.objects.all().delete()
    assert read(address).status_code == 404


def test_address_is_kept_as_a_hash_with_its_last_use(teacher):
    address = address_of(teacher)
    secret = address.removeprefix("/calendar/").removesuffix(".ics")

    read(address)
    with time_machine.travel(NOW + HOUR / 2, tick=False):
        read(address)

    feed = CalendarFeed.objects.get()
    assert (feed.secret_hash, feed.created_at, feed.last_used_at) == (hash_of(secret), NOW, NOW)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_feed_can_only_be_read(teacher, method):
    assert getattr(Client(), method)(address_of(teacher)).status_code == 405


def test_feed_that_is_read_too_often_waits(teacher):
    address = address_of(teacher)
    for _ in range(calendar.READS.times):
        assert read(address).status_code == 200

    refused = read(address)

    assert (refused.status_code, "Retry-After" in refused) == (429, True)
    other = factories.make_teacher()
    assert read(address_of(other)).status_code == 200


def test_guessing_is_refused_without_holding_up_those_who_have_an_address(teacher):
    address = address_of(teacher)
    guesses = [f"/calendar/{number:064x}.ics" for number in range(calendar.UNKNOWN.times + 1)]

    statuses = [read(guess).status_code for guess in guesses]

    assert set(statuses[:-1]) == {404}
    assert statuses[-1] == 429
    assert read(address).status_code == 200


# --- The page ---------------------------------------------------------------------------------------------


def signed_in(user, **options) -> Client:
    browser = Client(**options)
    browser.force_login(user)
    return browser


def addresses_on(response) -> list[str]:
    return re.findall(r'value="(https?://[^"]+\.ics)"', response.content.decode())


@pytest.mark.parametrize("who", ["teacher", "student", "admin"])
def test_page_makes_an_address_and_shows_it_once(teacher, section, who):
    student = factories.students_of(section)[0].user
    user = {"teacher": teacher, "student": student, "admin": factories.make_admin()}[who]
    browser = signed_in(user)
    before = browser.get("/calendar/")

    made = browser.post("/calendar/")

    (address,) = addresses_on(made)
    assert read(address.removeprefix("http://testserver")).status_code == 200
    assert f'href="{address.replace("http", "webcal")}"' in made.content.decode()
    assert made["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    later = browser.get("/calendar/")
    assert (addresses_on(before), addresses_on(later)) == ([], [])
    assert "No calendar has read it yet" not in text_of(later)
    assert "A calendar last read it on 5 Oct 2026, 08:00." in text_of(later)


def test_new_address_replaces_the_old_one(teacher):
    browser = signed_in(teacher)
    (former,) = addresses_on(browser.post("/calendar/"))

    (present,) = addresses_on(browser.post("/calendar/"))

    statuses = [read(address.removeprefix("http://testserver")).status_code for address in (former, present)]
    assert statuses == [404, 200]


def test_address_is_deleted_only_by_its_user_and_by_post(teacher):
    address = address_of(teacher)
    browser = signed_in(teacher)
    signed_in(factories.make_teacher()).post("/calendar/delete/")
    assert browser.get("/calendar/delete/").status_code == 302
    assert read(address).status_code == 200

    deleted = browser.post("/calendar/delete/")

    assert messages_of(deleted) == ["Address deleted. Calendars that used it no longer get updates."]
    assert read(address).status_code == 404


@pytest.mark.parametrize("path", ["/calendar/", "/calendar/delete/"])
def test_page_needs_a_sign_in_and_its_buttons_a_csrf_token(teacher, path):
    address = address_of(teacher)

    assert Client().post(path).status_code == 302
    assert signed_in(teacher, enforce_csrf_checks=True).post(path).status_code == 403

    assert read(address).status_code == 200


def test_page_uses_the_public_address_of_the_site(teacher, settings):
    settings.PUBLIC_URL = "https://attend.example.edu"

    (address,) = addresses_on(signed_in(teacher).post("/calendar/"))

    assert address.startswith("https://attend.example.edu/calendar/")


def test_admin_lists_addresses_without_secrets_and_can_delete_one(teacher):
    address = address_of(teacher)
    feed = CalendarFeed.objects.get()
    admin = signed_in(factories.make_admin())

    page = admin.get("/admin/attendance/calendarfeed/").content.decode()
    admin.post(f"/admin/attendance/calendarfeed/{feed.pk}/delete/", {"post": "yes"})

    assert "asha" in page
    assert feed.secret_hash not in page
    assert read(address).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_migration_adds_the_table_and_takes_it_away():
    def exists() -> bool:
        return "attendance_calendarfeed" in connection.introspection.table_names()

    with database_at([("attendance", "0024_planned_meeting_rules")]):
        assert not exists()
        migrate_to([("attendance", "0025_calendar_feeds")])
        assert exists()
