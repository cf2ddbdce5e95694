"""A teacher changes the rule of a section, and finds out why a student has this percentage."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attendance.models import LabelColour, Section, Status, StatusLabel
from attendance.queries.section_rules import rule_of
from qrsessions.models import SessionStatus
from qrsessions.services import corrections
from tests.support import factories
from tests.support.browser.pages import DESK, assert_readable, sign_in
from tests.support.factories import students_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)
P, L, E, A = Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT


@pytest.fixture
def section() -> Section:
    """Three students at six classes; the first has a correction, and late counts half since the fourth."""
    teacher = factories.make_teacher(first_name="Klara", last_name="Fein")
    course = factories.make_course(code="CS101", title="Algorithms")
    students = [factories.make_student(name=name) for name in ("Asha Rao", "Ben Ito", "Chidi Anagonye")]
    section = factories.make_section(students=students, teachers=[teacher], course=course, name="A")
    now = timezone.now()
    sessions = []
    for number, statuses in enumerate([(P, P, A), (L, P, A), (P, E, A), (L, P, P), (A, A, A), (P, P, L)]):
        at = now - (30 - number) * DAY
        session = factories.make_session(
            section=section, status=SessionStatus.ENDED, at=at, opened_by=teacher
        )
        for place, (student, status) in enumerate(zip(students, statuses, strict=True), start=1):
            factories.make_record(
                meeting=session.meeting, student=student, status=status, roll_number=f"{place:02}"
            )
        sessions.append(session)
    corrections.correct(
        session=sessions[4], student=students[0], status=E, by=teacher, at=now, note="Doctor’s letter"
    )
    for days in range(1, 5):
        factories.make_planned(section=section, starts_at=now + days * DAY)
    factories.make_rule(minimum_percentage=60, late_counts=100, excused="neutral")
    factories.make_rule(
        section=section,
        valid_from=timezone.localdate() - 27 * DAY,
        late_counts=50,
        warn_below=90,
        forecast_counts_planned=True,
        set_by=teacher,
        set_at=now - 27 * DAY,
    )
    return section


def test_teacher_sees_who_changes_before_saving_a_rule(open_page, section):
    StatusLabel.objects.create(name="online", letter="O", colour=LabelColour.BLUE, meaning=P)
    page = open_page()
    sign_in(page, section.teachers.get(), to=f"/teach/sections/{section.pk}/rule/")
    expect(page.get_by_text("A late mark counts 50%.").first).to_be_visible()

    page.get_by_label("Minimum attendance (%)").fill("85")
    page.get_by_role("button", name="See who changes").click()

    expect(page.get_by_role("heading", name="1 of 3 students would change")).to_be_visible()
    expect(page.get_by_label("Minimum attendance (%)")).to_have_value("85")
    assert rule_of(section, on=timezone.localdate()).minimum_percentage == 60
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("Rule saved.")).to_be_visible()
    assert rule_of(section, on=timezone.localdate()).minimum_percentage == 85


def test_rule_that_begins_in_the_past_is_saved_once_that_is_confirmed(open_phone, section):
    page = open_phone(viewport=DESK["viewport"])
    yesterday = timezone.localdate() - DAY
    sign_in(page, section.teachers.get(), to=f"/teach/sections/{section.pk}/rule/")
    page.get_by_label("From").fill(yesterday.isoformat())
    page.get_by_label("Classes left out").fill("1")

    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("This day is in the past")).to_be_visible()
    assert_readable(page)
    assert rule_of(section, on=yesterday).drop_lowest == 0
    page.get_by_label("Yes, change numbers that have been shown").check()
    page.get_by_role("button", name="Save rule").click()

    expect(page.get_by_text("Rule saved.")).to_be_visible()
    assert rule_of(section, on=yesterday).drop_lowest == 1


def test_pages_of_rule_and_students_fit_any_screen(open_page, section):
    StatusLabel.objects.create(name="left early", letter="V", colour=LabelColour.ORANGE, meaning=L)
    student, teacher = students_of(section)[0], section.teachers.get()
    other = factories.make_section(course=section.course, teachers=[teacher], name="B", students=[student])
    session = factories.make_session(
        section=other, status=SessionStatus.ENDED, at=timezone.now() - 40 * DAY, opened_by=teacher
    )
    factories.make_record(meeting=session.meeting, student=student, status=P)
    page = open_page(**DESK)
    sign_in(page, teacher, to=f"/teach/sections/{section.pk}/rule/")
    assert_readable(page)
    page.get_by_label("Minimum attendance (%)").fill("85")
    page.get_by_role("button", name="See who changes").click()
    assert_readable(page)

    page.goto("/teach/students/?q=asha")
    assert_readable(page)
    page.get_by_role("link", name="Asha Rao").click()
    expect(page.get_by_role("heading", name="Together")).to_be_visible()
    assert_readable(page)
    page.get_by_role("link", name="Section A").click()
    expect(page.get_by_text("4 + 1 × 50% = 4.5 of 5 classes", exact=False).first).to_be_visible()
    assert_readable(page)


def test_student_reads_why_a_class_counts_as_it_does(open_page, section):
    phone = open_page(**DESK)
    sign_in(phone, user_of(students_of(section)[0]), to="/student/attendance/")

    expect(phone.get_by_text("Late counts 50%")).to_be_visible()
    assert_readable(phone)
