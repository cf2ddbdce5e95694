"""A term of a teacher, from the calendar file to the last register that was missing."""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from playwright.sync_api import ConsoleMessage, Page, expect

from attendance.models import AttendanceRecord, Meeting, MeetingState, Section, Status, Student
from qrsessions.models import QRSession
from tests.support import factories
from tests.support.browser.pages import DESK, assert_readable, page_opener, sign_in
from tests.support.timetable.calendars import calendar
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 30
# One key for each student on the paper, except the last.
PAPER = "pppplppeppppppapppppplpppappp"
STATUS_OF = {"p": Status.PRESENT, "l": Status.LATE, "e": Status.EXCUSED, "a": Status.ABSENT}
# Two classes a week, from 6 October 2026.
TIMETABLE = calendar(
    (
        "UID:tuesdays",
        "SUMMARY:CS101-A Lecture",
        "LOCATION:Hall 1",
        "DTSTART;TZID=Europe/Berlin:20261006T100000",
        "DTEND;TZID=Europe/Berlin:20261006T113000",
        "RRULE:FREQ=WEEKLY;COUNT=4",
    ),
    (
        "UID:thursdays",
        "SUMMARY:CS101-A Exercises",
        "LOCATION:Room 2.14",
        "DTSTART;TZID=Europe/Berlin:20261008T140000",
        "DTEND;TZID=Europe/Berlin:20261008T153000",
        "RRULE:FREQ=WEEKLY;COUNT=4",
    ),
)


def moment(day: int, hour: int, minute: int = 0) -> datetime.datetime:
    """In October 2026, when Berlin is two hours ahead of UTC."""
    return datetime.datetime(2026, 10, day, hour - 2, minute, tzinfo=datetime.UTC)


@pytest.fixture
def section(settings) -> Section:
    settings.TIME_ZONE = "Europe/Berlin"
    course = factories.make_course(code="CS101", title="Operating Systems")
    term = factories.make_term(
        name="Autumn 2026", first_day=datetime.date(2026, 10, 5), last_day=datetime.date(2026, 10, 30)
    )
    students = [Student(student_id=f"P{number}", name=f"Pupil {number}") for number in range(1, SIZE + 1)]
    return factories.make_section(
        course=course,
        name="A",
        term=term,
        students=Student.objects.bulk_create(students),
        teachers=[factories.make_teacher(first_name="Ada")],
    )


@pytest.fixture
def clock():
    """Moves the clock of the server. It goes on by itself; a browser keeps its own."""
    with time_machine.travel(moment(1, 12)) as traveller:
        yield traveller


@pytest.fixture
def open_any(browser, live_server) -> Iterator[Callable[..., Page]]:
    """Open pages. One answer is expected to be an error: the question about students without a status."""

    def is_expected(message: ConsoleMessage) -> bool:
        return "400" in message.text and "/teach/meetings/" in message.location["url"]

    with page_opener(browser, live_server.url, is_expected=is_expected) as open_page:
        yield open_page


class Term:
    """A teacher at one device, on one day after another."""

    def __init__(self, page: Page, section: Section, clock: Any) -> None:
        self.page, self.section, self.clock = page, section, clock

    def day(self, at: datetime.datetime) -> None:
        """A new day begins on the home page. The teacher has to sign in again."""
        self.clock.move_to(at)
        self.page.context.clear_cookies()
        self.page.goto("about:blank")
        sign_in(self.page, self.section.teachers.get(), to="/teach/")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def says(self, text: str) -> None:
        expect(self.page.get_by_text(text)).to_be_visible()

    def is_fine(self) -> None:
        assert_readable(self.page)

    def meeting(self, day: int) -> Meeting:
        return self.section.meetings.get(date=datetime.date(2026, 10, day))


def test_teacher_takes_a_term_from_the_timetable_to_the_last_register(
    open_any: Callable[..., Page], section, clock
):
    term = Term(open_any(**DESK), section, clock)

    import_timetable(term)
    cancel_and_move(term)
    open_from_the_home_page(term)
    type_the_paper(term)
    find_the_missing_one(term)

    assert [
        (meeting.date.day, meeting.state, meeting.records.filter(status__isnull=False).count())
        for meeting in section.meetings.order_by("date")
    ] == [
        (6, MeetingState.HELD, SIZE),
        (8, MeetingState.CANCELLED, 0),
        (13, MeetingState.HELD, SIZE),
        (15, MeetingState.PLANNED, 0),
        (21, MeetingState.PLANNED, 0),
        (22, MeetingState.CANCELLED, 0),
        (27, MeetingState.PLANNED, 0),
        (29, MeetingState.PLANNED, 0),
    ]


