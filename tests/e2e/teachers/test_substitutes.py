"""A teacher gives a class to a colleague, who opens it."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from attendance.models import Meeting, TeachingAssignment
from qrsessions.models import QRSession
from tests.support import factories
from tests.support.browser.pages import DESK, PHONE, is_failed_request, page_opener, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meeting() -> Meeting:
    """A class that begins in five minutes."""
    teacher = factories.make_teacher(first_name="Asha", last_name="Rao")
    course = factories.make_course(code="CS101")
    section = factories.make_section(course=course, name="A", teachers=[teacher], students=2)
    starts_at = timezone.now() + datetime.timedelta(minutes=5)
    return factories.make_planned(section=section, starts_at=starts_at, room="H1")


@pytest.mark.parametrize("with_scripts", [True, False], ids=["scripts", "no scripts"])
def test_class_is_given_opened_by_the_substitute_and_taken_back(
    browser: Browser, live_server, meeting, with_scripts
):
    colleague = factories.make_teacher(first_name="Bo", last_name="Shah")
    # A form that is refused is answered with 400.
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_any:
        teacher = open_any(**DESK, java_script_enabled=with_scripts)
        sign_in(teacher, meeting.section.teachers.get())
        teacher.goto(f"/teach/meetings/{meeting.public_id}/")
        teacher.get_by_text("Give to a substitute").click()
        teacher.get_by_label("Colleague").fill("Shah")
        teacher.get_by_role("button", name="Give the class").click()
        expect(teacher.get_by_text("Did you mean Bo Shah?")).to_be_visible()
        teacher.get_by_label("Colleague").fill("bo shah")
        teacher.get_by_role("button", name="Give the class").click()
        expect(teacher.get_by_text("Substitute: Bo Shah")).to_be_visible()

        substitute = open_any(**PHONE, java_script_enabled=with_scripts)
        sign_in(substitute, colleague)
        expect(substitute.get_by_text("You are the substitute for Asha Rao")).to_be_visible()
        substitute.get_by_role("button", name="Open session").first.click()
        expect(substitute.get_by_role("heading", name="CS101")).to_be_visible()
        substitute.get_by_role("button", name="Lock joining").click()
        expect(substitute.get_by_role("button", name="Start attendance")).to_be_visible()
        session = QRSession.objects.get()
        assert (session.meeting, session.opened_by) == (meeting, colleague)

        teacher.goto(f"/teach/sections/{meeting.section_id}/")
        teacher.get_by_role("link", name="Substitutes and assistants").click()
        teacher.get_by_role("link", name="Take back Bo Shah").click()
        teacher.get_by_role("button", name="Take back").click()
        expect(teacher.get_by_text("Taken back: Bo Shah no longer has access.")).to_be_visible()
        assert not TeachingAssignment.objects.in_force().filter(user=colleague).exists()
