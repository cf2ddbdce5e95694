"""The projector screen: what it shows, how it updates, and who may open it."""

import datetime
import re

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, Method, Status
from qrsessions.codes import tokens
from qrsessions.codes.addresses import scan_url
from qrsessions.codes.qr_images import qr_svg
from qrsessions.models import JoinPolicy, QRSession, SessionStatus
from tests.support.factories import (
    make_enrolment,
    make_group_session,
    make_record,
    make_section,
    make_session,
    make_student,
    make_teacher,
    students_of,
    user_of,
)
from tests.support.pages import teacher_address as address
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

NINE = datetime.datetime(2026, 10, 5, 9, 0, 1, tzinfo=datetime.UTC)


@pytest.fixture
def teacher():
    return make_teacher(username="asha")


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


@pytest.fixture
def section(teacher):
    return make_section(students=3, teachers=[teacher], name="A")


@pytest.fixture
def nine(time_machine):
    time_machine.move_to(NINE, tick=False)
    return NINE


def later(seconds: int) -> datetime.datetime:
    return NINE + datetime.timedelta(seconds=seconds)


# --- The page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", SessionStatus)
def test_screen_shows_numbers_and_no_name(page, teacher, status):
    student = make_student(name="Somebody Private")
    section = make_section(students=[student], teachers=[teacher])
    session = make_session(section=section, status=status)
    make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    response = page.get(address(session, "screen/"))
    assert response.status_code == 200
    assert f'data-status="{status}"' in response.content.decode()
    assert "of 1 present" in text_of(response)
    assert "Somebody" not in response.content.decode()


def test_screen_shows_the_code_to_type_only_while_attendance_is_taken(page, section, nine):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    code = tokens.make_code(public_id=session.public_id, secret=session.secret, at=nine)
    shown = f"{code[:4]} {code[4:]}"
    assert shown in text_of(page.get(address(session, "screen/")))
    page.post(address(session, "end/"), {"confirmed": "1"})
    assert shown not in text_of(page.get(address(session, "screen/")))


def test_screen_shows_names_only_when_switched_on(page, section, nine):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    for student in students_of(section):
        make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    names = {student.name for student in students_of(section)}

    def named() -> set[str]:
        text = text_of(page.get(address(session, "screen/")))
        return {name for name in names if name in text}

    assert named() == set()
    QRSession.objects.update(names_on_screen=True)
    assert named() == names


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (JoinPolicy.STRICT, "Only students who have joined can be marked by scanning"),
        (JoinPolicy.OPEN, "Students who scan the code are still joined and marked"),
    ],
)
def test_screen_explains_what_a_lock_does(page, section, policy, words):
    session = make_session(section=section, join_policy=policy)
    text = text_of(page.get(address(session, "screen/")))
    assert words in text
    assert "all sections of the group" not in text


def test_group_screen_explains_that_steps_apply_to_all_sections(page, teacher, section):
    group = make_group_session(sections=[section, make_section(teachers=[teacher])])
    assert (
        text_of(page.get(f"/teach/groups/{group.public_id}/screen/")).count("all sections of the group") == 3
    )


@pytest.mark.parametrize("kind", ["screen", "session", "group"])
@pytest.mark.parametrize(
    ("host", "public_url", "lan_url", "is_unreachable"),
    [
        ("127.0.0.1:8000", "", "", True),
        ("localhost:8000", "", "", True),
        ("localhost:8000", "", "http://192.0.2.7:8000", False),
        ("127.0.0.1:8000", "https://attend.example.edu", "", False),
        ("192.0.2.7:8000", "", "", False),
    ],
)
def test_teacher_is_told_that_phones_cannot_open_a_loopback_address(
    page, teacher, section, settings, kind, host, public_url, lan_url, is_unreachable
):
    settings.PUBLIC_URL, settings.LAN_URL, settings.ALLOWED_HOSTS = public_url, lan_url, ["*"]
    if kind == "group":
        url = f"/teach/groups/{make_group_session(sections=[section]).public_id}/"
    else:
        url = address(make_session(section=section), "screen/" if kind == "screen" else "")

    text = text_of(page.get(url, headers={"host": host}))

    assert (f"Phones cannot open {host}" in text) is is_unreachable


# --- The images -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("+0", 0),
        ("+1", 1),
        ("+2", 2),
        ("+3", None),
        ("-1", None),
        ("", None),
        ("x", None),
        ("9" * 5000, None),
    ],
)
def test_image_is_of_the_present_step_or_the_next_two(page, section, nine, asked, given):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    now = tokens.step_at(timezone.now())
    step = str(now + int(asked)) if re.fullmatch(r"[+-]\d", asked) else asked

    response = page.get(address(session, "screen/qr.svg"), {"step": step})

    token = tokens.make(public_id=session.public_id, secret=session.secret, step=now + (given or 0))
    assert response.content.decode() == qr_svg(scan_url(response.wsgi_request, token))
    assert response.headers["Content-Type"] == "image/svg+xml"
    caching = set(response.headers["Cache-Control"].split(", "))
    if given is None:
        # The image changes, so browsers must not cache it.
        assert {"private", "no-store"} <= caching
    else:
        # One second into a step, 4 s of it are left, and its code is accepted for one more step.
        assert caching == {"private", "immutable", f"max-age={4 + 5 + 5 * given}"}


