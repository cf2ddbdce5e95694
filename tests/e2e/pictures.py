"""Make the pictures in docs/images from a running demo class. ``make pictures`` runs this.

The demo has names in many scripts. The browser finds the fonts of the printed lists, where the system has none for them.
"""

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Page

from attendance.demo import DEMO_PASSWORD
from attendance.exports.fonts import BASE_FONT
from attendance.models import Section, Status, Student, User
from attendance.registers.term_register import term_register
from qrsessions.codes import tokens
from qrsessions.demo import add_past_classes, phone_of
from qrsessions.models import GroupSession, QRSession
from qrsessions.refusals import NotJoined
from qrsessions.services import corrections, groups, joining, lifecycle, scanning
from tests.support.browser.pages import DESK, PHONE, PROJECTOR, wait_for_animations

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHARP_PHONE = {**PHONE, "device_scale_factor": 2}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, tmp_path_factory) -> dict[str, Any]:
    user_data = tmp_path_factory.mktemp("user-data")
    # Where fontconfig looks for a user's own fonts.
    fonts = user_data / "fonts"
    fonts.mkdir()
    for font in BASE_FONT.parent.glob("*.ttf"):
        # The system's own Latin letters also have a bold face.
        if font != BASE_FONT:
            (fonts / font.name).symlink_to(font)
    return {**browser_type_launch_args, "env": {**os.environ, "XDG_DATA_HOME": str(user_data)}}


@pytest.fixture(autouse=True)
def demo(settings):
    settings.PUBLIC_URL = "https://attend.example.edu"
    settings.TIME_ZONE = "UTC"
    call_command("seed_demo", sections=6, students=360, verbosity=0)


def sections() -> list[Section]:
    return list(Section.objects.order_by("name"))


def students_of(section: Section) -> list[Student]:
    return list(Student.objects.filter(enrolments__section=section).order_by("enrolments__roll_number"))


