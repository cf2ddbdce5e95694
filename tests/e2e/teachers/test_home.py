"""The teacher's first page and the pages it leads to, by keyboard."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import Method, Section, Status, User
from qrsessions.models import Action, GroupSession, QRSession, RefusedScan, SessionEvent, SessionStatus
from qrsessions.services import auto_end, corrections, groups, joining, lifecycle
from tests.support import factories
from tests.support.browser.pages import DESK, PHONE, assert_readable, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

HOURS = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def teacher() -> User:
    return factories.make_teacher(first_name="Maximiliane", last_name="von Hohenstein")


def make_section(teacher: User, name: str, students: int = 4) -> Section:
    course = factories.make_course(code=f"CS{name}", title="Operating Systems and Networks")
    return factories.make_section(students=students, teachers=[teacher], name=name, course=course)


@pytest.fixture
def busy_teacher(teacher) -> User:
    """A teacher whose first page shows everything it can show."""
    now = timezone.now()
    forgotten = make_section(teacher, "101-A")
    lifecycle.open_session(section=forgotten, by=teacher, at=now - 30 * HOURS)
    auto_end.end_forgotten(at=now - 20 * HOURS, after=6 * HOURS)
    for place, status in enumerate((SessionStatus.ACTIVE, SessionStatus.ENDED)):
        section = make_section(teacher, f"20{place}-B")
        session = factories.make_session(section=section, status=status, at=now - 2 * DAY, opened_by=teacher)
        first, second, third, fourth = factories.students_of(section)
        for student in (first, second):
            factories.make_record(
                meeting=session.meeting, student=student, status=Status.PRESENT, device="one"
            )
        RefusedScan.objects.create(session=session, student=third, scanned_at=now, method=Method.QR)
        factories.make_record(
            meeting=session.meeting, student=fourth, status=Status.ABSENT, method=Method.END
        )
    for number in range(3):
        # A fixed hour, because the test may run just after midnight.
        at = (now - 7 * DAY).replace(hour=9 + number)
        section = make_section(teacher, f"30{number}")
        factories.make_session(section=section, status=SessionStatus.ENDED, at=at, opened_by=teacher)
    groups.open_group(
        sections=[make_section(teacher, f"40{number}") for number in range(3)],
        by=teacher,
        at=now,
        title="Monday lecture",
    )
    make_section(teacher, "501")
    return teacher


def open_first_page(open_page, teacher: User) -> Page:
    page = open_page(**DESK)
    sign_in(page, teacher, to="/teach/")
    return page


def test_first_page_opens_a_session_by_keyboard_only(open_page, teacher):
    make_section(teacher, "101-A")
    page = open_first_page(open_page, teacher)
    expect(page.get_by_role("heading", name="How it works")).to_be_visible()
    page.get_by_role("button", name="Got it").press("Enter")
    expect(page.get_by_role("heading", name="How it works")).to_have_count(0)

    page.get_by_role("button", name="Open session").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Students are joining")).to_be_visible()
    page.goto("/teach/")
    expect(page.get_by_role("heading", name="Running now")).to_be_visible()


def test_last_group_is_opened_again_with_one_key_press(open_page, teacher):
    sections = [make_section(teacher, f"40{number}") for number in range(2)]
    factories.make_group_session(
        sections=sections,
        opened_by=teacher,
        status=SessionStatus.ENDED,
        at=timezone.now() - 7 * DAY,
    )
    page = open_first_page(open_page, teacher)
    page.get_by_role("button", name="Open the same group").press("Enter")
    page.wait_for_url("**/teach/groups/**")
    assert GroupSession.objects.count() == 2


def test_auto_ended_session_is_reopened_from_the_first_page(open_page, teacher):
    section = make_section(teacher, "101-A", students=1)
    session = lifecycle.open_session(section=section, by=teacher, at=timezone.now() - 7 * HOURS)
    # A session that nobody joined would be discarded.
    (student,) = factories.students_of(section)
    joining.join(session_or_group=session, student=student, at=timezone.now() - 7 * HOURS)
    auto_end.end_forgotten(at=timezone.now(), after=6 * HOURS)
    page = open_first_page(open_page, teacher)
    line = page.get_by_role("listitem").filter(has_text="ended automatically at")
    line.get_by_role("button", name="Reopen").press("Enter")
    page.wait_for_url("**/teach/sessions/**")
    assert QRSession.objects.get().status == SessionStatus.ACTIVE


def test_section_page_saves_rules_and_leads_to_the_history(open_page, teacher):
    section = make_section(teacher, "101-A")
    session = lifecycle.open_session(section=section, by=teacher, at=timezone.now())
    student = factories.students_of(section)[0]
    corrections.correct(
        session=session, student=student, status=Status.LATE, by=teacher, at=timezone.now(), note="bus"
    )
    lifecycle.take_step(session=session, step="end", by=teacher, at=timezone.now())
    page = open_first_page(open_page, teacher)
    page.get_by_role("link", name="Operating Systems").press("Enter")
    page.get_by_label("Scans are late after (minutes)").fill("10")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Section rules saved.")).to_be_visible()
    expect(page.get_by_label("Scans are late after (minutes)")).to_have_value("10")

    page.get_by_role("link", name="History").press("Enter")
    page.get_by_label("Show changes for").select_option(student.student_id)
    page.get_by_role("button", name="Show").press("Enter")

    expect(page.get_by_role("heading", name=f"History of {student.name}")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="bus")).to_contain_text("Maximiliane")


def test_search_filters_both_lists_of_sections(open_page, busy_teacher):
    page = open_first_page(open_page, busy_teacher)
    for number in range(4):
        make_section(busy_teacher, f"60{number}")
    page.reload()
    page.get_by_label("Find a course or section").fill("302")
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    expect(page.get_by_role("heading", name="Other sections")).to_be_hidden()
    page.get_by_label("Find a course or section").fill("603")
    expect(page.get_by_role("heading", name="Today")).to_be_hidden()
    expect(page.get_by_role("heading", name="Other sections")).to_be_visible()
    page.get_by_label("Find a course or section").fill("nothing")
    expect(page.get_by_text("No section matches your search.")).to_be_visible()


def pages_of(teacher: User) -> list[str]:
    """The addresses of the pages, with content for each of their parts."""
    session = QRSession.objects.filter(status=SessionStatus.ENDED, meeting__section__name="201-B").get()
    student = factories.students_of(session.meeting.section)[3]
    for status, note in ((Status.LATE, "The bus had an accident on the bridge, she says."), (None, "")):
        corrections.correct(
            session=session, student=student, status=status, by=teacher, at=timezone.now(), note=note
        )
    for action, by, detail in (
        (Action.SETTINGS, teacher, "code_enabled=off, names_on_screen=on"),
        (Action.ADMIT, teacher, "2"),
        (Action.END, None, ""),
    ):
        SessionEvent.objects.create(
            meeting=session.meeting, action=action, done_by=by, done_at=timezone.now(), detail=detail
        )
    history = f"/teach/sessions/{session.public_id}/history/"
    return [
        "/teach/",
        f"/teach/sections/{session.meeting.section_id}/",
        history,
        f"{history}?student={student.student_id}",
    ]


def test_pages_are_accessible_and_fit_the_width(open_page, busy_teacher):
    paths = pages_of(busy_teacher)
    page, new = open_first_page(open_page, busy_teacher), factories.make_teacher()
    make_section(new, "701")
    for path in paths:
        page.goto(path)
        assert_readable(page)
    # Without a section, and with the first.
    assert_readable(open_first_page(open_page, factories.make_teacher()))
    assert_readable(open_first_page(open_page, new))


def test_turning_off_typed_codes_hides_the_field_on_the_phone(open_page, teacher):
    section = make_section(teacher, "101-A")
    student = factories.students_of(section)[0]
    session = lifecycle.open_session(section=section, by=teacher, at=timezone.now())
    joining.join(session_or_group=session, student=student, at=timezone.now())
    lifecycle.take_step(session=session, step="start", by=teacher, at=timezone.now())
    phone, desk = open_page(**PHONE), open_page(**DESK)
    sign_in(phone, factories.user_of(student), to="/student/")
    expect(phone.get_by_label("Type the 8-digit code")).to_be_visible()
    sign_in(desk, teacher, to=f"/teach/sessions/{session.public_id}/")

    desk.locator("summary", has_text="Settings").press("Enter")
    desk.get_by_label("Students can type a code instead of scanning").press("Space")
    desk.get_by_role("button", name="Save").press("Enter")

    expect(desk.get_by_text("Settings saved.")).to_be_visible()
    expect(phone.get_by_label("Type the 8-digit code")).to_be_hidden(timeout=15_000)
    phone.reload()
    expect(phone.get_by_role("heading", name="Scan the code")).to_be_visible()
    expect(phone.get_by_label("Type the 8-digit code")).to_be_hidden()


def test_mark_dialog_leads_to_the_history_of_the_student(open_page, teacher):
    section = make_section(teacher, "101-A")
    student = factories.students_of(section)[1]
    session = lifecycle.open_session(section=section, by=teacher, at=timezone.now())
    desk = open_page(**DESK)
    sign_in(desk, teacher, to=f"/teach/sessions/{session.public_id}/")
    desk.get_by_role("row").filter(has_text=student.name).get_by_role("link").press("Enter")
    desk.get_by_role("dialog").get_by_role("link", name="Earlier changes").press("Enter")
    expect(desk.get_by_role("heading", name=f"History of {student.name}")).to_be_visible()
