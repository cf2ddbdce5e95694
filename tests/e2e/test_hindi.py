"""The pages in Hindi: nothing English left on them, nothing wider than a small phone, nothing that axe knows."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import Section, Status, User
from qrsessions import lifecycle
from qrsessions.models import SessionStatus
from tests import factories
from tests.e2e.conftest import PROJECTOR
from tests.e2e.phones import CAMERA, ask_now, code_of, hold_before
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

SMALL_PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
# Names, and what Hindi writes in Latin letters, too.
LATIN = re.compile(
    r"\b(Rollcall|QR|CSV|JSON|http\S*|localhost\S*|Linux|Chrome|Esc|Enter|[A-Z]"
    r"|[A-Za-z]{1,4}\d\S*|Anu|Rao|Dev|Iyer)\b"
)
SHOWN = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: parent, data } = walker.currentNode;
    if (data.trim() && !parent.closest("script, noscript, template, style, code")) texts.push(data.trim());
  }
  for (const name of ["aria-label", "alt", "placeholder", "title"])
    for (const element of document.querySelectorAll(`[${name}]`)) texts.push(element.getAttribute(name));
  return [document.title, ...texts];
}"""


@pytest.fixture
def section() -> Section:
    teacher = factories.make_teacher(first_name="Anu", last_name="Rao")
    course = factories.make_course(code="C101", title="भौतिकी")
    section = factories.make_section(
        students=3, teachers=[teacher], course=course, name="A1", term="2026", minimum_percentage=75
    )
    for student in factories.students_of(section):
        student.name = "Dev Iyer"
        student.save()
    return section


@pytest.fixture
def look() -> Callable[[Page], None]:
    """Finds what is still English, too wide, or a fault that axe knows."""

    def look(page: Page) -> None:
        assert page.locator("html").get_attribute("lang") == "hi"
        english = [text for text in page.evaluate(SHOWN) if re.search("[A-Za-z]", LATIN.sub("", text))]
        assert english == [], page.url
        # What fades in has the contrast of its end.
        page.wait_for_timeout(400)
        violations = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == [], page.url
        too_wide = page.evaluate(
            "[...document.querySelectorAll('body *')]"
            ".filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)"
            ".filter((one) => !one.closest('.visually-hidden, .skip, table, dialog'))"
            ".map((one) => one.outerHTML.slice(0, 120))"
        )
        assert too_wide == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url

    return look


def sign_in(page: Page, user: User) -> None:
    page.get_by_label("उपयोगकर्ता नाम या ईमेल").fill(user.username)
    page.get_by_label("पासवर्ड").fill(PASSWORD)
    page.get_by_role("button", name="साइन इन करें").click()


def heading(page: Page, name: str):
    return page.get_by_role("heading", name=name)


def test_phone_from_the_sign_in_to_the_own_attendance(open_page, section, look):
    student = factories.students_of(section)[0]
    ended = factories.make_session(section=section, status=SessionStatus.ENDED)
    factories.make_record(meeting=ended.meeting, student=student, status=Status.PRESENT)
    phone = open_page(**SMALL_PHONE, locale="hi-IN")
    phone.add_init_script(CAMERA)

    phone.goto("/student/")
    look(phone)
    sign_in(phone, factories.user_of(student))
    expect(heading(phone, "आपके लिए अभी कुछ खुला नहीं है")).to_be_visible()
    look(phone)
    session = lifecycle.open_session(section=section, by=section.teachers.get(), at=timezone.now())
    ask_now(phone)
    expect(heading(phone, "आपकी कक्षा खुली है")).to_be_visible()
    look(phone)
    phone.get_by_role("button", name="C101 · A1 से जुड़ें").click()
    expect(heading(phone, "आप जुड़ गए हैं")).to_be_visible()
    look(phone)
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    ask_now(phone)
    expect(heading(phone, "स्क्रीन पर दिख रहा कोड स्कैन करें")).to_be_visible()
    look(phone)
    phone.get_by_role("button", name="कैमरे से स्कैन करें").click()
    expect(phone.get_by_text("इसे स्क्रीन पर दिख रहे कोड की ओर करें।")).to_be_visible(timeout=15000)
    hold_before(phone, "bus ticket")
    expect(phone.get_by_text("यह किसी कक्षा का कोड नहीं है।").locator("visible=true")).to_be_visible()
    look(phone)
    hold_before(phone, code_of(session))
    expect(heading(phone, "आप उपस्थित हैं")).to_be_visible()
    look(phone)
    for path in ("/student/attendance/", "/student/my-qr/", "/accounts/logout/"):
        phone.goto(path)
        look(phone)


@pytest.mark.parametrize("status", ["created", "locked", "active", "ended"])
def test_desk_and_screen(open_page, section, look, status):
    teacher = section.teachers.get()
    session = factories.make_session(section=section, status=status, opened_by=teacher)
    desk = open_page(**SMALL_PHONE, locale="hi")
    desk.goto("/accounts/login/")
    sign_in(desk, teacher)
    expect(heading(desk, "कक्षाएँ")).to_be_visible()
    look(desk)
    for path in ("", "scan/", "history/", "screen/"):
        desk.goto(f"/teach/sessions/{session.public_id}/{path}")
        look(desk)
    desk.set_viewport_size(PROJECTOR["viewport"])
    look(desk)


def test_group_and_pages_of_the_teacher(open_page, section, look):
    teacher = section.teachers.get()
    other = factories.make_section(students=2, teachers=[teacher], course=section.course, name="A2", term="")
    for student in factories.students_of(other):
        student.name = "Dev Iyer"
        student.save()
    group = factories.make_group_session(
        sections=[section, other], status=SessionStatus.ACTIVE, opened_by=teacher
    )
    desk = open_page(**SMALL_PHONE, locale="hi")
    desk.goto("/accounts/login/")
    sign_in(desk, teacher)
    pages = [f"/teach/groups/{group.public_id}/{path}" for path in ("", "register/", "screen/")]
    for path in (*pages, f"/teach/sections/{section.pk}/", "/teach/groups/new/", "/accounts/sign-ins/"):
        assert desk.goto(path).ok, path
        look(desk)
