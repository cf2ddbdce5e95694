"""The teacher's desk in real browsers: by keyboard alone and by touch, two at once, and through a cut of the network."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from attendance.models import AttendanceRecord, RecordChange, Section, Status
from qrsessions import lifecycle
from qrsessions.models import Action, QRSession, SessionEvent, SessionStatus
from tests import factories
from tests.e2e.conftest import DESK, PHONE, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ["Asha Rao", "Ben Okafor", "Maximiliane-Charlotte von und zu Hohenstein-Wolfsburg", "Chen Wei"]


@pytest.fixture
def section() -> Section:
    section = factories.make_section(students=4, teachers=[factories.make_teacher()], name="CS101-A")
    for student, name in zip(factories.students_of(section), NAMES, strict=True):
        student.name = name
        student.save()
    return section


@pytest.fixture
def taking(section) -> QRSession:
    """Takes attendance; the first student is present, the first three joined."""
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
    """A desk whose network may be cut: failed requests are no fault of the page, failing scripts are."""
    contexts, problems = [], []

    def keep_errors(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            problems.append(message.text)

    def open_desk(**options) -> Page:
        context = browser.new_context(base_url=live_server.url, **{**DESK, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", keep_errors)
        return page

    yield open_desk
    for context in contexts:
        context.close()
    assert problems == []


def at_session(page: Page, session: QRSession, teacher=None) -> Page:
    sign_in(page, teacher or session.meeting.section.teachers.all()[0])
    page.goto(f"/teach/sessions/{session.public_id}/")
    page.wait_for_load_state("networkidle")
    return page


def row(page: Page, name: str):
    return page.locator("#students tr").filter(has_text=name)


def statuses(section: Section) -> list[str | None]:
    found = section.meetings.get().roster.order_by("roll_number")
    return list(found.values_list("record__status", flat=True))


def press_until(page: Page, key: str, text: str) -> None:
    """Press the key until what has the focus says so."""
    for _ in range(40):
        page.keyboard.press(key)
        if text in page.evaluate("document.activeElement.textContent.trim()"):
            return
    raise AssertionError(f"{key} never leads to {text}")


def test_class_by_keyboard_alone(open_page, section):
    desk = open_page(**DESK)
    sign_in(desk, section.teachers.get())
    expect(desk.get_by_role("heading", name="Classes", exact=True)).to_be_visible()
    press_until(desk, "Tab", "Open session")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/teach/sessions/*/")
    for button, step in (("Lock joining", "Locked"), ("Start attendance", "Taking attendance")):
        press_until(desk, "Tab", button)
        desk.keyboard.press("Enter")
        expect(desk.locator("[aria-current=step]")).to_have_text(step)

    # A name in the search field, Enter, and the mark.
    desk.get_by_role("searchbox").focus()
    desk.keyboard.type("okaf")
    expect(desk.locator("#students tr:visible")).to_have_count(1)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("dialog")).to_be_visible()
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("button", name="Late", exact=True)).to_be_focused()
    desk.keyboard.press("Enter")
    expect(row(desk, "Ben Okafor")).to_contain_text("late")
    expect(desk.locator("#undo-line")).to_contain_text("Ben Okafor: late")
    expect(desk.get_by_role("searchbox")).to_be_focused()
    expect(desk.get_by_role("searchbox")).to_have_value("okaf")

    # Through the list by the arrow keys, with a note.
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

    # Undone, one after the other.
    desk.keyboard.press("Control+z")
    expect(row(desk, "Chen Wei")).to_contain_text("not joined")
    press_until(desk, "Tab", "Undo")
    expect(desk.locator("#undo-line")).to_contain_text("Undo Ben Okafor")
    desk.keyboard.press("Enter")
    expect(row(desk, "Ben Okafor")).to_contain_text("not joined")
    assert statuses(section) == [None] * 4
    notes = RecordChange.objects.order_by("pk").values_list("note", flat=True)
    assert list(notes) == ["", "doctor", "undo", "undo"]

    # The rest absent, then the end.
    press_until(desk, "Shift+Tab", "Rest absent")
    desk.keyboard.press("Enter")
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_contain_text("Students without a mark: 4")
    press_until(desk, "Tab", "Mark as absent")
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("4 students marked.")).to_be_visible()
    press_until(desk, "Tab", "End session")
    desk.keyboard.press("Enter")
    press_until(desk, "Tab", "End session")
    desk.keyboard.press("Enter")
    expect(desk.locator("[aria-current=step]")).to_have_text("Ended")
    assert statuses(section) == ["absent"] * 4
    assert SessionEvent.objects.filter(action=Action.BULK).count() == 1


def test_class_by_touch(open_page, taking, section):
    desk = at_session(open_page(**PHONE), taking)
    row(desk, "Ben Okafor").get_by_role("link").tap()
    desk.get_by_role("dialog").get_by_role("button", name="Late", exact=True).tap()
    expect(row(desk, "Ben Okafor")).to_contain_text("late")
    desk.get_by_role("button", name="Undo").tap()
    expect(row(desk, "Ben Okafor")).to_contain_text("joined")
    desk.get_by_text("Joined, not scanned").tap()
    expect(desk.locator("#students tr:visible")).to_have_count(2)
    desk.get_by_role("link", name="Mark all joined as present").tap()
    expect(desk.get_by_role("dialog")).to_contain_text("Students who joined and have no mark: 2")
    desk.get_by_role("button", name="Mark as present").tap()
    expect(desk.get_by_text("2 students marked.")).to_be_visible()
    assert statuses(section) == ["present", "present", "present", None]


def test_after_class_corrections_in_place(open_page, taking, section):
    desk = at_session(open_page(**DESK), taking)
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
    mine, theirs = at_session(open_page(**DESK), taking), at_session(open_page(**DESK), taking, colleague)
    mine.get_by_role("searchbox").fill("e")
    row(mine, "Chen Wei").get_by_role("link").focus()
    mine.evaluate("window.notLoadedAgain = true")

    row(theirs, "Maximiliane").get_by_role("link").click()
    theirs.get_by_role("dialog").get_by_role("button", name="Late", exact=True).click()

    expect(row(mine, "Maximiliane")).to_contain_text("late")
    expect(mine.locator("#live [data-stat=total_present]")).to_have_text("2")
    # The colleague ends the session; the buttons follow without a reload.
    theirs.get_by_role("button", name="End session").first.click()
    theirs.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(mine.locator("[aria-current=step]")).to_have_text("Ended")
    expect(mine.get_by_role("button", name="Reopen")).to_be_visible()
    expect(row(mine, "Chen Wei")).to_contain_text("absent")
    expect(mine.locator(".after-class")).to_be_visible()
    expect(row(mine, "Chen Wei").get_by_role("link")).to_be_focused()
    expect(mine.get_by_role("searchbox")).to_have_value("e")
    assert mine.evaluate("window.notLoadedAgain")

    # Both mark the same student at once: the later one stands, and the earlier one's undo is refused.
    for page, status in ((mine, "Excused"), (theirs, "Present")):
        row(page, "Chen Wei").get_by_role("link").click()
        page.get_by_role("dialog").get_by_role("button", name=status, exact=True).click()
        expect(page.locator("#undo-line")).to_contain_text("Chen Wei")
    expect(row(mine, "Chen Wei")).to_contain_text("present")


def test_undo_of_what_a_colleague_changed_since_says_so(open_desk, taking, section):
    desk = at_session(open_desk(), taking)
    row(desk, "Chen Wei").get_by_role("link").click()
    desk.get_by_role("dialog").get_by_role("button", name="Excused", exact=True).click()
    expect(desk.locator("#undo-line")).to_contain_text("Chen Wei: excused")
    AttendanceRecord.objects.filter(student__name="Chen Wei").update(status=Status.LATE)
    desk.get_by_role("button", name="Undo").click()
    expect(desk.locator("#undo-line")).to_contain_text("was changed again since")
    expect(row(desk, "Chen Wei")).to_contain_text("late")


def test_typed_text_focus_selection_and_scroll_stay_while_the_list_changes(open_page, section):
    for number in range(60):
        factories.make_enrolment(section=section, roll_number=f"{number + 10}")
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    desk = at_session(open_page(**DESK), session)
    students = factories.students_of(section)
    row(desk, "Asha Rao").get_by_role("link").click()
    note = desk.get_by_label("Note (why, if it matters)")
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


def test_network_cut_for_ten_seconds(open_desk, taking, section):
    desk = at_session(open_desk(), taking)
    desk.get_by_role("searchbox").fill("chen")
    desk.context.set_offline(True)
    note = desk.get_by_text(re.compile(r"^No connection since \d\d:\d\d:\d\d\."))
    expect(note).to_be_visible(timeout=10_000)
    students = factories.students_of(section)
    factories.make_record(meeting=taking.meeting, student=students[3], status=Status.LATE)
    row(desk, "Chen Wei").get_by_role("link").click()
    desk.get_by_role("dialog").get_by_role("button", name="Present", exact=True).click()
    expect(desk.get_by_role("alert")).to_contain_text("The server does not answer.")
    desk.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    desk.wait_for_timeout(6_000)
    expect(note).to_be_visible()

    desk.context.set_offline(False)

    expect(note).to_be_hidden()
    expect(row(desk, "Chen Wei")).to_contain_text("late")
    expect(desk.locator("#live [data-stat=total_present]")).to_have_text("2")
    expect(desk.get_by_role("searchbox")).to_have_value("chen")


def test_polls_tell_changes_only(open_page, taking):
    desk = at_session(open_page(**DESK), taking)
    with desk.expect_response(lambda answer: "/records/?since=" in answer.url) as found:
        pass
    assert found.value.json()["records"] == []
    assert len(found.value.body()) < 200


@pytest.mark.parametrize(
    ("width", "scheme"), [(320, "dark"), (1440, "light"), (1440, "dark"), (3840, "light")]
)
def test_pages_have_no_fault_that_axe_knows_and_fit(open_page, section, width, scheme):
    teacher = section.teachers.get()
    other = factories.make_section(students=3, teachers=[teacher], name="CS101-B")
    students = factories.students_of(section)
    pages: list[str] = []
    desk = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
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
        desk.goto(path)
        if desk.locator("#students .mark-link").count():
            desk.locator("#students .mark-link").last.click()
            desk.get_by_role("dialog").get_by_role("button", name="Excused", exact=True).click()
            expect(desk.get_by_role("button", name="Undo")).to_be_visible()
        desk.wait_for_timeout(400)
        violations = Axe().run(desk).response["violations"]
        assert [(path, one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
