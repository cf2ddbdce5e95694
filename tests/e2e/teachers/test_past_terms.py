"""A teacher and a student find a past term."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import Status
from qrsessions.models import SessionStatus
from tests.support.browser.pages import PHONE, axe_violations, fits_width, sign_in
from tests.support.factories import (
    make_course,
    make_record,
    make_section,
    make_session,
    make_teacher,
    make_term,
    students_of,
    user_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)


def check(page: Page) -> None:
    assert axe_violations(page) == []
    assert fits_width(page)


def test_past_term_is_one_click_away(open_page):
    teacher = make_teacher()
    past = make_term(name="Spring", last_day=timezone.localdate() - 100 * DAY)
    section = make_section(
        course=make_course(code="CS101", title="Algorithms"),
        name="A",
        term=past,
        teachers=[teacher],
        students=1,
    )
    make_section(teachers=[teacher])
    at = timezone.now() - 120 * DAY
    session = make_session(section=section, status=SessionStatus.ENDED, at=at, opened_by=teacher)
    student = students_of(section)[0]
    make_record(meeting=session.meeting, student=student, status=Status.PRESENT)

    page = open_page(**PHONE)
    sign_in(page, teacher, to="/teach/")
    expect(page.get_by_text("CS101 Algorithms · A")).to_have_count(0)
    page.get_by_role("link", name="Past terms").click()
    expect(page.get_by_role("heading", name="Spring")).to_be_visible()
    check(page)
    page.get_by_role("link", name="CS101 Algorithms · A").click()
    expect(page.get_by_text("The term ended on")).to_be_visible()
    check(page)

    phone = open_page(**PHONE)
    sign_in(phone, user_of(student), to="/student/attendance/")
    card = phone.get_by_role("heading", name="CS101 · A")
    expect(card).to_be_visible()
    phone.get_by_text("Past terms", exact=True).click()
    expect(card).to_be_hidden()
    check(phone)
