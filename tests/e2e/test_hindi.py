"""The pages in Hindi: no English text, no wider than a small phone, and accessible."""

import re
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import Section, Status, User
from qrsessions.models import SessionStatus
from qrsessions.services import lifecycle
from tests.support import factories
from tests.support.browser.pages import PROJECTOR, axe_violations, fits_width, sign_in
from tests.support.browser.phones import CAMERA, code_of, poll_now, show_to_camera
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

SMALL_PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
# Names, and words that Hindi also writes in Latin letters.
LATIN = re.compile(
    r"\b(Rollcall|English|QR|CSV|JSON|http\S*|localhost\S*|Linux|Chrome|Esc|Enter|[A-Z]"
    r"|[A-Za-z]{1,4}\d\S*|Anu|Rao|Dev|Iyer)\b"
)
VISIBLE_TEXTS = """() => {
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
def check() -> Callable[..., None]:
    """Check that a page has no English text, fits the width, and, where that may be new, is accessible."""

    def check(page: Page, *, is_new: bool = True) -> None:
        assert page.locator("html").get_attribute("lang") == "hi"
        english = [
            text for text in page.evaluate(VISIBLE_TEXTS) if re.search("[A-Za-z]", LATIN.sub("", text))
        ]
        assert english == [], page.url
        if is_new:
            assert axe_violations(page) == []
        too_wide = page.evaluate(
            "[...document.querySelectorAll('body *')]"
            ".filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
            ".filter((one) => !one.closest('.visually-hidden, .skip, table, dialog'))"
            ".map((one) => one.outerHTML.slice(0, 120))"
        )
        assert too_wide == [], page.url
        assert fits_width(page), page.url

    return check


def sign_in_with_the_form(page: Page, user: User) -> None:
    page.get_by_label("उपयोगकर्ता नाम या ईमेल").fill(user.username)
    page.get_by_label("पासवर्ड").fill(PASSWORD)
    page.get_by_role("button", name="साइन इन करें").click()
    # A script sends the form.
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def heading(page: Page, name: str):
    return page.get_by_role("heading", name=name)


def test_student_pages_are_in_hindi(open_page, section, check):
    student = factories.students_of(section)[0]
    ended = factories.make_session(section=section, status=SessionStatus.ENDED)
    factories.make_record(meeting=ended.meeting, student=student, status=Status.PRESENT)
    phone = open_page(**SMALL_PHONE, locale="hi-IN")
    phone.add_init_script(CAMERA)

    phone.goto("/student/")
    check(phone)
    sign_in_with_the_form(phone, factories.user_of(student))
    expect(heading(phone, "आपके लिए अभी कोई कक्षा खुली नहीं है")).to_be_visible()
    check(phone)
    session = lifecycle.open_session(section=section, by=section.teachers.get(), at=timezone.now())
    poll_now(phone)
    expect(heading(phone, "आपकी कक्षा खुली है")).to_be_visible()
    check(phone)
    phone.get_by_role("button", name="C101 · A1 से जुड़ें").click()
    expect(heading(phone, "आप जुड़ गए हैं")).to_be_visible()
    check(phone)
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=timezone.now())
    poll_now(phone)
    expect(heading(phone, "स्क्रीन पर दिख रहा कोड स्कैन करें")).to_be_visible()
    check(phone)
    phone.get_by_role("button", name="कैमरे से स्कैन करें").click()
    expect(phone.get_by_text("कैमरे को स्क्रीन पर दिख रहे कोड की ओर करें।")).to_be_visible()
    show_to_camera(phone, "bus ticket")
    expect(phone.get_by_text("यह कक्षा का कोड नहीं है").locator("visible=true")).to_be_visible()
    check(phone)
    show_to_camera(phone, code_of(session))
    expect(heading(phone, "आप उपस्थित हैं")).to_be_visible()
    check(phone)
    for path in ("/student/attendance/", "/student/my-qr/", "/accounts/logout/"):
        phone.goto(path)
        check(phone)


def test_session_page_and_screen_are_in_hindi(open_page, section, check):
    teacher = section.teachers.get()
    session = factories.make_session(section=section, opened_by=teacher)
    desk = open_page(**SMALL_PHONE, locale="hi")
    sign_in(desk, teacher, to="about:blank")
    for step in (None, "lock", "start", "end"):
        if step:
            lifecycle.take_step(session=session, step=step, by=teacher, at=timezone.now())
        desk.goto("/teach/")
        expect(heading(desk, "कक्षाएँ")).to_be_visible()
        check(desk, is_new=step is None)
        for path in ("", "scan/", "history/", "screen/"):
            desk.goto(f"/teach/sessions/{session.public_id}/{path}")
            check(desk, is_new=step is None or path in ("", "screen/"))
        desk.set_viewport_size(PROJECTOR["viewport"])
        check(desk, is_new=step is None)
        desk.set_viewport_size(SMALL_PHONE["viewport"])


def test_group_and_teacher_pages_are_in_hindi(open_page, section, check):
    teacher = section.teachers.get()
    other = factories.make_section(students=2, teachers=[teacher], course=section.course, name="A2", term="")
    for student in factories.students_of(other):
        student.name = "Dev Iyer"
        student.save()
    group = factories.make_group_session(
        sections=[section, other], status=SessionStatus.ACTIVE, opened_by=teacher
    )
    desk = open_page(**SMALL_PHONE, locale="hi")
    sign_in(desk, teacher, to="about:blank")
    pages = [f"/teach/groups/{group.public_id}/{path}" for path in ("", "register/", "screen/")]
    colleague = factories.make_teacher(first_name="Dev", last_name="Iyer")
    meeting = factories.make_planned(section=section, starts_at=timezone.now())
    given = factories.make_assignment(section=section, user=colleague, role="substitute", meeting=meeting)
    teachers = f"/teach/sections/{section.pk}/teachers/"
    pages += [teachers, f"{teachers}{given.pk}/take-back/", f"/teach/meetings/{meeting.public_id}/"]
    for path in (*pages, f"/teach/sections/{section.pk}/", "/teach/groups/new/", "/accounts/sign-ins/"):
        assert desk.goto(path).ok, path
        check(desk)
