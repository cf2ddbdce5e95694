"""The session page in real browsers: keyboard only, touch, two teachers at once, and a lost network."""

import datetime
import re

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from attendance.models import (
    AttendanceRecord,
    Meeting,
    RecordChange,
    Section,
    Status,
    Student,
    TeachingAssignment,
)
from qrsessions.models import Action, QRSession, SessionEvent, SessionStatus
from qrsessions.services import corrections, lifecycle
from tests.support import factories
from tests.support.browser.pages import (
    DESK,
    PHONE,
    assert_readable,
    axe_violations,
    is_failed_request,
    open_session_page,
    page_opener,
    sign_in,
)
from tests.support.browser.pages import student_row as row

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ["Asha Rao", "Ben Okafor", "Maximiliane-Charlotte von und zu Hohenstein-Wolfsburg", "Chen Wei"]

# How many key presses may lead to a button.
MOST_PRESSES = 40


@pytest.fixture
def section() -> Section:
    section = factories.make_section(students=4, teachers=[factories.make_teacher()], name="CS101-A")
    for student, name in zip(factories.students_of(section), NAMES, strict=True):
        student.name = name
        student.save()
    return section


@pytest.fixture
def taking(section) -> QRSession:
    """A session taking attendance. Three students have joined, the first of them is present."""
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    for place, student in enumerate(factories.students_of(section)[:3]):
        factories.make_record(
            meeting=session.meeting,
            student=student,
            roll_number=f"{place + 1:02}",
            status=Status.PRESENT if place == 0 else None,
        )
    return session


@pytest.fixture
def open_desk(browser: Browser, live_server):
    """Open a desk that may lose its network: failed requests are allowed, script errors are not."""
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_page:
        yield lambda: open_page(**DESK)


def statuses(section: Section) -> list[str | None]:
    found = section.meetings.get().roster.order_by("roll_number")
    return list(found.values_list("record__status", flat=True))


def press_until(page: Page, key: str, text: str) -> None:
    """Press the key until the focused element contains the text."""
    for _ in range(MOST_PRESSES):
        page.keyboard.press(key)
        if text in page.evaluate("document.activeElement.textContent.trim()"):
            return
    raise AssertionError(f"{key} did not reach {text!r} in {MOST_PRESSES} presses")


