"""Registers that a teacher types after the class, by keyboard."""

import datetime
import re
from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Meeting, Status
from tests.support import factories
from tests.support.browser.pages import DESK, is_failed_request, page_opener, sign_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 30
# One key for each of 30 students on the paper.
PAPER = "pppplppeppppppapppppplpppappp"
STATUS_OF = {"p": Status.PRESENT, "l": Status.LATE, "e": Status.EXCUSED, "a": Status.ABSENT}


@pytest.fixture
def meeting() -> Meeting:
    """Last week's class of thirty students, whose register was not taken."""
    section = factories.make_section(teachers=[factories.make_teacher()], name="A")
    for number in range(1, SIZE + 1):
        student = factories.make_student(with_user=False, name=f"Pupil {number}")
        factories.make_enrolment(section=section, student=student, roll_number=f"{number:02}")
    starts_at = timezone.now() - datetime.timedelta(days=7)
    return factories.make_planned(section=section, starts_at=starts_at, room="H1")


@pytest.fixture
def page(browser, live_server, meeting) -> Iterator[Page]:
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_any:
        yield open_register(open_any(**DESK), meeting)


def open_register(page: Page, meeting: Meeting) -> Page:
    sign_in(page, meeting.section.teachers.get())
    page.get_by_role("link", name=re.compile("^Take now")).click()
    # The page's script shows it when it listens.
    expect(page.get_by_text("Keys: P present")).to_be_visible()
    return page


def entered(meeting: Meeting) -> list[str | None]:
    """The statuses in the database, in the order of the roll numbers."""
    by_roll = dict(AttendanceRecord.objects.filter(meeting=meeting).values_list("roll_number", "status"))
    return [by_roll.get(f"{number:02}") for number in range(1, SIZE + 1)]


def test_thirty_students_are_typed_with_one_key_each(page, meeting):
    for key in PAPER:
        page.keyboard.press(key)
    expected = [STATUS_OF[key] for key in PAPER]
    wait_until(lambda: entered(meeting)[: len(PAPER)] == expected)

    # One student is missing on the paper.
    page.get_by_role("button", name="Save register").click()
    expect(page.get_by_text("1 student has no status.")).to_be_visible()
    page.get_by_role("button", name="Save the rest as absent").click()
    expect(page.get_by_text("The register is saved, and the class counts.")).to_be_visible()

    assert entered(meeting) == [*expected, Status.ABSENT]
    meeting.refresh_from_db()
    assert meeting.state == "held"


def test_arrows_move_and_u_undoes(page, meeting):
    for key in ("p", "p", "ArrowUp", "a", "u"):
        page.keyboard.press(key)
    wait_until(lambda: entered(meeting)[:2] == [Status.PRESENT, Status.PRESENT])
    page.keyboard.press("u")
    wait_until(lambda: entered(meeting)[:2] == [Status.PRESENT, None])

    assert [change.to_status for change in changes_of(meeting, "02")] == [
        "present",
        "absent",
        "present",
        None,
    ]


def changes_of(meeting: Meeting, roll_number: str):
    record = AttendanceRecord.objects.get(meeting=meeting, roll_number=roll_number)
    return list(record.changes.order_by("pk"))


def test_entries_typed_without_network_are_saved_when_it_is_back(page, meeting):
    page.context.set_offline(True)
    for key in "pla":
        page.keyboard.press(key)
    expect(page.get_by_text("No connection. Entries are kept and saved when it is back.")).to_be_visible()

    page.context.set_offline(False)

    wait_until(lambda: entered(meeting)[:3] == [Status.PRESENT, Status.LATE, Status.ABSENT])


def test_register_is_typed_without_scripts(browser, live_server, meeting, page):
    plain = browser.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    ).new_page()
    plain.goto(page.url)
    plain.get_by_label("Pupil 1: present").check()
    plain.get_by_label("Pupil 2: late").check()

    plain.get_by_role("button", name="Save for later").click()

    expect(plain.get_by_text("2 entries saved.")).to_be_visible()
    assert entered(meeting)[:3] == [Status.PRESENT, Status.LATE, None]
    plain.context.close()
