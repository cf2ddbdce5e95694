"""What the pages send in the background: nothing typed, scanned or pressed is dropped while a request runs or offline."""

import pytest
from playwright.sync_api import Browser, Page, expect

from attendance.models import AttendanceRecord, RecordChange, Section, Status
from qrsessions.models import QRSession, SessionStatus
from tests.support import factories
from tests.support.browser.pages import (
    DESK,
    PHONE,
    PROJECTOR,
    HeldRequests,
    is_failed_request,
    open_session_page,
    page_opener,
    sign_in,
    student_row,
)
from tests.support.classes import code_of

pytestmark = pytest.mark.django_db(transaction=True)

SAVING = "**/api/v1/sessions/*/records/*/"


@pytest.fixture
def section() -> Section:
    return factories.make_section(students=12, teachers=[factories.make_teacher()], name="CS101-A")


@pytest.fixture
def session(section) -> QRSession:
    return factories.make_session(section=section, status=SessionStatus.ACTIVE)


@pytest.fixture
def open_any(browser: Browser, live_server):
    """Open pages whose requests may be refused or lost."""
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_page:
        yield open_page


@pytest.fixture
def desk(open_any, session) -> Page:
    """The page to scan students or type their numbers."""
    desk = open_any(**DESK)
    sign_in(desk, session.meeting.section.teachers.get(), to=f"/teach/sessions/{session.public_id}/scan/")
    return desk


@pytest.fixture
def page(open_any, session) -> Page:
    """The session's page."""
    return open_session_page(open_any(**DESK), session)


def names(section: Section) -> list[str]:
    """The students' names in the order of their roll numbers: 01 is at 0."""
    return [student.name for student in factories.students_of(section)]


def marked(session: QRSession) -> dict[str, str | None]:
    entries = session.meeting.roster.exclude(record__status=None).order_by("roll_number")
    return dict(entries.values_list("roll_number", "record__status"))


def type_numbers(desk: Page, *numbers: str) -> None:
    field = desk.get_by_label("Roll number or student id")
    field.focus()
    for number in numbers:
        desk.keyboard.type(number)
        desk.keyboard.press("Enter")
        expect(field).to_have_value("")
        expect(field).to_be_focused()


def items(desk: Page) -> list[str]:
    """The visible text of the list of the desk page, the latest entry first."""
    return [" ".join(text.split()) for text in desk.locator("[data-marks] > li").all_inner_texts()]


def choose(page: Page, name: str, status: str) -> None:
    """Mark the student by hand in the dialog of the session's page."""
    student_row(page, name).get_by_role("link").click()
    page.get_by_role("dialog").get_by_role("button", name=status, exact=True).click()
    expect(page.get_by_role("dialog")).to_be_hidden()


# --- The number field of "Scan students" ------------------------------------------------------------------


def test_numbers_typed_while_requests_run_are_all_marked(desk, section, session):
    requests = HeldRequests(desk, "**/personal-codes/")
    numbers = ["05", "06", "11", "12"]
    type_numbers(desk, *numbers)
    desk.keyboard.type("0")

    assert [text.split(" Try")[0] for text in items(desk)] == [f"{one} Sending …" for one in numbers[::-1]]
    for number in numbers:
        # One after another, in the order in which they were typed.
        assert requests.release().post_data_json == {"number": number}
        name = names(section)[int(number) - 1]
        expect(desk.get_by_role("listitem").filter(has_text=name)).to_contain_text("present")
    expect(desk.get_by_text("Sending …")).to_have_count(0)
    assert requests.held == []
    # What was typed meanwhile is still there.
    expect(desk.get_by_label("Roll number or student id")).to_have_value("0")
    assert marked(session) == dict.fromkeys(numbers, "present")


