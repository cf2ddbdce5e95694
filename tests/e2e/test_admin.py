"""Django's admin in a browser: accessible, and its fields find rows by typing."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.browser.pages import DESK, axe_violations, page_opener, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def open_page(browser, live_server) -> Iterator[Callable[..., Page]]:
    """As in every test, but jQuery and select2 try inline styles, which the policy refuses."""

    def is_expected(message: ConsoleMessage) -> bool:
        return "Applying inline style violates" in message.text

    with page_opener(browser, live_server.url, is_expected=is_expected) as open_page:
        yield open_page


def test_pages_are_accessible(open_page):
    section = factories.make_section(students=2, teachers=[factories.make_teacher()], minimum_percentage=75)
    factories.make_session(section=section, status=SessionStatus.ENDED)
    student = factories.students_of(section)[0]
    page = open_page(**DESK)
    sign_in(page, factories.make_admin())

    for path in (
        "",
        "attendance/section/",
        "attendance/section/add/",
        f"attendance/section/{section.pk}/change/",
        "attendance/enrolment/",
        "attendance/enrolment/add/",
        f"attendance/enrolment/{student.enrolments.get().pk}/change/",
        f"attendance/student/{student.pk}/change/",
        f"attendance/user/{student.user_id}/change/",
        f"attendance/user/{section.teachers.get().pk}/delete/",
        "attendance/meeting/",
    ):
        page.goto(f"/admin/{path}")
        assert axe_violations(page) == []


def test_enrolment_is_added_by_keyboard_with_named_fields(open_page):
    section = factories.make_section(name="B7")
    student = factories.make_student(name="Asha Rao")
    page = open_page(**DESK)
    sign_in(page, factories.make_admin(), to="/admin/attendance/enrolment/add/")

    for label, typed, shown in (("Section", "B7", str(section)), ("Student", "Asha", str(student))):
        page.get_by_role("combobox", name=label).press("Enter")
        field = page.get_by_role("searchbox", name=label)
        field.fill(typed)
        expect(page.get_by_role("option", name=shown)).to_be_visible()
        field.press("Enter")
        expect(page.get_by_role("combobox", name=label)).to_contain_text(shown)
    page.get_by_label("Roll number").fill("07")
    page.get_by_role("button", name="Save", exact=True).press("Enter")

    expect(page.get_by_text("was added successfully")).to_be_visible()
    assert student.enrolments.get().section == section
