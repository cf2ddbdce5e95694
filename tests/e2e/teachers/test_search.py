"""The search fields of the teacher's pages: they find whom the teacher means, and forget the search afterwards."""

import re

import pytest
from playwright.sync_api import Page, expect

from attendance.models import Section, Status
from qrsessions.models import GroupSession, QRSession, SessionStatus
from tests.support import factories
from tests.support.browser.pages import DESK, open_session_page, sign_in, student_row

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 30


@pytest.fixture
def section() -> Section:
    """Thirty students. The digits in their ids are the roll numbers of others: 02 has S0006."""
    # A generated course code might contain a number that a test searches for.
    course = factories.make_course(code="ALG")
    section = factories.make_section(teachers=[factories.make_teacher()], course=course, name="CS101-A")
    for number in range(1, SIZE + 1):
        student = factories.make_student(
            with_user=False, student_id=f"S{number + 4:04}", name=f"Pupil {chr(64 + number)}"
        )
        factories.make_enrolment(section=section, student=student, roll_number=f"{number:02}")
    return section


@pytest.fixture
def session(section) -> QRSession:
    return factories.make_session(section=section, status=SessionStatus.ACTIVE)


@pytest.fixture
def desk(open_page, session) -> Page:
    return open_session_page(open_page(**DESK), session)


def rename(section: Section, roll_number: str, name: str) -> None:
    student = section.enrolments.get(roll_number=roll_number).student
    student.name = name
    student.save()


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)


def shown_rolls(page: Page) -> list[str]:
    return page.locator("#students tr:visible [data-roll]").all_text_contents()


def note(page: Page):
    return page.locator("[data-shown-note] p")


def test_each_roll_number_opens_its_own_student(desk):
    for number in range(1, SIZE + 1):
        search(desk, f"{number:02}")
        desk.keyboard.press("Enter")
        dialog = desk.get_by_role("dialog")
        expect(dialog.locator("[data-roll]")).to_have_text(f"{number:02}")
        desk.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_second_enter_marks_the_student_with_the_typed_number(desk, session):
    desk.get_by_role("searchbox").focus()
    for number in ("06", "11"):
        # The field has the focus again and the next number replaces the last one.
        desk.keyboard.type(number)
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("dialog")).to_be_visible()
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("dialog")).to_be_hidden()
    expect(desk.locator(".undo-box")).to_contain_text("Pupil K: present")
    marked = session.meeting.roster.filter(record__status=Status.PRESENT)
    assert set(marked.values_list("roll_number", flat=True)) == {"06", "11"}


def test_exact_numbers_come_before_prefixes_and_prefixes_before_parts_of_names(open_page, section, session):
    first, second = (
        factories.make_student(student_id="1"),
        factories.make_student(student_id="X9", name="Ann"),
    )
    factories.make_enrolment(section=section, student=first, roll_number="99")
    factories.make_enrolment(section=section, student=second, roll_number="1")
    rename(section, "03", "Joan1 Smith")
    desk = open_session_page(open_page(**DESK), session)

    search(desk, "1")
    # The exact roll number, the exact student id, the starts of numbers, then the part of a name.
    starts = ["01", *(f"{number}" for number in range(10, 20))]
    assert shown_rolls(desk) == ["1", "99", *starts, "03"]
    search(desk, "ann")
    assert shown_rolls(desk) == ["1"]
    search(desk, "an")
    assert shown_rolls(desk) == ["1", "03"]
    # A part of a number is no match.
    search(desk, "0006")
    assert shown_rolls(desk) == []
    search(desk, "")
    assert shown_rolls(desk)[:4] == ["01", "1", "02", "03"]


def test_list_shows_what_matched(open_page, section, session):
    rename(section, "07", "Ánn-Sophie de la Cruz")
    desk = open_session_page(open_page(**DESK), session)

    search(desk, "06")
    expect(student_row(desk, "Pupil F").locator("mark")).to_have_text(["06"])
    search(desk, "s0006")
    expect(student_row(desk, "Pupil B")).to_contain_text("student id S0006")
    expect(student_row(desk, "Pupil B").locator("mark")).to_have_text(["S0006"])
    search(desk, "cru ann")
    expect(desk.locator("#students tr:visible mark")).to_have_text(["Ánn", "Cru"])
    search(desk, "")
    expect(desk.locator("#students mark")).to_have_count(0)
    expect(student_row(desk, "Pupil B").get_by_text("student id")).to_be_hidden()


def test_enter_does_nothing_while_several_match_equally_well(desk):
    search(desk, "1")
    desk.keyboard.press("Enter")
    expect(note(desk)).to_contain_text("11 match. Type more, or choose one from the list.")
    expect(desk.get_by_role("dialog")).to_be_hidden()
    # It counts only the best matches.
    search(desk, "pupil")
    desk.keyboard.press("Enter")
    expect(note(desk)).to_contain_text("30 match.")
    search(desk, "nobody")
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("No students match.")).to_be_visible()
    search(desk, "")
    desk.keyboard.press("Enter")
    expect(note(desk)).to_be_hidden()
    expect(desk.get_by_role("dialog")).to_be_hidden()