def test_refused_number_stays_in_the_list_until_it_is_sent_again_or_removed(desk, section, session):
    type_numbers(desk, "98", "99", "01")
    entry = desk.locator("li.unsent")
    expect(entry.filter(has_text="99")).to_contain_text("No student in this class has this roll number")
    # The others are sent all the same.
    expect(desk.get_by_role("listitem").filter(has_text=names(section)[0])).to_contain_text("present")

    student = factories.make_student(name="Late Comer")
    factories.make_enrolment(section=section, student=student, roll_number="99")
    desk.get_by_role("button", name="Try again 99").click()
    expect(desk.get_by_role("listitem").filter(has_text="Late Comer")).to_contain_text("present")
    desk.get_by_role("button", name="Remove 98").click()
    expect(entry).to_have_count(0)
    desk.reload()
    expect(entry).to_have_count(0)
    assert marked(session) == {"01": "present", "99": "present"}


def test_numbers_typed_offline_are_marked_when_the_network_is_back(desk, session):
    desk.context.set_offline(True)
    type_numbers(desk, "01", "02")
    expect(desk.get_by_text("Waiting for the server. It is sent automatically.")).to_have_count(2)
    assert marked(session) == {}

    desk.context.set_offline(False)

    expect(desk.locator("[data-stat=total_present]")).to_have_text("2")
    expect(desk.locator("li.unsent")).to_have_count(0)
    assert marked(session) == {"01": "present", "02": "present"}


def test_browser_asks_before_the_page_is_left_only_while_numbers_are_unsent(desk):
    def is_asked() -> bool:
        """Whether the page listens. With a listener that never asks, Chromium may hang if a reload meets the end of a test."""
        return desk.evaluate("window.beforeUnloadListeners.size > 0")

    desk.context.add_init_script("""
        window.beforeUnloadListeners = new Set();
        for (const [name, change] of [["addEventListener", "add"], ["removeEventListener", "delete"]]) {
          const original = window[name];
          window[name] = function (type, listener, ...rest) {
            if (type === "beforeunload") window.beforeUnloadListeners[change](listener);
            return original.call(this, type, listener, ...rest);
          };
        }
    """)
    desk.reload()
    assert not is_asked()

    desk.context.set_offline(True)
    type_numbers(desk, "01")
    expect(desk.locator("li.unsent")).to_have_count(1)
    assert is_asked()
    with desk.expect_event("dialog") as asked:
        desk.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()

    desk.context.set_offline(False)
    expect(desk.locator("li.unsent")).to_have_count(0)
    assert not is_asked()


def test_unsent_numbers_survive_a_reload_but_are_not_sent_for_another_user(desk, section, session):
    requests = HeldRequests(desk, "**/personal-codes/")
    type_numbers(desk, "01", "02")
    requests.lose()
    expect(desk.locator("li.unsent")).to_have_count(2)
    colleague = factories.make_teacher()
    section.teachers.add(colleague)

    address = desk.url
    desk.context.clear_cookies()
    desk.goto(address)
    sign_in(desk, colleague)
    expect(desk.get_by_role("heading", name="Scan students")).to_be_visible()
    expect(desk.locator("li.unsent")).to_have_count(0)
    desk.unroute_all()
    desk.context.clear_cookies()
    desk.goto(address)
    sign_in(desk, section.teachers.exclude(pk=colleague.pk).get())

    expect(desk.locator("[data-stat=total_present]")).to_have_text("2")
    by = set(RecordChange.objects.values_list("changed_by", flat=True))
    assert by == {section.teachers.exclude(pk=colleague.pk).get().pk}


# --- Marks by hand on the session's page ------------------------------------------------------------------


def test_marks_by_hand_are_saved_while_the_teacher_goes_on(page, section, session):
    first, second, third = names(section)[:3]
    requests = HeldRequests(page, SAVING, method="PUT")
    choose(page, first, "Late")
    choose(page, second, "Excused")
    student_row(page, third).get_by_role("link").click()
    page.get_by_label("Note (optional)").fill("her bus")

    requests.release()
    expect(student_row(page, first)).to_contain_text("late")
    # The answer neither closes the dialog that is open now nor clears its text.
    expect(page.get_by_label("Note (optional)")).to_have_value("her bus")
    page.get_by_role("dialog").get_by_role("button", name="Present", exact=True).click()
    requests.release()
    requests.release()

    expect(student_row(page, third)).to_contain_text("present")
    expect(page.locator("li.unsent")).to_have_count(0)
    assert marked(session) == {"01": "late", "02": "excused", "03": "present"}
    assert list(RecordChange.objects.order_by("pk").values_list("note", flat=True)) == ["", "", "her bus"]


