"""A teacher reads the reports of a term, on a phone and on a desk, in light and dark."""

import datetime

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRule, Section, User
from qrsessions.demo import add_past_classes
from tests.support import factories
from tests.support.browser.pages import DESK, assert_readable, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def teacher() -> User:
    return factories.make_teacher()


@pytest.fixture
def section(teacher: User) -> Section:
    """A section of the demo institution, whose classes of the last weeks were held. The teacher teaches all of it."""
    call_command("seed_demo", sections=2, students=40, verbosity=0)
    add_past_classes(now=timezone.now())
    AttendanceRule.objects.filter(section__course__code="CS101").update(warn_below=90)
    teacher.sections.set(Section.objects.all())
    section = Section.objects.filter(course__code="CS101").earliest("pk")
    yesterday = timezone.now() - datetime.timedelta(days=1)
    factories.make_planned(section=section, starts_at=yesterday, hours=0.5)
    return section


def open_all(page: Page) -> None:
    """Open every fold of the page's content."""
    page.evaluate("document.querySelectorAll('main details').forEach((fold) => { fold.open = true; })")


def test_reports_can_be_read_on_every_screen(open_page, teacher, section):
    page = open_page(**DESK)
    sign_in(page, teacher, to="/teach/reports/")

    for address in ("/teach/reports/", "/teach/reports/at-risk/", f"/teach/reports/sections/{section.pk}/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        open_all(page)
        assert_readable(page)


def test_teacher_goes_from_the_reports_to_a_student_at_risk(open_page, teacher, section):
    page = open_page()
    sign_in(page, teacher, to="/teach/")

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Reports").click()
    page.get_by_label("Department").select_option("Computer Science")
    page.get_by_role("button", name="Show").click()
    row = page.get_by_role("row").filter(has_text=f"CS101 · {section.name}")
    expect(row).to_have_count(1)
    row.get_by_role("link", name=f"CS101 · {section.name}", exact=True).click()
    expect(page.get_by_role("img", name="Attendance in each class")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="below 75%").first).to_be_visible()
    page.get_by_text("As a table").first.click()
    expect(page.get_by_role("columnheader", name="excused").first).to_be_visible()
    expect(page.get_by_role("link", name="Take now").first).to_be_visible()
