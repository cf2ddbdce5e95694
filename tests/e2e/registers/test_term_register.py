"""The register of a term in a browser: edited by keyboard, heads that stay in sight, and the print view."""

import datetime
import re
from collections.abc import Callable, Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from attendance.models import AttendanceRecord, Meeting, Method, RecordChange, Section, Status, Student
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.browser.pages import (
    DESK,
    PHONE,
    assert_readable,
    fits_width,
    is_failed_request,
    page_opener,
    sign_in,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

STUDENTS, MEETINGS = 30, 24
DAY = datetime.timedelta(days=1)
CYCLE = [Status.PRESENT, Status.PRESENT, Status.LATE, Status.ABSENT, Status.PRESENT, Status.EXCUSED]


@pytest.fixture
def section() -> Section:
    """A term of thirty students over two dozen ended sessions and a class that is still to come."""
    students = [Student(student_id=f"P{number}", name=f"Pupil {number}") for number in range(1, STUDENTS + 1)]
    section = factories.make_section(
        students=Student.objects.bulk_create(students),
        teachers=[factories.make_teacher()],
        name="A",
        minimum_percentage=75,
    )
    enrolments = section.enrolments.order_by("pk")
    now = timezone.now()
    records = []
    for day in range(MEETINGS):
        at = now - (MEETINGS - day) * DAY
        session = factories.make_session(section=section, status=SessionStatus.ENDED, at=at)
        records += [
            AttendanceRecord(
                meeting=session.meeting,
                student_id=enrolment.student_id,
                roll_number=enrolment.roll_number,
                status=CYCLE[(place + day) % len(CYCLE)],
                joined_at=at,
                marked_at=at,
                method=Method.QR,
            )
            for place, enrolment in enumerate(enrolments)
        ]
    AttendanceRecord.objects.bulk_create(records)
    factories.make_planned(section=section, starts_at=now + DAY)
    return section


@pytest.fixture
def open_register(browser, live_server, section) -> Iterator[Callable[..., Page]]:
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_any:

        def open_it(*, page: str = "", **options: object) -> Page:
            opened = open_any(**(DESK | options))
            sign_in(opened, section.teachers.get(), to=f"/teach/sections/{section.pk}/register/{page}")
            return opened

        yield open_it


def cell(page: Page, row: int, column: int) -> Locator:
    """The link in a cell, both counted from 1."""
    return page.locator(f"#register tbody tr:nth-child({row}) td:nth-of-type({column + 1}) a")


def share(page: Page, row: int) -> Locator:
    return page.locator(f"#register tbody tr:nth-child({row}) td.share")


def record(section: Section, row: int, column: int) -> AttendanceRecord | None:
    meeting = section.meetings.order_by("starts_at")[column - 1]
    return AttendanceRecord.objects.filter(meeting=meeting, roll_number=f"{row:02}").first()


def status(section: Section, row: int, column: int) -> str | None:
    found = record(section, row, column)
    return found.status if found else None


def start(page: Page, row: int, column: int) -> None:
    # The page's script shows the bar when it listens.
    expect(page.locator("#register-bar")).to_be_visible()
    cell(page, row, column).focus()


def test_cells_are_edited_by_keyboard_and_the_percentage_follows(open_register, section):
    page = open_register()
    start(page, 4, 1)
    expect(cell(page, 4, 1)).to_have_text("A")
    before = share(page, 4).inner_text()

    page.keyboard.press("p")
    expect(cell(page, 4, 1)).to_have_text("P")
    expect(page.locator("[data-state]")).to_contain_text("Pupil 4")
    wait_until(lambda: status(section, 4, 1) == "present")
    expect(share(page, 4)).not_to_have_text(before, use_inner_text=True)
    assert page.evaluate("document.activeElement.textContent") == "P"

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("l")
    wait_until(lambda: status(section, 5, 2) == "late")
    page.keyboard.press("Delete")
    wait_until(lambda: status(section, 5, 2) is None)
    expect(cell(page, 5, 2)).to_have_text("–")

    # The last two changes are undone, then the first.
    for _ in range(2):
        page.keyboard.press("u")
    wait_until(lambda: status(section, 5, 2) == "excused")
    page.keyboard.press("Control+z")
    wait_until(lambda: status(section, 4, 1) == "absent")
    expect(share(page, 4)).to_have_text(before, use_inner_text=True)
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    assert RecordChange.objects.count() == 6


def test_note_is_added_in_the_dialog_which_leads_to_the_history(open_register, section):
    page = open_register()
    start(page, 1, 3)

    page.keyboard.press("n")
    dialog = page.locator("#cell-dialog")
    expect(dialog.get_by_role("heading", name="Pupil 1")).to_be_visible()
    page.keyboard.type("bus was late")
    dialog.get_by_role("button", name="Excused").click()

    wait_until(lambda: RecordChange.objects.filter(note="bus was late", to_status="excused").exists())
    expect(cell(page, 1, 3)).to_have_text("E")
    page.keyboard.press("Enter")
    dialog.get_by_role("link", name="Earlier changes").click()
    expect(page.get_by_text("bus was late").first).to_be_visible()


def test_enter_in_the_note_keeps_the_mark_with_its_label_and_reason(open_register, section):
    visit = factories.make_label(name="site visit", letter="V", meaning=Status.EXCUSED)
    medical = factories.make_reason(code="medical", name="Medical")
    first = section.meetings.order_by("starts_at")[0]
    first.records.filter(roll_number="04").update(status=Status.EXCUSED, label=visit, excused_reason=medical)
    page = open_register()
    start(page, 4, 1)
    expect(cell(page, 4, 1)).to_have_text("V")

    page.keyboard.press("n")
    page.locator("#cell-dialog").get_by_label("Note").fill("letter came")
    page.keyboard.press("Enter")

    wait_until(lambda: RecordChange.objects.filter(note="letter came").exists())
    change = RecordChange.objects.get(note="letter came")
    assert (change.to_status, change.to_label, change.to_reason) == (Status.EXCUSED, visit, medical)
    # The row that came from the server still leads to the explanation of its number.
    expect(share(page, 4).get_by_role("link")).to_be_visible()


def test_refused_change_is_explained_at_the_cell_and_the_old_value_is_back(open_register, section):
    page = open_register()
    start(page, 2, MEETINGS + 1)

    page.keyboard.press("p")

    expect(page.locator("#register .problem")).to_contain_text("students can only be excused")
    expect(cell(page, 2, MEETINGS + 1)).to_have_text("·")
    assert status(section, 2, MEETINGS + 1) is None
    page.keyboard.press("e")
    expect(page.locator("#register .problem")).to_have_count(0)
    wait_until(lambda: status(section, 2, MEETINGS + 1) == "excused")
    # Of two changes one after another, the one that was saved stays.
    page.keyboard.press("Delete")
    page.keyboard.press("a")
    expect(page.locator("#register .problem")).to_be_visible()
    expect(cell(page, 2, MEETINGS + 1)).to_have_text("·")
    wait_until(lambda: status(section, 2, MEETINGS + 1) is None)
    page.keyboard.press("u")
    wait_until(lambda: status(section, 2, MEETINGS + 1) == "excused")
    page.keyboard.press("u")
    wait_until(lambda: status(section, 2, MEETINGS + 1) is None)


def test_change_without_a_connection_is_kept_and_saved_after_a_reload(open_register, section):
    page = open_register()
    start(page, 1, 1)
    page.route("**/records/**", lambda route: route.abort("connectionreset"))

    page.keyboard.press("a")
    expect(page.locator("[data-state]")).to_contain_text("No connection")
    page.unroute("**/records/**")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()

    wait_until(lambda: status(section, 1, 1) == "absent")
    expect(cell(page, 1, 1)).to_have_text("A")


def test_keys_move_as_in_a_spreadsheet_and_tab_leaves_the_table(open_register):
    page = open_register()
    start(page, 1, 1)

    page.keyboard.press("End")
    expect(cell(page, 1, MEETINGS + 1)).to_be_focused()
    page.keyboard.press("Control+End")
    expect(cell(page, STUDENTS, MEETINGS + 1)).to_be_focused()
    page.keyboard.press("Home")
    expect(cell(page, STUDENTS, 1)).to_be_focused()
    page.keyboard.press("PageUp")
    expect(cell(page, STUDENTS - 10, 1)).to_be_focused()
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#register thead a").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#register')") is None


@pytest.mark.parametrize("shape", [PHONE, DESK], ids=["phone", "desk"])
def test_names_and_heads_stay_in_sight(open_register, shape):
    page = open_register(**shape)
    start(page, 1, 1)
    wrap = page.locator(".register-wrap")
    corner = wrap.bounding_box()
    assert corner

    wrap.evaluate("one => one.scrollTo(one.scrollWidth, one.scrollHeight)")
    name = page.locator("#register tbody tr:last-child th").bounding_box()
    head = page.locator("#register thead th:last-child").bounding_box()

    assert name
    assert head
    assert abs(name["x"] - corner["x"]) < 3
    assert abs(head["y"] - corner["y"]) < 3
    # The cell in the other corner lies neither below the head nor below the name.
    last = cell(page, STUDENTS, MEETINGS + 1).bounding_box()
    assert last
    assert last["x"] >= name["x"] + name["width"]
    assert last["y"] >= head["y"] + head["height"]
    assert fits_width(page)
    # A focused cell is moved out from under the head and the names.
    page.keyboard.press("Control+Home")
    first = cell(page, 1, 1).bounding_box()
    assert first
    assert first["x"] >= name["x"] + name["width"] - 1


def test_register_is_accessible_at_every_width(open_register, section):
    # Axe takes its time for each cell, and a few students have all statuses.
    section.enrolments.filter(roll_number__gt="07").delete()
    Meeting.objects.filter(pk=section.meetings.order_by("starts_at")[2].pk).update(state="cancelled")
    late_comer = factories.make_student(with_user=False)
    factories.make_enrolment(
        section=section, student=late_comer, roll_number="99", from_date=timezone.localdate() - 3 * DAY
    )
    page = open_register()
    start(page, 1, 1)

    assert_readable(page)
    page.keyboard.press("Enter")
    assert_readable(page)
    page.goto(re.sub(r"/$", "/print/", page.url))
    assert_readable(page)


def test_print_view_repeats_its_heads_and_shows_no_buttons(open_register):
    page = open_register(page="print/")
    page.emulate_media(media="print")

    expect(page.locator(".screen-only")).to_be_hidden()
    head = page.locator(".printed thead").first
    assert head.evaluate("one => getComputedStyle(one).display") == "table-header-group"


def test_without_scripts_a_cell_leads_to_the_page_of_its_mark(open_register, section):
    page = open_register(java_script_enabled=False)

    cell(page, 4, 1).click()
    page.get_by_role("button", name="Present").click()

    assert status(section, 4, 1) == "present"