def test_marks_that_are_not_saved_yet_can_be_undone(page, section, session):
    first, second = names(section)[:2]
    requests = HeldRequests(page, SAVING, method="PUT")
    choose(page, first, "Late")
    choose(page, second, "Late")
    expect(page.locator("#undo-line")).to_contain_text(f"{first}: late Sending …")

    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    requests.release()
    requests.release()

    expect(page.locator(".undo-box")).to_contain_text(f"Undone. {first}: not joined")
    expect(page.locator("li.unsent")).to_have_count(0)
    assert marked(session) == {}
    changes = RecordChange.objects.order_by("pk").values_list("record__student__name", "note")
    assert list(changes) == [(first, ""), (second, ""), (second, "undone"), (first, "undone")]


def test_refused_mark_is_shown_and_can_be_saved_later(page, section, session):
    first, second = names(section)[:2]
    enrolment = section.enrolments.get(student__name=first)
    enrolment.delete()
    choose(page, first, "Present")
    choose(page, second, "Present")
    failed = page.locator("li.unsent[data-state=failed]")
    expect(failed).to_contain_text(f"{first}: present This student is not on the session's roster.")
    expect(student_row(page, second)).to_contain_text("present")

    enrolment.save(force_insert=True)
    failed.get_by_role("button", name="Try again").click()
    expect(student_row(page, first)).to_contain_text("present")
    expect(failed).to_have_count(0)
    assert marked(session) == {"01": "present", "02": "present"}


def test_unsaved_mark_survives_a_reload(page, section, session):
    requests = HeldRequests(page, SAVING, method="PUT")
    choose(page, names(section)[0], "Excused")
    requests.lose()
    expect(page.locator("li.unsent")).to_contain_text("Waiting for the server.")
    page.unroute_all()

    page.reload()

    expect(page.locator(".undo-box")).to_contain_text(f"{names(section)[0]}: excused")
    assert marked(session) == {"01": "excused"}


# --- Other forms ------------------------------------------------------------------------------------------


def test_newer_code_typed_while_an_older_one_is_checked_is_sent(open_any, section, session):
    student = factories.students_of(section)[0]
    factories.make_record(meeting=session.meeting, student=student, roll_number="01")
    # The page's service worker would hide its requests from the test.
    phone = open_any(**PHONE, service_workers="block")
    sign_in(phone, factories.user_of(student))
    phone.wait_for_load_state("networkidle")
    requests = HeldRequests(phone, "**/api/v1/mark/")
    field = phone.get_by_placeholder("0000 0000")
    field.fill("0000 0000")
    field.press("Enter")
    code = code_of(session)
    field.fill(code)
    field.press("Enter")
    # The second time, as after a double click, changes nothing.
    field.press("Enter")

    assert requests.release().post_data_json["code"] == "0000 0000"
    assert requests.release().post_data_json["code"] == code

    expect(phone.get_by_role("heading", name="You are present")).to_be_visible()
    assert requests.held == []
    assert AttendanceRecord.objects.get(student=student).status == Status.PRESENT


def test_screen_reports_a_step_that_failed_after_its_dialog_was_closed(open_any, section):
    session = factories.make_session(section=section)
    screen = open_any(**PROJECTOR)
    sign_in(screen, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/screen/")
    requests = HeldRequests(screen, "**/lock/")
    screen.keyboard.press("l")
    screen.keyboard.press("Enter")
    screen.keyboard.press("Escape")
    expect(screen.get_by_role("dialog")).to_be_hidden()

    requests.lose()

    expect(screen.locator("[data-told]")).to_contain_text("not respond")
