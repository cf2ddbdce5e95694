"""A teacher imports an old register: chooses the file, answers what its words mean, looks at the preview, imports."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Section
from tests.support import factories
from tests.support.browser.pages import DESK, assert_readable, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timezone.localdate() - datetime.timedelta(days=3)


@pytest.fixture
def section() -> Section:
    section = factories.make_section(teachers=[factories.make_teacher()])
    for number in range(1, 5):
        student = factories.make_student(student_id=f"S{number}", name=f"Pupil {number}", with_user=False)
        factories.make_enrolment(section=section, student=student, roll_number=f"{number:02}")
    return section


def choose(page: Page, content: str) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": "autumn-register.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Preview import").click()


def test_teacher_imports_an_old_register(open_page, section):
    page = open_page(**DESK)
    sign_in(page, section.teachers.get(), to=f"/teach/sections/{section.pk}/register/import/")
    expect(page.get_by_role("heading", name="Import an old register")).to_be_visible()
    assert_readable(page)
    choose(page, f"student_id,{DAY} 10:00,{DAY} 14:00\nS1,P,ill\nS2,L,P\nS3,A,gone home\nS4,,\n")
    expect(page.get_by_text("Say what “ill” means.")).to_be_visible()
    assert_readable(page)
    page.get_by_label("“ill”").select_option("excused")
    page.get_by_label("“gone home”").select_option("absent")
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_text("Classes: 2 added, 0 planned ones filled in. Marks: 6 added")).to_be_visible()
    assert_readable(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Classes: 2 added, 0 planned ones filled in. Marks: 6 added")).to_be_visible()
    found = AttendanceRecord.objects.order_by("meeting__starts_at", "student__student_id")
    assert list(found.values_list("status", flat=True)) == [
        *("present", "late", "absent"),
        *("excused", "present", "absent"),
    ]

    page.goto(f"/teach/sections/{section.pk}/register/import/")
    choose(page, f"student_id,{DAY} 10:00\nS1,A\n")
    expect(page.get_by_text("Already marked present")).to_be_visible()
    page.get_by_label("Replace marks that are different in the file").check()
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("heading", name="Marks replaced")).to_be_visible()
    assert_readable(page)
