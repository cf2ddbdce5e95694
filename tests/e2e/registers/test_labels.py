"""Labels and reasons in a teacher's browser: in the dialog, in the list, and in a register that is typed."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import Status, StatusLabel
from qrsessions.models import QRSession, SessionStatus
from qrsessions.services import corrections, lifecycle
from tests.support import factories
from tests.support.browser.pages import (
    DESK,
    PHONE,
    assert_readable,
    is_failed_request,
    open_session_page,
    page_opener,
    sign_in,
    student_row,
)
from tests.support.browser.phones import poll_now
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def section():
    factories.make_label("left early", Status.LATE, colour="orange")
    factories.make_label("online", Status.PRESENT, colour="blue")
    factories.make_reason("medical", name="Medical certificate")
    return factories.make_section(students=3, teachers=[factories.make_teacher()], name="CS101-A")


@pytest.fixture
def session(section) -> QRSession:
    return factories.make_session(section=section, status=SessionStatus.ACTIVE)


@pytest.fixture
def past(section):
    return factories.make_planned(section=section, starts_at=timezone.now() - datetime.timedelta(days=1))


@pytest.fixture
def open_any(browser, live_server):
    with page_opener(browser, live_server.url, is_expected=is_failed_request) as open_page:
        yield open_page


def mark_of(meeting, student):
    fields = ("status", "label__name", "excused_reason__code")
    return meeting.records.filter(student=student).values_list(*fields).first()


def open_dialog(page: Page, name: str) -> None:
    student_row(page, name).get_by_role("link").click()


def test_label_and_reason_are_chosen_in_the_dialog_shown_and_undone(open_any, session, section):
    page = open_session_page(open_any(**DESK), session)
    colleague = open_session_page(open_any(**DESK), session)
    first, second, _ = factories.students_of(section)

    open_dialog(page, first.name)
    page.get_by_role("button", name="left early").click()
    for one in (page, colleague):
        expect(student_row(one, first.name).locator(".tag")).to_have_class("tag late label-orange")
        expect(student_row(one, first.name)).to_contain_text("left early")
    expect(page.get_by_text(f"{first.name}: left early")).to_be_visible()

    open_dialog(page, second.name)
    page.get_by_label("Reason, if excused").select_option("medical")
    page.get_by_role("button", name="Excused").click()
    expect(student_row(page, second.name)).to_contain_text("Medical certificate")
    open_dialog(page, second.name)
    expect(page.get_by_label("Reason, if excused")).to_have_value("medical")
    page.get_by_role("button", name="Present", exact=True).click()
    expect(student_row(page, second.name)).not_to_contain_text("Medical certificate")
    wait_until(lambda: mark_of(session.meeting, second) == ("present", None, None))

    page.get_by_role("button", name="Undo").click()
    expect(student_row(page, second.name)).to_contain_text("Medical certificate")
    assert mark_of(session.meeting, first) == ("late", "left early", None)
    assert mark_of(session.meeting, second) == ("excused", None, "medical")


def test_row_of_a_typed_register_fits_what_was_changed_last(open_any, past, section):
    page = open_any(**DESK)
    sign_in(page, section.teachers.get(), to=f"/teach/meetings/{past.public_id}/")
    student = factories.students_of(section)[0]
    row = page.locator(f"tr[data-student={student.student_id}]")
    label = page.get_by_label(f"{student.name}: label")
    reason = page.get_by_label(f"{student.name}: reason, if excused")
    expect(page.get_by_text("Keys: P present")).to_be_visible()

    label.select_option("left early")
    expect(row.get_by_role("radio", name="late")).to_be_checked()
    wait_until(lambda: mark_of(past, student) == ("late", "left early", None))

    reason.select_option("medical")
    expect(row.get_by_role("radio", name="excused")).to_be_checked()
    expect(label).to_have_value("")
    wait_until(lambda: mark_of(past, student) == ("excused", None, "medical"))

    row.get_by_role("radio", name="excused").press("p")
    expect(reason).to_have_value("")
    wait_until(lambda: mark_of(past, student) == ("present", None, None))

    page.keyboard.press("u")
    expect(reason).to_have_value("medical")
    wait_until(lambda: mark_of(past, student) == ("excused", None, "medical"))


def test_phone_shows_the_label_of_the_mark_and_of_the_class_that_ended(open_any, session, section):
    teacher, student = section.teachers.get(), factories.students_of(section)[0]
    phone = open_any(**PHONE)
    sign_in(phone, factories.user_of(student), to="/student/")
    expect(phone.locator("[data-text=label]:visible")).to_have_count(0)
    online = StatusLabel.objects.get(name="online")

    corrections.correct(
        session=session, student=student, status=Status.PRESENT, label=online, by=teacher, at=timezone.now()
    )
    expect(phone.locator("[data-text=label]:visible")).to_have_text("online")

    lifecycle.take_step(session=session, step="end", by=teacher, at=timezone.now())
    # A phone with a mark would ask only after 16 s.
    poll_now(phone)
    expect(phone.locator("[data-earlier-list] .tag")).to_contain_text("online")


def test_dialog_and_typed_register_are_accessible(open_any, session, past, section):
    page = open_session_page(open_any(**DESK), session)
    open_dialog(page, factories.students_of(section)[0].name)
    expect(page.get_by_role("button", name="left early")).to_be_visible()
    assert_readable(page)

    page.goto(f"/teach/meetings/{past.public_id}/")
    page.get_by_label("Student").first.wait_for(state="attached")
    assert_readable(page)