@pytest.mark.parametrize("status", [SessionStatus.CREATED, SessionStatus.LOCKED, SessionStatus.ENDED])
def test_qr_image_exists_only_while_the_session_is_active(page, section, status):
    session = make_session(section=section, status=status)
    assert page.get(address(session, "screen/qr.svg")).status_code == 404


def test_image_to_join_is_the_join_address(page, section, settings):
    settings.PUBLIC_URL = "https://attend.example.edu"
    session = make_session(section=section)
    response = page.get(address(session, "screen/join.svg"))
    assert response.content.decode() == qr_svg(f"HTTPS://ATTEND.EXAMPLE.EDU/J/{session.public_id}")


@pytest.mark.parametrize("host", ["ATTEND.EXAMPLE.EDU", "X" * 30])
def test_image_of_a_token_has_less_than_two_kilobytes(host):
    addresses = [
        f"HTTPS://{host}/A/" + tokens.make(public_id="7GK2QM9X", secret=b"s" * 32, step=step)
        for step in range(50)
    ]
    assert max(len(qr_svg(address)) for address in addresses) < 2000


def test_image_is_made_once_for_all_screens(page, section, nine):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    url = address(session, f"screen/qr.svg?step={tokens.step_at(nine)}")
    qr_svg.cache_clear()
    assert page.get(url).content == page.get(url).content
    assert (qr_svg.cache_info().misses, qr_svg.cache_info().hits) == (1, 1)


# --- The names of those who came last ---------------------------------------------------------------------


def latest(client: Client, session: QRSession) -> dict[str, object]:
    return client.get(f"/api/v1/sessions/{session.public_id}/latest/").json()


def test_latest_arrivals_have_names_only_when_switched_on(page, section, nine):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT)
    assert latest(page, session) == {"names_on_screen": False, "latest": []}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (SessionStatus.CREATED, ["Cleo", "Bob", "Ada"]),
        (SessionStatus.LOCKED, ["Cleo", "Bob", "Ada"]),
        (SessionStatus.ACTIVE, ["Ada", "Bob"]),
        (SessionStatus.ENDED, []),
    ],
)
def test_latest_arrivals_are_joins_then_marks_newest_first(page, teacher, nine, status, expected):
    ada, bob, cleo, away = (make_student(name=name) for name in ("Ada", "Bob", "Cleo", "Dan"))
    section = make_section(students=[ada, bob, cleo, away], teachers=[teacher])
    session = make_session(section=section, status=status, names_on_screen=True)

    def record(student, *, joined: int, **fields) -> None:
        make_record(meeting=session.meeting, student=student, joined_at=later(joined), **fields)

    record(ada, joined=1, status=Status.PRESENT, marked_at=later(20))
    record(bob, joined=2, status=Status.LATE, marked_at=later(10))
    record(cleo, joined=3)
    make_record(
        meeting=session.meeting, student=away, joined_at=None, status=Status.EXCUSED, method=Method.MANUAL
    )

    answer = latest(page, session)
    assert answer["names_on_screen"] is True
    assert [student["name"] for student in answer["latest"]] == expected


def test_latest_are_eight_at_most(page, teacher, nine):
    section = make_section(students=12, teachers=[teacher])
    session = make_session(section=section, names_on_screen=True)
    for place, student in enumerate(students_of(section)):
        make_record(meeting=session.meeting, student=student, joined_at=later(place))
    names = [student["name"] for student in latest(page, session)["latest"]]
    assert names == [student.name for student in reversed(students_of(section)[4:])]


def test_latest_of_a_group_name_a_student_of_two_sections_once(page, teacher, nine):
    both, only = make_student(name="Both"), make_student(name="Only")
    first = make_section(students=[both, only], teachers=[teacher])
    second = make_section(teachers=[teacher])
    make_enrolment(section=second, student=both)
    group = make_group_session(sections=[first, second], status=SessionStatus.ACTIVE, names_on_screen=True)
    for session in QRSession.objects.select_related("meeting__section"):
        make_record(meeting=session.meeting, student=both, status=Status.PRESENT, marked_at=later(5))
        if session.meeting.section == first:
            make_record(meeting=session.meeting, student=only, status=Status.PRESENT, marked_at=later(3))
    answer = page.get(f"/api/v1/group-sessions/{group.public_id}/latest/").json()
    assert [student["name"] for student in answer["latest"]] == ["Both", "Only"]


def test_latest_are_closed_to_everybody_but_the_sections_teachers(section):
    session = make_session(section=section, names_on_screen=True)
    url = f"/api/v1/sessions/{session.public_id}/latest/"
    student, colleague = Client(), Client()
    student.force_login(user_of(students_of(section)[0]))
    colleague.force_login(make_teacher())
    statuses = [client.get(url).status_code for client in (Client(), student, colleague)]
    assert statuses == [401, 403, 404]
    assert not AttendanceRecord.objects.exists()
