"""Two students marked from one phone are flagged live; pages show when a scan becomes late."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attendance.models import Status
from qrsessions.models import QRSession, SessionStatus
from qrsessions.services import joining, lifecycle, scanning
from tests.support import factories
from tests.support.browser.pages import DESK, PHONE, PROJECTOR, sign_in
from tests.support.browser.phones import poll_now
from tests.support.classes import token_of

pytestmark = pytest.mark.django_db(transaction=True)

ONE_PHONE = "a" * 32


@pytest.fixture
def session() -> QRSession:
    teacher = factories.make_teacher(username="kfein")
    section = factories.make_section(students=3, teachers=[teacher], late_after_minutes=15)
    made = factories.make_session(section=section, status=SessionStatus.ACTIVE, join_policy="open")
    return QRSession.objects.with_names().get(pk=made.pk)


def mark(session: QRSession, number: int, device: str, *, by_program: bool = False) -> None:
    student = factories.students_of(session.meeting.section)[number]
    at = timezone.now()
    scanning.mark_by_token(
        token=token_of(session), student=student, at=at, device=device, by_program=by_program
    )


def test_shared_phone_flags_appear_and_disappear_live(open_page, live_server, session):
    ada, bob, cyd = factories.students_of(session.meeting.section)
    desk = open_page(**DESK)
    sign_in(desk, session.opened_by, to=f"/teach/sessions/{session.public_id}/")
    note = desk.get_by_text("Marks from a phone that also marked another student")
    expect(note).to_be_hidden()

    mark(session, 0, ONE_PHONE)
    mark(session, 1, ONE_PHONE)
    mark(session, 2, "b" * 32)

    rows = {student: desk.locator(f'tr[data-student="{student.student_id}"]') for student in (ada, bob, cyd)}
    expect(rows[ada]).to_contain_text(f"same phone as {bob.name} (02)")
    expect(rows[bob]).to_contain_text(f"same phone as {ada.name} (01)")
    expect(rows[cyd]).to_contain_text("present")
    expect(rows[cyd]).not_to_contain_text("same phone")
    expect(note).to_contain_text("2")
    by_script = rows[ada].inner_text()
    desk.reload()
    assert rows[ada].inner_text() == by_script
    expect(note).to_contain_text("2")

    phones = desk.locator("#phones li")
    expect(phones).to_have_text([f"{ada.name} (01), {bob.name} (02)"])

    rows[bob].get_by_role("link").click()
    desk.get_by_role("button", name="Remove mark").click()

    expect(rows[ada]).not_to_contain_text("same phone")
    expect(rows[bob]).not_to_contain_text("same phone")
    expect(note).to_be_hidden()
    expect(phones).to_have_count(0)


def test_unusual_scans_appear_live_and_can_be_filtered(open_page, live_server, session):
    ada, bob, cyd = factories.students_of(session.meeting.section)
    earlier = factories.make_meeting(
        section=session.meeting.section,
        starts_at=timezone.now() - datetime.timedelta(days=7),
        ended_at=timezone.now() - datetime.timedelta(days=6),
    )
    factories.make_record(meeting=earlier, student=ada, status=Status.PRESENT, device=ONE_PHONE)
    desk = open_page(**DESK)
    sign_in(desk, session.opened_by, to=f"/teach/sessions/{session.public_id}/")
    rows = {student: desk.locator(f'tr[data-student="{student.student_id}"]') for student in (ada, bob, cyd)}
    expect(rows[ada]).to_contain_text("not joined")

    mark(session, 0, "b" * 32)
    mark(session, 1, ONE_PHONE)
    mark(session, 2, "", by_program=True)

    flags = {
        ada: "first time on this phone",
        bob: f"same phone as {ada.name} (01) on another day",
        cyd: "by a program",
    }
    for student, flag in flags.items():
        expect(rows[student].locator("[data-flag]")).to_have_text(flag)
    by_script = [rows[student].inner_text() for student in rows]
    desk.reload()
    assert [rows[student].inner_text() for student in rows] == by_script

    desk.get_by_text("Unusual scan").click()
    for row in rows.values():
        expect(row).to_be_visible()
    rows[cyd].get_by_role("link").click()
    desk.get_by_role("button", name="Remove mark").click()

    expect(rows[cyd].locator("[data-flag]")).to_have_text("")


def test_screen_and_phone_show_when_scans_become_late(open_page, live_server, session):
    QRSession.objects.filter(pk=session.pk).update(status=SessionStatus.LOCKED, started_at=None)
    phone, screen = open_page(**PHONE), open_page(**PROJECTOR)
    student = factories.students_of(session.meeting.section)[0]
    sign_in(phone, student.user, to="/student/")
    sign_in(screen, session.opened_by, to=f"/teach/sessions/{session.public_id}/screen/")
    screen_rule, phone_rule = screen.get_by_text("Late from"), phone.get_by_text("count as late")
    expect(screen_rule).to_be_hidden()
    expect(phone_rule).to_be_hidden()

    started_at = timezone.now()
    joining.join(session_or_group=session, student=student, at=started_at)
    lifecycle.take_step(session=session, step="start", by=session.opened_by, at=started_at)

    late_from = QRSession.objects.with_names().get(pk=session.pk).late_from
    assert late_from
    poll_now(phone)
    shown = timezone.localtime(late_from).strftime("%H:%M:%S")
    expect(screen_rule).to_have_text(f"Late from {shown}")
    expect(phone_rule).to_have_text(f"Scans from {shown} onwards count as late.")