def test_enter_does_not_open_another_student_because_a_filter_hides_the_right_one(
    open_page, section, session
):
    factories.make_enrolment(section=section, roll_number="060")
    factories.make_record(
        meeting=session.meeting,
        student=section.enrolments.get(roll_number="06").student,
        roll_number="06",
        status=Status.PRESENT,
    )
    desk = open_session_page(open_page(**DESK), session)
    desk.locator(".chip", has_text="Not joined").click()

    search(desk, "06")
    assert shown_rolls(desk) == ["060"]
    desk.keyboard.press("Enter")

    expect(note(desk)).to_contain_text("The filter hides the best match.")
    expect(desk.get_by_role("dialog")).to_be_hidden()


def test_search_and_filter_say_how_many_are_shown_and_can_be_cleared(desk):
    expect(note(desk)).to_be_hidden()
    search(desk, "06")
    expect(note(desk)).to_contain_text("1 of 30 shown")
    desk.get_by_role("button", name="Clear search and filter").click()
    expect(note(desk)).to_be_hidden()
    expect(desk.get_by_role("searchbox")).to_be_focused()
    assert len(shown_rolls(desk)) == SIZE

    desk.locator(".chip", has_text="Not joined").click()
    expect(note(desk)).to_contain_text("30 of 30 shown")
    desk.get_by_role("button", name="Clear search and filter").press("Enter")
    expect(desk.get_by_role("radio", name=re.compile("^All"))).to_be_checked()
    expect(note(desk)).to_be_hidden()


def test_search_is_forgotten_on_leaving(desk):
    address = desk.url
    for way in ("link", "back", "reload", "kept page"):
        desk.locator(".chip", has_text="Not joined").click()
        search(desk, "06")
        expect(note(desk), way).to_contain_text("1 of 30 shown")

        if way == "reload":
            desk.reload()
        elif way == "kept page":
            # The browser kept the page in its back-forward cache, which a test cannot rely on.
            desk.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        else:
            desk.goto("/teach/")
            if way == "back":
                desk.go_back()
            else:
                desk.goto(address)

        expect(desk.get_by_role("searchbox"), way).to_have_value("")
        expect(desk.get_by_role("radio", name=re.compile("^All")), way).to_be_checked()
        expect(note(desk), way).to_be_hidden()
        expect(desk.locator("#students tr:visible"), way).to_have_count(SIZE)


def test_register_of_a_group_finds_section_and_number_together(open_page, section):
    teacher = section.teachers.get()
    other = factories.make_section(students=12, teachers=[teacher], course=section.course, name="CS106-B")
    group = factories.make_group_session(sections=[section, other], opened_by=teacher)
    desk = open_page(**DESK)
    sign_in(desk, teacher, to=f"/teach/groups/{group.public_id}/register/")

    search(desk, "06")
    desk.keyboard.press("Enter")
    # One in each section. CS106-B also has 06 in its name, but matches less well.
    expect(note(desk)).to_contain_text("2 match.")
    search(desk, "cs101 06")
    assert shown_rolls(desk) == ["06"]
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("dialog")).to_contain_text("Pupil F")


def test_enter_in_the_search_for_sections_opens_nothing(open_page):
    teacher = factories.make_teacher()
    course = factories.make_course(code="CS1", title="Algorithms")
    for number in range(30, 40):
        factories.make_section(course=course, students=1, teachers=[teacher], name=f"Room {number}")
    desk = open_page(**DESK)
    sign_in(desk, teacher, to="/teach/groups/new/")
    for name in ("Room 30", "Room 31"):
        desk.get_by_role("checkbox", name=re.compile(name)).check()
    field = desk.get_by_role("searchbox")
    field.fill("room")
    field.press("Enter")
    expect(note(desk)).to_contain_text("10 of 10 shown · Clear search and filter 10 match.")
    field.fill("room 32")
    expect(note(desk)).to_contain_text("1 of 10 shown")
    field.press("Enter")
    expect(desk.get_by_role("checkbox", name=re.compile("Room 32"))).to_be_focused()
    assert not GroupSession.objects.exists()

    desk.goto("/teach/")
    field = desk.get_by_role("searchbox")
    field.fill("room 33")
    field.press("Enter")
    expect(desk.get_by_role("button", name="Open session CS1 Room 33")).to_be_focused()
    desk.goto("/teach/groups/new/")
    desk.go_back()
    expect(desk.get_by_role("searchbox")).to_have_value("")
    expect(desk.get_by_role("button", name="Open session")).to_have_count(10)
    expect(note(desk)).to_be_hidden()
    assert not QRSession.objects.exists()