def test_teacher_runs_a_class_by_keyboard_only(open_page, section):
    desk = open_page(**DESK)
    sign_in(desk, section.teachers.get())
    expect(desk.get_by_role("heading", name="Classes", exact=True)).to_be_visible()
    press_until(desk, "Tab", "Open session")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/teach/sessions/*/")
    press_until(desk, "Tab", "Lock joining")
    for button, step in (("Lock joining", "Locked"), ("Start attendance", "Taking attendance")):
        # After a step, the button of the next one has the focus.
        expect(desk.get_by_role("button", name=button, exact=True)).to_be_focused()
        desk.keyboard.press("Enter")
        expect(desk.locator("[aria-current=step]")).to_have_text(step)

    # Search for a name, press Enter, and mark.
    desk.get_by_role("searchbox").focus()
    desk.keyboard.type("okaf")
    expect(desk.locator("#students tr:visible")).to_have_count(1)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("dialog")).to_be_visible()
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("button", name="Late", exact=True)).to_be_focused()
    desk.keyboard.press("Enter")
    expect(row(desk, "Ben Okafor")).to_contain_text("late")
    expect(desk.locator(".undo-box")).to_contain_text("Ben Okafor: late")
    expect(desk.get_by_role("searchbox")).to_be_focused()
    expect(desk.get_by_role("searchbox")).to_have_value("okaf")

    # Move through the list with the arrow keys and add a note.
    desk.get_by_role("searchbox").fill("")
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("ArrowDown")
    expect(row(desk, "Maximiliane").get_by_role("link")).to_be_focused()
    desk.keyboard.press("End")
    expect(row(desk, "Chen Wei").get_by_role("link")).to_be_focused()
    desk.keyboard.press("Enter")
    desk.keyboard.press("Shift+Tab")
    desk.keyboard.type("doctor")
    press_until(desk, "Tab", "Excused")
    desk.keyboard.press("Enter")
    expect(row(desk, "Chen Wei")).to_contain_text("excused")
    expect(row(desk, "Chen Wei").get_by_role("link")).to_be_focused()

    # Undo both marks, the latest first.
    desk.keyboard.press("Control+z")
    expect(row(desk, "Chen Wei")).to_contain_text("not joined")
    press_until(desk, "Tab", "Undo")
    expect(desk.locator(".undo-box")).to_contain_text("Undo Ben Okafor")
    desk.keyboard.press("Enter")
    expect(row(desk, "Ben Okafor")).to_contain_text("not joined")
    assert statuses(section) == [None] * 4
    notes = RecordChange.objects.order_by("pk").values_list("note", flat=True)
    assert list(notes) == ["", "doctor", "undone", "undone"]

    # Mark the others absent, then end the session.
    press_until(desk, "Shift+Tab", "Mark the rest absent")
    desk.keyboard.press("Enter")
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_contain_text("Students who are not marked: 4")
    press_until(desk, "Tab", "Mark absent")
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("4 students marked.")).to_be_visible()
    press_until(desk, "Shift+Tab", "End session")
    desk.keyboard.press("Enter")
    press_until(desk, "Tab", "End session")
    desk.keyboard.press("Enter")
    expect(desk.locator("[aria-current=step]")).to_have_text("Ended")
    assert statuses(section) == ["absent"] * 4
    assert SessionEvent.objects.filter(action=Action.BULK).count() == 1


def test_teacher_marks_by_touch(open_page, taking, section):
    desk = open_session_page(open_page(**PHONE), taking)
    row(desk, "Ben Okafor").get_by_role("link").tap()
    desk.get_by_role("dialog").get_by_role("button", name="Late", exact=True).tap()
    expect(row(desk, "Ben Okafor")).to_contain_text("late")
    desk.get_by_role("button", name="Undo").tap()
    expect(row(desk, "Ben Okafor")).to_contain_text("joined")
    desk.get_by_text("Joined, not scanned").tap()
    expect(desk.locator("#students tr:visible")).to_have_count(2)
    desk.get_by_role("link", name="Mark everyone who joined present").tap()
    expect(desk.get_by_role("dialog")).to_contain_text("Students who joined but are not marked: 2")
    desk.get_by_role("button", name="Mark present").tap()
    expect(desk.get_by_text("2 students marked.")).to_be_visible()
    assert statuses(section) == ["present", "present", "present", None]


def test_corrections_after_class_update_the_summary(open_page, taking, section):
    desk = open_session_page(open_page(**DESK), taking)
    desk.get_by_role("button", name="End session").first.click()
    desk.get_by_role("dialog").get_by_role("button", name="End session").click()
    summary = desk.locator(".after-class")
    expect(summary).to_contain_text(re.compile(r"Present\s*1\s*Late\s*0\s*Excused\s*0\s*Absent\s*3"))
    expect(summary.locator("#missed li")).to_have_count(2)

    summary.get_by_role("link", name="Change Ben Okafor").click()
    desk.get_by_role("dialog").get_by_role("button", name="Present", exact=True).click()

    expect(summary.locator("#missed li")).to_have_count(1)
    expect(summary).to_contain_text(re.compile(r"Present\s*2\s*Late\s*0\s*Excused\s*0\s*Absent\s*2"))
    expect(row(desk, "Ben Okafor")).to_contain_text("present")
    desk.get_by_role("button", name="Undo").click()
    expect(summary.locator("#missed li")).to_have_count(2)
    assert statuses(section) == ["present", "absent", "absent", "absent"]


def test_two_teachers_see_each_others_changes(open_page, taking, section):
    colleague = factories.make_teacher()
    section.teachers.add(colleague)
    mine, theirs = (
        open_session_page(open_page(**DESK), taking),
        open_session_page(open_page(**DESK), taking, colleague),
    )
    mine.get_by_role("searchbox").fill("e")
    row(mine, "Chen Wei").get_by_role("link").focus()
    mine.evaluate("window.notReloaded = true")

    row(theirs, "Maximiliane").get_by_role("link").click()
    theirs.get_by_role("dialog").get_by_role("button", name="Late", exact=True).click()

    expect(row(mine, "Maximiliane")).to_contain_text("late")
    expect(mine.locator("#live [data-stat=total_present]")).to_have_text("2")
    # The colleague ends the session. The buttons change without a reload.
    theirs.get_by_role("button", name="End session").first.click()
    theirs.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(mine.locator("[aria-current=step]")).to_have_text("Ended")
    expect(mine.get_by_role("button", name="Reopen")).to_be_visible()
    expect(row(mine, "Chen Wei")).to_contain_text("absent")
    expect(mine.locator(".after-class")).to_be_visible()
    expect(row(mine, "Chen Wei").get_by_role("link")).to_be_focused()
    expect(mine.get_by_role("searchbox")).to_have_value("e")
    assert mine.evaluate("window.notReloaded")

    # Both mark the same student. The later mark counts.
    for page, status in ((mine, "Excused"), (theirs, "Present")):
        row(page, "Chen Wei").get_by_role("link").click()
        page.get_by_role("dialog").get_by_role("button", name=status, exact=True).click()
        expect(page.locator(".undo-box")).to_contain_text(f"Chen Wei: {status.lower()}")
    expect(row(mine, "Chen Wei")).to_contain_text("present")


def test_undo_is_refused_after_a_colleague_changed_the_mark(open_desk, taking, section):
    desk = open_session_page(open_desk(), taking)
    row(desk, "Chen Wei").get_by_role("link").click()
    desk.get_by_role("dialog").get_by_role("button", name="Excused", exact=True).click()
    expect(desk.locator(".undo-box")).to_contain_text("Chen Wei: excused")
    AttendanceRecord.objects.filter(student__name="Chen Wei").update(status=Status.LATE)
    desk.get_by_role("button", name="Undo").click()
    expect(desk.locator("#undo-line")).to_contain_text("has changed since then")
    expect(row(desk, "Chen Wei")).to_contain_text("late")


def test_list_update_keeps_text_focus_selection_and_scroll_position(open_page, section):
    for number in range(60):
        factories.make_enrolment(section=section, roll_number=f"{number + 10}")
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    desk = open_session_page(open_page(**DESK), session)
    students = factories.students_of(section)
    row(desk, "Asha Rao").get_by_role("link").click()
    note = desk.get_by_label("Note (optional)")
    note.fill("half a sentence")
    note.evaluate("field => field.setSelectionRange(2, 6)")
    on_screen = row(desk, "Student").nth(30)
    on_screen.evaluate("row => row.scrollIntoView({ block: 'center' })")
    before = on_screen.bounding_box()["y"]

    factories.make_record(meeting=session.meeting, student=students[1], status=Status.PRESENT)
    lifecycle.take_step(session=session, step="end", by=section.teachers.get(), at=timezone.now())

    expect(row(desk, "Ben Okafor")).to_contain_text("present")
    expect(desk.locator("[aria-current=step]")).to_have_text("Ended")
    expect(note).to_be_focused()
    expect(note).to_have_value("half a sentence")
    assert note.evaluate("field => [field.selectionStart, field.selectionEnd]") == [2, 6]
    assert on_screen.bounding_box()["y"] == pytest.approx(before, abs=2)
    desk.get_by_role("dialog").get_by_role("button", name="Excused", exact=True).click()
    expect(row(desk, "Asha Rao")).to_contain_text("excused")


def test_page_recovers_after_ten_seconds_without_network(open_desk, taking, section):
    desk = open_desk()
    desk.clock.install()
    open_session_page(desk, taking)

    def fail_to_poll() -> None:
        with desk.expect_event("requestfailed", lambda request: "/stats/" in request.url):
            desk.clock.run_for(5_000)

    desk.get_by_role("searchbox").fill("chen")
    desk.context.set_offline(True)
    fail_to_poll()
    note = desk.get_by_text(re.compile(r"^No connection since \d\d:\d\d:\d\d\."))
    expect(note).to_be_visible()
    students = factories.students_of(section)
    factories.make_record(meeting=taking.meeting, student=students[3], status=Status.LATE)
    row(desk, "Chen Wei").get_by_role("link").click()
    desk.get_by_role("dialog").get_by_role("button", name="Present", exact=True).click()
    expect(desk.locator("#undo-line")).to_contain_text("Chen Wei: present Waiting for the server.")
    for _ in range(3):
        fail_to_poll()
        # It does not flicker.
        assert note.is_visible()

    desk.context.set_offline(False)

    expect(note).to_be_hidden()
    expect(row(desk, "Chen Wei")).to_contain_text("present")
    expect(desk.locator("#live [data-stat=total_present]")).to_have_text("2")
    expect(desk.get_by_role("searchbox")).to_have_value("chen")


def test_poll_sends_only_changes(open_page, taking):
    desk = open_session_page(open_page(**DESK), taking)
    with desk.expect_response(lambda answer: "/records/?since=" in answer.url) as found:
        pass
    assert found.value.json()["records"] == []
    assert len(found.value.body()) < 200


def test_pages_are_accessible_and_fit_the_width(open_page, section):
    teacher = section.teachers.get()
    other = factories.make_section(students=3, teachers=[teacher], name="CS101-B")
    students = factories.students_of(section)
    desk = open_page(**DESK)
    sign_in(desk, teacher)
    group = factories.make_group_session(
        sections=[section, other], status=SessionStatus.ACTIVE, opened_by=teacher
    )
    member = QRSession.objects.with_names().get(meeting__section=section)
    for student in students[:2]:
        factories.make_record(meeting=member.meeting, student=student, status=Status.LATE, device="d" * 64)
    ended = factories.make_session(section=factories.make_section(teachers=[teacher]), status="ended")
    factories.make_record(
        meeting=ended.meeting, student=students[2], status=Status.ABSENT, method="end", roll_number="12345"
    )
    pages = [f"/teach/groups/{group.public_id}/", f"/teach/groups/{group.public_id}/register/"]
    pages += [f"/teach/sessions/{one.public_id}/" for one in (member, ended)]
    pages += [f"/teach/sessions/{member.public_id}/bulk/?of=unmarked"]
    for path in pages:
        # A wide window opens what a narrow one folds.
        desk.set_viewport_size(DESK["viewport"])
        desk.goto(path)
        if desk.locator("#students .mark-link").count():
            desk.locator("#students .mark-link").last.click()
            desk.get_by_role("dialog").get_by_role("button", name="Excused", exact=True).click()
            expect(desk.get_by_role("button", name="Undo")).to_be_visible()
            # What matches is highlighted, and a note says how many are shown.
            desk.get_by_role("searchbox").fill("a")
        assert_readable(desk, [(1440, "light"), (3840, "dark"), (320, "dark")])


def test_former_teacher_follows_a_class_of_their_time_and_finds_no_way_to_mark(open_desk, taking):
    """The script of the page works without the links that it has for others."""
    today = timezone.localdate()
    Meeting.objects.update(date=today - datetime.timedelta(days=1))
    TeachingAssignment.objects.update(to_date=today)
    desk = open_session_page(open_desk(), taking)
    student = Student.objects.get(name=NAMES[1])

    corrections.correct(
        session=taking, student=student, status=Status.LATE, by=taking.opened_by, at=timezone.now()
    )

    expect(row(desk, student.name).locator("[data-word]")).to_have_text("late")
    desk.locator("[data-search]").fill(student.name)
    desk.locator("[data-search]").press("Enter")
    expect(desk.locator("#list-keys")).to_be_hidden()
    expect(desk.locator("#mark-dialog")).to_be_hidden()
    expect(desk.locator(".mark-link")).to_have_count(0)
    assert axe_violations(desk) == []