def sign_in(page: Page, username: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("User name or e-mail").fill(username)
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/login" not in url)
    page.wait_for_load_state("networkidle")


def take(page: Page, name: str, path: str | None = None) -> None:
    if path:
        page.goto(path)
    page.wait_for_load_state("networkidle")
    wait_for_animations(page)
    page.screenshot(path=IMAGES / f"{name}.png")


def run_class(source: QRSession | GroupSession, students: list[Student], *, began: datetime.datetime) -> None:
    """Most students join, attendance starts, and most of them scan, some without having joined."""
    for place, student in enumerate(students):
        if place % 8 != 5:
            joining.join(
                session_or_group=source, student=student, at=began + datetime.timedelta(seconds=place)
            )
    at = began + datetime.timedelta(minutes=6)
    if isinstance(source, GroupSession):
        groups.take_group_step(group_session=source, step="start", by=source.opened_by, at=at)
    else:
        lifecycle.take_step(session=source, step="start", by=source.opened_by, at=at)
    for place, student in enumerate(students):
        if place % 6 in (0, 1, 3, 5):
            moment = at + datetime.timedelta(seconds=place)
            token = tokens.make(public_id=source.public_id, secret=source.secret, step=tokens.step_at(moment))
            try:
                scanning.mark_by_token(token=token, student=student, at=moment, device=phone_of(student))
            except NotJoined:
                continue


def test_pictures_of_one_class(open_page):
    teacher = User.objects.get(username="teacher")
    began = timezone.now() - datetime.timedelta(minutes=9)
    first, second = sections()[:2]
    ended = lifecycle.open_session(section=second, by=teacher, at=began - datetime.timedelta(days=1))
    run_class(ended, students_of(second), began=began - datetime.timedelta(days=1))
    an_hour_later = began - datetime.timedelta(hours=23)
    lifecycle.take_step(session=ended, step="end", by=teacher, at=an_hour_later)
    students = students_of(first)

    phone = open_page(**SHARP_PHONE)
    take(phone, "sign-in", "/accounts/login/")
    sign_in(phone, students[2].user.username)
    # An open page offers joining; opening the page joins at once.
    phone.goto("/student/")
    session = lifecycle.open_session(section=first, by=teacher, at=began)
    phone.get_by_role("heading", name="Your class is open").wait_for()
    take(phone, "student-join")
    run_class(session, students, began=began)
    by_hand = {"session": session, "by": teacher, "at": timezone.now()}
    corrections.correct(student=students[4], status=Status.EXCUSED, note="doctor", **by_hand)
    corrections.correct(student=students[7], status=Status.LATE, note="bus", **by_hand)
    take(phone, "student-scan", "/student/")
    token = tokens.make(
        public_id=session.public_id, secret=session.secret, step=tokens.step_at(timezone.now())
    )
    phone.goto(f"/A/{token}")
    phone.get_by_role("heading", name="You are present").wait_for()
    take(phone, "student-present")
    other = open_page(**SHARP_PHONE)
    sign_in(other, students_of(second)[0].user.username)
    take(other, "student-attendance", "/student/attendance/")
    take(other, "student-own-code", "/student/my-qr/")
    hindi = open_page(**SHARP_PHONE, locale="hi-IN")
    hindi.goto("/accounts/login/")
    hindi.locator("[name=login]").fill(students[9].user.username)
    hindi.locator("[name=password]").fill(DEMO_PASSWORD)
    hindi.locator("[data-sign-in] [type=submit]").click()
    hindi.wait_for_url("**/student/")
    take(hindi, "student-hindi", "/student/")

    desk = open_page(**DESK)
    sign_in(desk, "teacher")
    take(desk, "sections")
    page = f"/teach/sessions/{session.public_id}/"
    take(desk, "session", page)
    take(desk, "session-ended", f"/teach/sessions/{ended.public_id}/")
    take(desk, "mark-by-hand", f"{page}mark/?student={students[5].student_id}")
    take(desk, "desk-scan", f"{page}scan/")
    take(desk, "history", f"{page}history/")
    take(desk, "sign-ins", "/accounts/sign-ins/")
    dark = open_page(**DESK, color_scheme="dark")
    sign_in(dark, "teacher")
    take(dark, "session-dark", page)
    screen = open_page(**PROJECTOR)
    sign_in(screen, "teacher")
    take(screen, "screen", f"{page}screen/")

    waiting = lifecycle.open_session(section=sections()[2], by=teacher, at=timezone.now())
    for student in students_of(sections()[2])[:44]:
        joining.join(session_or_group=waiting, student=student, at=timezone.now())
    take(screen, "screen-joining", f"/teach/sessions/{waiting.public_id}/screen/")
    phone_of_waiting = open_page(**SHARP_PHONE)
    sign_in(phone_of_waiting, students_of(sections()[2])[0].user.username)
    take(phone_of_waiting, "student-waiting", "/student/")


def test_pictures_of_a_group(open_page):
    teacher = User.objects.get(username="teacher")
    began = timezone.now() - datetime.timedelta(minutes=9)
    group = groups.open_group(sections=sections()[:4], by=teacher, at=began, title="Monday lecture")
    run_class(group, [student for section in sections()[:4] for student in students_of(section)], began=began)
    desk, screen = open_page(**DESK), open_page(**PROJECTOR)
    sign_in(desk, "teacher")
    sign_in(screen, "teacher")
    take(desk, "group", f"/teach/groups/{group.public_id}/")
    take(screen, "group-screen", f"/teach/groups/{group.public_id}/screen/")
    take(desk, "open-group", "/teach/groups/new/")
    groups.take_group_step(group_session=group, step="end", by=teacher, at=timezone.now())
    take(desk, "group-register", f"/teach/groups/{group.public_id}/register/")


def test_pictures_of_a_term(open_page):
    add_past_classes(now=timezone.now())
    section = Section.objects.filter(course__code="CS101").order_by("name")[0]
    register = term_register(section, today=timezone.localdate())
    student = min(register.rows, key=lambda row: row.result.percentage or 100).student
    page = f"/teach/sections/{section.pk}"

    desk = open_page(**DESK)
    sign_in(desk, "teacher")
    take(desk, "register", f"{page}/register/")
    take(desk, "report", f"/teach/reports/sections/{section.pk}/")
    take(desk, "explanation", f"{page}/students/{student.student_id}/")
    desk.goto(f"{page}/rule/")
    desk.locator("[name=minimum_percentage]").fill("90")
    desk.get_by_role("button", name="See who changes").click()
    take(desk, "rule")
