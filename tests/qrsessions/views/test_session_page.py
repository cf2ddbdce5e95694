"""What the pages of sessions and groups say: how many attended, notes, times, and what can be done when."""

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import Method, RecordChange, Status
from qrsessions.models import QRSession, SessionStatus
from qrsessions.services import corrections, groups, lifecycle
from tests.support import factories
from tests.support.classes import client_of
from tests.support.pages import browser_of, teacher_address, text_of

pytestmark = pytest.mark.django_db

NINE = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


@pytest.fixture
def section(teacher):
    return factories.make_section(students=3, teachers=[teacher], name="A")


def correct(session: QRSession, number: int, status: Status | None, note: str = "", minutes: int = 0) -> None:
    """Mark the student with this place in the roster by hand."""
    at = timezone.now() + datetime.timedelta(minutes=minutes)
    student = factories.students_of(session.meeting.section)[number]
    corrections.correct(
        session=session, student=student, status=status, by=session.opened_by, at=at, note=note
    )


def tiles(response) -> list[str]:
    """The visible words of each number above the list."""
    html = response.content.decode()
    shown = re.findall(r'<li class="card num[^"]*"(?: data-joined)?>(.*?)</li>', html, flags=re.DOTALL)
    return [
        " ".join(re.sub(r"<span [^>]* hidden>.*?</span>\s*late</span>|<[^>]+>", " ", one).split())
        for one in shown
    ]


def notes(response) -> list[str]:
    return re.findall(r"data-note[^>]*>([^<]*)<", response.content.decode())


# --- Numbers ----------------------------------------------------------------------------------------------


