"""Names of any length and script, large text, and small windows: nothing is cut, covered or wider than the page."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import Section, Student
from qrsessions.models import SessionStatus
from qrsessions.services import groups, lifecycle
from tests.support import factories
from tests.support.browser.pages import fits_width, sign_in
from tests.support.browser.phones import open_student_page
from tests.support.classes import active_session

pytestmark = pytest.mark.django_db(transaction=True)

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ARABIC = "محمد عبد الرحمن بن عبد العزيز آل سعود الهاشمي القرشي"
# Whether a button covers a part of an element.
COVERED = """(element) => [...document.querySelectorAll("[data-controls] button")].some((button) => {
  const [one, other] = [element.getBoundingClientRect(), button.getBoundingClientRect()];
  return other.width > 0 && one.left < other.right && other.left < one.right
    && one.top < other.bottom && other.top < one.bottom;
})"""
IS_CUT = "(element) => element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1"


@pytest.fixture
def section() -> Section:
    teacher = factories.make_teacher(first_name=LONG, last_name=LONG)
    course = factories.make_course(code=LONG[:20], title=LONG)
    section = factories.make_section(students=3, teachers=[teacher], name=LONG[:30], course=course)
    for student in factories.students_of(section):
        student.name = LONG
        student.save()
    return section


@pytest.fixture
def student(section: Section) -> Student:
    return factories.students_of(section)[0]


def in_shapes(phone: Page) -> Iterator[str]:
    """Give the page that is shown each width and each size of text in turn, and yield what it has now."""
    for scale in (1, 2):
        # Twice the size, as set in the phone's or the browser's settings.
        phone.evaluate("size => { document.documentElement.style.fontSize = size; }", f"{scale:.0%}")
        for width in (390, 320):
            phone.set_viewport_size({"width": width, "height": 844})
            yield f"{width} px, text × {scale}"


def test_long_names_do_not_widen_the_students_pages(open_phone, section, student):
    session = lifecycle.open_session(section=section, by=section.teachers.get(), at=timezone.now())
    phone = open_phone()
    open_student_page(phone, student)
    wide = []
    for step in (None, "lock", "start", "end"):
        if step:
            lifecycle.take_step(session=session, step=step, by=session.opened_by, at=timezone.now())
        phone.goto("/student/")
        phone.wait_for_load_state("networkidle")
        wide += [(step or "open", shape) for shape in in_shapes(phone) if not fits_width(phone)]
    for address in ("/student/attendance/", "/student/my-qr/", "/A/0123456789ABCDEFGHJK"):
        phone.goto(address)
        wide += [(address, shape) for shape in in_shapes(phone) if not fits_width(phone)]
    assert wide == []


def test_all_digits_of_a_typed_code_are_visible(open_phone, section, student):
    active_session(section, student)
    phone = open_phone()
    open_student_page(phone, student)
    field = phone.get_by_label("Can't scan? Type the 8-digit code on the screen.")

    field.fill("0000 0000")

    for shape in in_shapes(phone):
        assert not field.evaluate("(field) => field.scrollWidth > field.clientWidth"), shape
        assert fits_width(phone), shape
        button = phone.get_by_role("button", name="Send code")
        assert not button.evaluate(IS_CUT), shape


@pytest.mark.parametrize("status", [SessionStatus.CREATED, SessionStatus.ACTIVE])
def test_buttons_of_the_screen_cover_neither_code_nor_address(open_page, section, status):
    session = factories.make_session(section=section, status=status, opened_by=section.teachers.get())
    screen = open_page()
    sign_in(screen, session.opened_by, to=f"/teach/sessions/{session.public_id}/screen/")
    for width, height in ((800, 600), (1024, 768), (1280, 720), (1920, 1080), (1366, 768)):
        screen.set_viewport_size({"width": width, "height": height})
        expect(screen.locator("[data-controls]")).to_be_visible()

        words = screen.locator(".how b").locator("visible=true")

        assert words.count() > 0
        covered = [one.inner_text() for one in words.all() if one.evaluate(COVERED)]
        assert covered == [], (width, height)


def test_title_of_a_group_is_not_cut_on_the_screen(open_page):
    teacher = factories.make_teacher()
    screen = open_page()
    sign_in(screen, teacher, to="about:blank")
    for sections in (2, 6, 12):
        taught = [
            factories.make_section(name=f"S{number}", students=1, teachers=[teacher])
            for number in range(sections)
        ]
        group = groups.open_group(
            sections=taught,
            by=teacher,
            at=timezone.now(),
            title="An Introduction to Computer Science for Everybody, Monday",
        )
        groups.take_group_step(group_session=group, step="start", by=teacher, at=timezone.now())
        screen.goto(f"/teach/groups/{group.public_id}/screen/")
        for width, height in ((1280, 720), (1920, 1080), (1024, 768)):
            screen.set_viewport_size({"width": width, "height": height})
            assert not screen.locator("h1 span").first.evaluate(IS_CUT), (sections, width, height)


def test_names_are_cut_at_the_end_in_their_own_direction(open_page):
    teacher = factories.make_teacher(first_name=ARABIC, last_name="")
    section = factories.make_section(students=2, teachers=[teacher])
    session = factories.make_session(section=section, opened_by=teacher, names_on_screen=True)
    first, second = factories.students_of(section)
    for student, name in ((first, ARABIC), (second, "Asha Rao")):
        student.name = name
        student.save()
        factories.make_record(meeting=session.meeting, student=student, roll_number=str(student.pk))
    screen = open_page(viewport={"width": 1280, "height": 720})
    sign_in(screen, teacher, to=f"/teach/sessions/{session.public_id}/screen/")

    names = screen.get_by_role("list", name="Latest arrivals").get_by_role("listitem")
    expect(names.filter(has_text=ARABIC)).to_have_css("direction", "rtl")
    expect(names.filter(has_text="Asha Rao")).to_have_css("direction", "ltr")
    screen.goto("/teach/")
    expect(screen.locator(".account > summary span")).to_have_css("direction", "rtl")
