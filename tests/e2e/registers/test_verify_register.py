"""The page that verifies a register, on a phone and on a large screen."""

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord, Status
from attendance.registers.term_register import term_register
from attendance.registers.verification.export_codes import hold_still, make_code, shown_code
from qrsessions.models import QRSession
from qrsessions.services import corrections, lifecycle
from tests.support import factories
from tests.support.browser.pages import assert_readable, sign_in
from tests.support.registers.seals import tamper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session() -> QRSession:
    """A class that was held: nobody came."""
    teacher = factories.make_teacher(first_name="Asha Rao")
    section = factories.make_section(students=3, teachers=[teacher])
    session = lifecycle.open_session(section=section, by=teacher, at=timezone.now())
    return lifecycle.take_step(session=session, step="end", by=teacher, at=timezone.now())


def export(session: QRSession) -> str:
    section = session.meeting.section
    with transaction.atomic():
        hold_still(section)
        register = term_register(section, today=timezone.localdate())
        return shown_code(make_code(register, at=timezone.now()))


def check(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Check code").click()


def test_code_is_verified_and_every_answer_fits(open_page, session):
    code = export(session)
    page = open_page()
    sign_in(page, session.opened_by, to="/verify/")

    def look(heading: str) -> None:
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert_readable(page)

    look("Verify a register")
    check(page, code)
    look("The register is as it was when it was exported")
    student = factories.students_of(session.meeting.section)[1]
    corrections.correct(
        session=session, student=student, status=Status.EXCUSED, by=session.opened_by, at=timezone.now()
    )
    page.reload()
    look(", changed since")
    record = AttendanceRecord.objects.get(student=factories.students_of(session.meeting.section)[0])
    tamper("UPDATE attendance_attendancerecord SET status = 'present' WHERE id = %s", record.pk)
    page.reload()
    look("The register was altered outside Rollcall")