def test_number_of_those_who_attended_says_how_many_were_late(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    for student, status in zip(factories.students_of(section), [Status.PRESENT, Status.LATE], strict=False):
        factories.make_record(meeting=session.meeting, student=student, status=status)

    assert tiles(page.get(teacher_address(session))) == [
        "2 attended 1 late",
        "2 joined",
        "3 enrolled",
        "66.7 % attendance",
    ]


def test_late_students_of_a_group_count_once(page, teacher, section):
    both = factories.students_of(section)[0]
    other = factories.make_section(students=[both], teachers=[teacher])
    group = groups.open_group(sections=[section, other], by=teacher, at=timezone.now())
    groups.take_group_step(group_session=group, step="start", by=teacher, at=timezone.now())
    correct(QRSession.objects.get(meeting__section=section), 0, Status.LATE)

    for address in (f"/teach/groups/{group.public_id}/", f"/teach/groups/{group.public_id}/register/"):
        assert tiles(page.get(address))[0] == "1 attended 1 late"


def test_number_of_late_students_is_left_out_if_there_are_none(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    correct(session, 0, Status.PRESENT)
    assert tiles(page.get(teacher_address(session)))[0] == "1 attended"


@pytest.mark.parametrize(
    ("status", "is_marked", "is_shown"),
    [
        (SessionStatus.CREATED, False, True),
        (SessionStatus.CREATED, True, True),
        (SessionStatus.ACTIVE, False, True),
        (SessionStatus.ACTIVE, True, False),
        (SessionStatus.ENDED, True, False),
        (SessionStatus.ENDED, False, False),
    ],
)
def test_joined_is_not_shown_of_a_class_that_is_taken_without_phones(
    page, section, status, is_marked, is_shown
):
    session = factories.make_session(section=section, status=status)
    if is_marked:
        correct(session, 0, Status.PRESENT)

    html = page.get(teacher_address(session)).content.decode()

    hidden = [tag.endswith("hidden>") for tag in re.findall(r"<[^>]*data-joined[^>]*>", html)]
    assert hidden == [not is_shown] * len(hidden)
    assert hidden


def test_joined_is_shown_as_soon_as_one_student_joined(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ENDED)
    factories.make_record(meeting=session.meeting, student=factories.students_of(section)[0])
    correct(session, 1, Status.PRESENT)
    assert "1 joined" in tiles(page.get(teacher_address(session)))


def test_running_class_without_phones_says_nothing_of_joining_on_the_first_page(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    assert "0 attended · 0 joined of 3" in text_of(page.get("/teach/"))
    correct(session, 0, Status.PRESENT)
    assert "1 attended of 3" in text_of(page.get("/teach/"))


# --- Notes ------------------------------------------------------------------------------------------------


def test_note_of_an_excuse_is_in_the_row(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    correct(session, 0, Status.EXCUSED, "doctor's <letter>")
    correct(session, 1, Status.LATE, "bus")
    correct(session, 2, Status.PRESENT, "number typed by the teacher")

    response = page.get(teacher_address(session))

    assert notes(response) == ["doctor&#x27;s &lt;letter&gt;", "bus", ""]
    records = client_of(session.opened_by).get(f"/api/v1/sessions/{session.public_id}/records/").json()
    assert [record["note"] for record in records] == ["doctor's <letter>", "bus", ""]


def test_note_goes_with_its_mark_and_comes_back_with_it(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    correct(session, 0, Status.EXCUSED, "doctor")
    correct(session, 0, Status.LATE, minutes=1)
    assert notes(page.get(teacher_address(session)))[0] == ""

    change = RecordChange.objects.get(to_status=Status.LATE)
    corrections.undo(session=session, change=change, by=session.opened_by, at=timezone.now())

    assert notes(page.get(teacher_address(session)))[0] == "doctor"


def test_note_is_in_the_answer_to_a_mark(section, teacher):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE)
    student = factories.students_of(section)[0]
    url = f"/api/v1/sessions/{session.public_id}/records/{student.student_id}/"

    answer = client_of(teacher).put(url, {"status": "excused", "note": "doctor"}, format="json")

    assert answer.json()["record"]["note"] == "doctor"


# --- What can be done when --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", SessionStatus)
def test_rest_is_marked_absent_only_while_attendance_is_taken(page, section, status):
    session = factories.make_session(section=section, status=status)
    factories.make_record(meeting=session.meeting, student=factories.students_of(section)[0])
    for student in factories.students_of(section)[1:] if status == SessionStatus.ENDED else []:
        absent = {"status": Status.ABSENT, "method": Method.END, "joined_at": None}
        factories.make_record(meeting=session.meeting, student=student, **absent)

    html = page.get(teacher_address(session)).content.decode()

    offered = {"link": '?of=unmarked"' in html, "dialog": 'id="bulk-unmarked"' in html}
    assert offered == dict.fromkeys(offered, status == SessionStatus.ACTIVE)


def test_rest_can_be_marked_absent_again_after_reopening(page, section):
    session = factories.make_session(section=section)
    for step in ("start", "end", "reopen"):
        lifecycle.take_step(session=session, step=step, by=session.opened_by, at=timezone.now())
    assert '?of=unmarked"' in page.get(teacher_address(session)).content.decode()


# --- Times ------------------------------------------------------------------------------------------------


def test_two_classes_of_one_day_show_their_times(page, section):
    student = factories.students_of(section)[0]
    first, second = (
        factories.make_session(section=section, status=SessionStatus.ENDED, at=NINE + hours * HOUR)
        for hours in (0, 4)
    )
    for session in (first, second):
        factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)

    assert re.findall(r"23 Nov 2026, (\d\d:\d\d)", text_of(page.get(f"/teach/sections/{section.pk}/"))) == [
        "13:00",
        "09:00",
    ]
    history = browser_of(student).get("/student/attendance/").content.decode()
    assert re.findall(r"23 Nov 2026, (\d\d:\d\d)", history) == ["13:00", "09:00"]
    for session, time in ((first, "09:00"), (second, "13:00")):
        assert f"opened 23 Nov, {time}" in text_of(page.get(teacher_address(session)))
        assert f"23 Nov 2026, {time}" in text_of(page.get(teacher_address(session, "history/")))


@pytest.mark.parametrize("status", [SessionStatus.ACTIVE, SessionStatus.ENDED])
def test_register_of_a_group_shows_its_time(page, teacher, section, status):
    group = factories.make_group_session(sections=[section], status=status, at=NINE, opened_by=teacher)
    assert "23 Nov 2026, 09:00" in text_of(page.get(f"/teach/groups/{group.public_id}/register/"))