def import_timetable(term: Term) -> None:
    page = term.page
    term.day(moment(1, 12))
    page.get_by_role("link", name="CS101").first.click()
    page.get_by_role("link", name="Timetable").click()
    term.is_fine()
    page.locator("input[type=file]").set_input_files(
        {"name": "timetable.ics", "mimeType": "text/calendar", "buffer": TIMETABLE}
    )
    term.press("Preview import")
    term.says("Classes: 8 added, 0 changed, 0 removed, 0 unchanged.")
    term.is_fine()
    assert not Meeting.objects.exists()

    term.press("Import")
    expect(page.get_by_role("heading", name="Timetable", exact=True)).to_be_visible()
    term.says("Classes: 8 added, 0 changed, 0 removed, 0 unchanged.")
    assert Meeting.objects.filter(state=MeetingState.PLANNED).count() == 8


def cancel_and_move(term: Term) -> None:
    page = term.page
    page.goto("/teach/week/")
    for monday in (5, 12, 19):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("heading", name=f"{monday} Oct – {monday + 6} Oct 2026")).to_be_visible()
        # The page's script listens for the next key.
        page.wait_for_load_state("networkidle")
    term.is_fine()
    week = page.url

    page.get_by_role("listitem").filter(has_text="Thursday").get_by_role("link", name="CS101").click()
    page.locator("summary", has_text="Cancel the class").click()
    page.get_by_label("Reason", exact=True).fill("Conference")
    term.is_fine()
    term.press("Cancel the class")
    term.says("The class is cancelled. It does not count for anyone.")
    term.is_fine()

    page.goto(week)
    page.get_by_role("listitem").filter(has_text="Tuesday").get_by_role("link", name="CS101").click()
    page.locator("summary", has_text="Move the class").click()
    page.get_by_label("Date").fill("2026-10-21")
    term.is_fine()
    term.press("Move the class")
    term.says("The class was moved.")

    page.goto(week)
    wednesday = page.get_by_role("listitem").filter(has_text="Wednesday")
    expect(wednesday.get_by_text("10:00–11:30")).to_be_visible()
    expect(page.get_by_text("cancelled: Conference")).to_be_visible()
    term.is_fine()


def open_from_the_home_page(term: Term) -> None:
    page, meeting = term.page, term.meeting(6)
    term.day(moment(6, 9, 50))
    today = page.get_by_role("region", name="Today")
    expect(today.get_by_text("10:00–11:30")).to_be_visible()
    term.is_fine()

    today.get_by_role("button", name="Open session").click()

    page.wait_for_url(f"**/teach/sessions/{meeting.public_id}/")
    term.says("Planned 10:00–11:30")
    term.is_fine()
    term.press("Start attendance now")
    expect(page.locator("[aria-current=step]")).to_contain_text("Taking attendance")
    page.get_by_role("row").filter(has_text="Pupil 7").get_by_role("link").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Present", exact=True).click()
    wait_until(lambda: AttendanceRecord.objects.filter(meeting=meeting, status=Status.PRESENT).exists())
    page.locator("#session-top").get_by_role("button", name="End session").click()
    page.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(page.locator("[aria-current=step]")).to_contain_text("Ended")
    assert QRSession.objects.get().meeting == meeting


def type_the_paper(term: Term) -> None:
    """On Thursday morning, last Tuesday's list: 29 lines, one of them typed wrongly first."""
    page, meeting = term.page, term.meeting(13)
    term.day(moment(15, 9))
    missing = page.get_by_role("region", name="2 registers not taken")
    missing.get_by_role("listitem").filter(has_text="13 Oct").get_by_role("link", name="Take now").click()
    # The page's script shows it when it listens.
    expect(page.get_by_text("Keys: P present")).to_be_visible()
    term.is_fine()

    for key in PAPER[:10]:
        page.keyboard.press(key)
    # The ninth was wrong, and then was not.
    for key in ("ArrowUp", "ArrowUp", "a", "u", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    for key in PAPER[10:]:
        page.keyboard.press(key)
    expected = [STATUS_OF[key] for key in PAPER]
    wait_until(lambda: entered(meeting) == expected)
    term.is_fine()

    term.press("Save register")
    # The question is in view, not the row of the student whom it is about.
    expect(page.get_by_text("1 student has no status.")).to_be_in_viewport()
    term.says("1 student has no status.")
    term.is_fine()
    term.press("Save the rest as absent")
    term.says("The register is saved, and the class counts.")
    term.is_fine()
    assert entered(meeting) == [*expected, Status.ABSENT]


def find_the_missing_one(term: Term) -> None:
    page = term.page
    page.goto("/teach/not-taken/")
    line = page.get_by_role("listitem").filter(has_text="8 Oct")
    expect(page.get_by_role("link", name="Take now")).to_have_count(1)
    term.is_fine()

    line.get_by_role("link", name="Cancelled").click()
    page.get_by_label("Reason", exact=True).fill("The room was closed")
    term.press("Cancel the class")
    term.says("The class is cancelled. It does not count for anyone.")

    page.goto("/teach/not-taken/")
    term.says("Nothing is missing")
    term.is_fine()


def entered(meeting: Meeting) -> list[str | None]:
    """The statuses in the database, in the order of the roll numbers."""
    statuses = meeting.records.order_by("roll_number").values_list("status", flat=True)
    return list(statuses)
