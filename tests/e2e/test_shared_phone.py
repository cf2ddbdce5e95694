"""What the teacher sees, while it happens, of two students on one phone; and what pages say of the late rule."""

import os

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attendance.together import finished
from qrsessions import joining, lifecycle, scanning
from qrsessions.models import QRSession, SessionStatus
from tests import factories
from tests.e2e.conftest import DESK, PHONE, PROJECTOR, sign_in
from tests.qrsessions.conftest import token_of

pytestmark = pytest.mark.django_db(transaction=True)

ONE_PHONE = "a" * 32


@pytest.fixture
def session() -> QRSession:
    teacher = factories.make_teacher(username="kfein")
    section = factories.make_section(students=3, teachers=[teacher], late_after_minutes=15)
    made = factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")
    return QRSession.objects.with_names().get(pk=made.pk)


def mark(session: QRSession, number: int, device: str) -> None:
    student = factories.students_of(session.meeting.section)[number]
    at = timezone.now()
    finished(scanning.mark_by_token(token=token_of(session), student=student, at=at, device=device))


def test_flags_come_and_go_on_the_open_page(open_page, live_server, session):
    ada, bob, cyd = factories.students_of(session.meeting.section)
    desk = open_page(**DESK)
    desk.goto(f"/teach/sessions/{session.public_id}/")
    sign_in(desk, session.opened_by)
    note = desk.get_by_text("Marks from a phone that marked somebody else, too")
    expect(note).to_be_hidden()

    mark(session, 0, ONE_PHONE)
    mark(session, 1, ONE_PHONE)
    mark(session, 2, "b" * 32)

    rows = {student: desk.locator(f'tr[data-student="{student.student_id}"]') for student in (ada, bob, cyd)}
    expect(rows[ada]).to_contain_text(f"same phone as {bob.name} (02)", timeout=15_000)
    expect(rows[bob]).to_contain_text(f"same phone as {ada.name} (01)")
    expect(rows[cyd]).to_contain_text("present")
    expect(rows[cyd]).not_to_contain_text("same phone")
    expect(note).to_contain_text("2")
    by_script = rows[ada].inner_text()
    desk.reload()
    assert rows[ada].inner_text() == by_script
    expect(note).to_contain_text("2")

    rows[bob].get_by_role("link").click()
    desk.get_by_role("button", name="Take the mark back").click()

    expect(rows[ada]).not_to_contain_text("same phone", timeout=15_000)
    expect(rows[bob]).not_to_contain_text("same phone")
    expect(note).to_be_hidden()


def test_screen_and_phone_say_from_when_on_a_scan_is_late(open_page, live_server, session):
    QRSession.objects.filter(pk=session.pk).update(status=SessionStatus.LOCKED, started_at=None)
    phone, screen = open_page(**PHONE), open_page(**PROJECTOR)
    phone.goto("/student/")
    student = factories.students_of(session.meeting.section)[0]
    sign_in(phone, student.user)
    screen.goto(f"/teach/sessions/{session.public_id}/screen/")
    sign_in(screen, session.opened_by)
    screen_rule, phone_rule = screen.get_by_text("Late from"), phone.get_by_text("a scan counts as late")
    expect(screen_rule).to_be_hidden()
    expect(phone_rule).to_be_hidden()

    started_at = timezone.now()
    finished(joining.join(source=session, student=student, at=started_at))
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=started_at)

    late_from = QRSession.objects.with_names().get(pk=session.pk).late_from
    assert late_from
    shown = timezone.localtime(late_from).strftime("%H:%M")
    expect(screen_rule).to_have_text(f"Late from {shown}", timeout=15_000)
    expect(phone_rule).to_have_text(f"From {shown} on, a scan counts as late.", timeout=15_000)
    if folder := os.environ.get("SHOTS"):
        screen.wait_for_timeout(500)
        screen.screenshot(path=f"{folder}/screen.png")
        phone.screenshot(path=f"{folder}/phone.png")
