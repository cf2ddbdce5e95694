"""A whole class in real browsers: the teacher, the hall's screen, and two students with phones."""

import re
import time

import pytest
from django_redis import get_redis_connection
from playwright.sync_api import Page, expect

from attendance.models import AttendanceRecord
from qrsessions.models import QRSession
from qrsessions.polling import student_sessions
from tests.support import factories
from tests.support.browser.pages import DESK, PHONE, PROJECTOR, WAIT_SECONDS, scanned, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def scanned_after(address: str, screen: Page) -> str:
    """The next address that the screen shows."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        later = scanned(screen)
        if later != address:
            return later
        screen.wait_for_timeout(250)
    raise AssertionError("the code on the screen did not change")


def live_set(session: QRSession, name: str) -> set[str]:
    members = get_redis_connection("live").smembers(f"session:{session.public_id}:{name}")
    return {member.decode() for member in members}


def test_class_runs_from_opening_to_register(open_page, live_server, monkeypatch):
    # A phone with a mark notices the end by itself, but asks only every 16 to 24 s.
    monkeypatch.setattr(student_sessions, "POLL_AFTER_MARK_MS", 1000)
    teacher = factories.make_teacher(username="kfein")
    section = factories.make_section(students=3, teachers=[teacher])
    first, second, third = factories.students_of(section)

    # The teacher opens a session.
    desk = open_page(**DESK)
    sign_in(desk, teacher)
    expect(desk.get_by_role("heading", name="Classes", exact=True)).to_be_visible()
    desk.get_by_role("button", name=re.compile("^Open session")).click()
    expect(desk.get_by_role("listitem").filter(has_text="joined").first).to_contain_text("0")
    session = QRSession.objects.with_names().get()

    # Two students open the page on their phones, which joins them.
    phones = [open_page(**PHONE) for _ in range(2)]
    for phone, student in zip(phones, (first, second), strict=True):
        phone.goto("/")
        sign_in(phone, student.user)
        expect(phone.get_by_role("heading", name="You have joined")).to_be_visible()
    expect(desk.locator("[data-stat=total_joined]").first).to_have_text("2")
    assert live_set(session, "joined") == {first.student_id, second.student_id}

    # The teacher locks joining and starts attendance. The screen shows the code.
    desk.get_by_role("button", name="Lock joining").click()
    desk.get_by_role("button", name="Start attendance").click()
    screen = open_page(**PROJECTOR)
    sign_in(screen, teacher, to=f"/teach/sessions/{session.public_id}/screen/")
    expect(screen.get_by_role("img", name="QR code to scan")).to_be_visible()
    address = scanned(screen)
    assert re.fullmatch(rf"{live_server.url.upper()}/A/[0-9A-HJKMNP-TV-Z]{{20}}", address)

    # The first student scans. The camera app opens the address, and no further tap is needed.
    phones[0].goto(address)
    expect(phones[0].get_by_role("heading", name="You are present")).to_be_visible()
    expect(screen.locator("[data-for~=active] [data-stat=total_present]").first).to_have_text("1")
    expect(desk.locator("[data-stat=total_present]").first).to_have_text("1")
    assert live_set(session, "attended") == {"01"}

    # The code rotates without a reload, and the new one works too.
    later = scanned_after(address, screen)
    phones[1].goto(later)
    expect(phones[1].get_by_role("heading", name="You are present")).to_be_visible()

    # The teacher ends the session, and the register is complete.
    desk.get_by_role("button", name="End session").first.click()
    desk.get_by_role("dialog").get_by_role("button", name="End session").click()
    expect(desk.locator("[aria-current=step]")).to_have_text("Ended")
    records = AttendanceRecord.objects.order_by("roll_number").values_list("student", "status", "method")
    assert list(records) == [
        (first.pk, "present", "qr"),
        (second.pk, "present", "qr"),
        (third.pk, "absent", "end"),
    ]
    expect(screen.get_by_text("Attendance has ended")).to_be_visible()
    expect(phones[0].get_by_role("heading", name="This class has ended")).to_be_visible()


def test_scan_before_sign_in_counts_from_its_arrival(open_page, live_server):
    section = factories.make_section(students=1, teachers=[factories.make_teacher()])
    (student,) = factories.students_of(section)
    session = factories.make_session(section=section, status="active", join_policy="open")
    screen = open_page(**PROJECTOR)
    sign_in(screen, section.teachers.get(), to=f"/teach/sessions/{session.public_id}/screen/")
    expect(screen.get_by_role("img", name="QR code to scan")).to_be_visible()
    address = scanned(screen)

    phone = open_page(**PHONE)
    phone.goto(address)
    sign_in(phone, student.user)

    expect(phone.get_by_role("heading", name="You are present")).to_be_visible()
    assert AttendanceRecord.objects.get().method == "claim"


def test_class_works_without_javascript(open_page, live_server):
    teacher = factories.make_teacher()
    section = factories.make_section(students=1, teachers=[teacher])
    (student,) = factories.students_of(section)
    desk, phone, screen = (open_page(java_script_enabled=False) for _ in range(3))

    sign_in(desk, teacher)
    desk.get_by_role("button", name=re.compile("^Open session")).click()
    sign_in(phone, student.user)
    phone.get_by_role("button", name=re.compile("^Join")).click()
    desk.get_by_role("button", name="Lock joining").click()
    desk.get_by_role("button", name="Start attendance").click()
    session = QRSession.objects.with_names().get()
    sign_in(screen, teacher, to=f"/teach/sessions/{session.public_id}/screen/")
    phone.goto(scanned(screen))
    phone.get_by_role("button", name=re.compile("present", re.IGNORECASE)).click()

    expect(phone.get_by_role("heading", name="You are present")).to_be_visible()
    desk.reload()
    expect(desk.locator("[data-stat=total_present]").first).to_have_text("1")
