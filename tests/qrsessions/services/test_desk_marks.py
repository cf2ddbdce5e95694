"""Marking on the teacher's device, by a student's personal QR code or number."""

import datetime
import re

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, MeetingState, Method, RecordChange, Status
from qrsessions.codes import personal_codes
from qrsessions.models import QRSession, SessionStatus
from qrsessions.services import corrections
from tests.support import factories
from tests.support.classes import client_of
from tests.support.live_sets import sets_of
from tests.support.postgres.database import everything_written

pytestmark = pytest.mark.django_db(transaction=True)


def code_of(student, *, steps_ago: int = 0) -> str:
    at = timezone.now() - datetime.timedelta(seconds=steps_ago * personal_codes.STEP_SECONDS)
    return personal_codes.make(student=student, at=at)


def api(session) -> str:
    return f"/api/v1/sessions/{session.public_id}/personal-codes/"


def desk(source) -> str:
    kind = "groups" if source.public_id.startswith("G") else "sessions"
    return f"/teach/{kind}/{source.public_id}/scan/"


def browser_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(response) -> str:
    words = re.sub(r"<(template|script).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(words.split())


def assert_refused(answer, status, code, before):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    assert answer.json()["detail"]
    assert everything_written() == before


# --- By personal code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [[], ["lock"], ["start"], ["start", "end"]])
def test_personal_code_marks_by_hand_in_every_state(taught_class, steps):
    session = taught_class.open()
    for step in steps:
        taught_class.step(session, step)
    student = taught_class.students[0]

    answer = taught_class.as_teacher.post(api(session), {"code": code_of(student)}, format="json")

    record = AttendanceRecord.objects.get(student=student)
    assert answer.status_code == 201
    stats = answer.json()["stats"]
    assert answer.json() == {
        "session": session.public_id,
        "student_id": student.student_id,
        "name": student.name,
        "roll_number": "01",
        "status": "present",
        "marked_at": timezone.localtime(record.marked_at).isoformat().replace("+00:00", "Z"),
        "created": True,
        "stats": stats,
    }
    assert (stats["session"], stats["total_present"], stats["total_joined"]) == (session.public_id, 1, 0)
    assert (record.status, record.method, record.marked_by) == (
        Status.PRESENT,
        Method.MANUAL,
        taught_class.teacher,
    )
    assert RecordChange.objects.get(record=record, to_status=Status.PRESENT).note == "personal QR code"
    assert sets_of(session) == (set(), {"01"})


def test_second_code_changes_nothing(taught_class):
    session = taught_class.open()
    taught_class.as_teacher.post(api(session), {"code": code_of(taught_class.students[0])}, format="json")
    before = everything_written()

    answer = taught_class.as_teacher.post(
        api(session), {"code": code_of(taught_class.students[0])}, format="json"
    )

    assert (answer.status_code, answer.json()["created"]) == (200, False)
    assert everything_written() == before


def test_personal_code_marks_once_in_a_class(taught_class):
    session, student = taught_class.open(), taught_class.students[0]
    shown, next_shown = code_of(student, steps_ago=1), code_of(student)
    assert taught_class.as_teacher.post(api(session), {"code": shown}, format="json").status_code == 201
    corrections.correct(
        session=session, student=student, status=None, by=taught_class.teacher, at=timezone.now()
    )
    before = everything_written()

    answer = taught_class.as_teacher.post(api(session), {"code": f" {shown} "}, format="json")

    assert_refused(answer, 400, "token_invalid", before)
    assert "already been used" in answer.json()["detail"]
    # Zeros in front of the number make another text, but not another code.
    padded = shown.replace("ROLLCALL:", "ROLLCALL:0")
    assert taught_class.as_teacher.post(api(session), {"code": padded}, format="json").status_code == 400
    assert taught_class.as_teacher.post(api(session), {"code": next_shown}, format="json").status_code == 201
    taught_class.step(session, "end")
    assert (
        taught_class.as_teacher.post(api(taught_class.open()), {"code": shown}, format="json").status_code
        == 201
    )


def test_present_or_late_student_keeps_the_status(taught_class):
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    by_hand = {"session": session, "by": taught_class.teacher, "at": timezone.now()}
    corrections.correct(student=taught_class.students[1], status=Status.LATE, **by_hand)
    before = everything_written()

    answers = [
        taught_class.as_teacher.post(api(session), {"code": code_of(student)}, format="json")
        for student in taught_class.students[:2]
    ]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "present"),
        (200, "late"),
    ]
    assert everything_written() == before


def test_excused_student_who_came_is_present(taught_class):
    session = taught_class.open()
    student = taught_class.students[0]
    corrections.correct(
        session=session, student=student, status=Status.EXCUSED, by=taught_class.teacher, at=timezone.now()
    )

    answer = taught_class.as_teacher.post(api(session), {"code": code_of(student)}, format="json")

    assert (answer.status_code, answer.json()["status"]) == (201, "present")


def test_expired_code_is_refused(taught_class):
    session = taught_class.open()
    before = everything_written()

    answer = taught_class.as_teacher.post(
        api(session), {"code": code_of(taught_class.students[0], steps_ago=2)}, format="json"
    )

    assert_refused(answer, 409, "token_expired", before)


@pytest.mark.parametrize("steps_ago", [2, 100])
def test_code_kept_without_a_connection_counts_at_the_moment_of_its_scan(taught_class, steps_ago):
    session = taught_class.open()
    student = taught_class.students[0]
    body = {
        "code": code_of(student, steps_ago=steps_ago),
        "waited_seconds": steps_ago * personal_codes.STEP_SECONDS,
    }

    answer = taught_class.as_teacher.post(api(session), body, format="json")

    assert (answer.status_code, answer.json()["name"]) == (201, student.name)
    # It is marked when the server hears of it.
    assert timezone.now() - AttendanceRecord.objects.get().marked_at < datetime.timedelta(seconds=30)


@pytest.mark.parametrize(
    ("steps_ago", "waited", "status", "code"),
    [
        # It had expired when it was scanned.
        (4, 2 * personal_codes.STEP_SECONDS, 409, "token_expired"),
        # It did not exist yet.
        (0, 2 * personal_codes.STEP_SECONDS, 400, "token_invalid"),
        (0, -1, 400, "invalid"),
        (0, 12 * 3600 + 1, 400, "invalid"),
        (0, "long", 400, "invalid"),
    ],
)
def test_code_that_was_not_valid_at_its_scan_is_refused(taught_class, steps_ago, waited, status, code):
    session = taught_class.open()
    before = everything_written()
    body = {"code": code_of(taught_class.students[0], steps_ago=steps_ago), "waited_seconds": waited}

    answer = taught_class.as_teacher.post(api(session), body, format="json")

    assert_refused(answer, status, code, before)


@pytest.mark.parametrize("code", ["x", "ROLLCALL:1-0000000000000000", "HTTPS://ROLLCALL.TEST/A/0", "\n"])
def test_anything_else_is_refused(taught_class, code):
    session = taught_class.open()
    before = everything_written()

    answer = taught_class.as_teacher.post(api(session), {"code": code}, format="json")

    assert answer.status_code == 400
    assert answer.json()["code"] in ("token_invalid", "invalid")
    assert everything_written() == before


@pytest.mark.parametrize(
    "body", [{}, {"code": "x", "number": "1"}, {"code": None}, {"code": ["x"]}, {"number": "1" * 101}, []]
)
def test_malformed_body_is_400(taught_class, body):
    session = taught_class.open()
    before = everything_written()

    answer = taught_class.as_teacher.post(api(session), body, format="json")

    assert_refused(answer, 400, "invalid", before)


def test_student_of_another_class_is_named_only_to_a_teacher_of_theirs(taught_class):
    session = taught_class.open()
    stranger = factories.make_student(student_id="X9", name="Ben")
    other = factories.make_section(students=[stranger])
    before = everything_written()

    answer = taught_class.as_teacher.post(api(session), {"code": code_of(stranger)}, format="json")

    assert_refused(answer, 403, "not_enrolled", before)
    assert answer.json()["detail"] == "This is the code of a student of another section."

    other.teachers.add(taught_class.teacher)
    answer = taught_class.as_teacher.post(api(session), {"code": code_of(stranger)}, format="json")

    assert_refused(answer, 403, "not_enrolled", before)
    assert answer.json()["detail"] == "Ben (X9) is not on this class's roster."


def test_only_teachers_of_the_section_mark(taught_class):
    session = taught_class.open()
    before = everything_written()
    body = {"code": code_of(taught_class.students[0])}

    colleague = client_of(factories.make_teacher()).post(api(session), body, format="json")
    student = taught_class.as_student[0].post(api(session), body, format="json")
    nobody = Client().post(api(session), body, content_type="application/json")

    assert (colleague.status_code, student.status_code, nobody.status_code) == (404, 403, 401)
    assert everything_written() == before


def test_get_marks_nobody(taught_class):
    session = taught_class.open()

    assert (
        taught_class.as_teacher.get(api(session), {"code": code_of(taught_class.students[0])}).status_code
        == 405
    )
    assert not AttendanceRecord.objects.exists()


# --- By number --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["02", " 02 ", "T-7", "t-7"])
def test_number_or_student_id_marks(taught_class, number):
    session = taught_class.open()
    student = taught_class.students[1]
    student.student_id = "T-7"
    student.save()

    answer = taught_class.as_teacher.post(api(session), {"number": number}, format="json")

    assert (answer.status_code, answer.json()["name"]) == (201, student.name)
    record = AttendanceRecord.objects.get()
    assert (record.student, record.changes.get().note) == (student, "number typed by the teacher")


@pytest.mark.parametrize("number", ["2", "0", "nobody", "X9"])
def test_unknown_number_is_refused(taught_class, number):
    session = taught_class.open()
    factories.make_student(student_id="X9")
    before = everything_written()

    answer = taught_class.as_teacher.post(api(session), {"number": number}, format="json")

    assert_refused(answer, 403, "not_enrolled", before)


def test_number_that_is_anothers_student_id_is_refused(taught_class):
    session = taught_class.open()
    first, second = taught_class.students[:2]
    second.student_id = "01"
    second.save()
    before = everything_written()

    answer = taught_class.as_teacher.post(api(session), {"number": "01"}, format="json")

    assert_refused(answer, 409, "several_students", before)
    assert {f"{one.name} ({one.student_id})" for one in (first, second)} == set(answer.json()["students"])


# --- In a group -------------------------------------------------------------------------------------------


@pytest.fixture
def hall(transactional_db):
    """A group of two sections: one student of both, and one only of the second, with the same roll number there."""
    teacher = factories.make_teacher()
    both, other = factories.make_student(), factories.make_student()
    first = factories.make_section(students=[both], teachers=[teacher])
    second = factories.make_section(teachers=[teacher])
    factories.make_enrolment(section=second, student=both, roll_number="77")
    factories.make_enrolment(section=second, student=other, roll_number="01")
    group = factories.make_group_session(
        sections=[first, second], status=SessionStatus.ACTIVE, opened_by=teacher
    )
    return teacher, both, other, group


def group_api(group) -> str:
    return f"/api/v1/group-sessions/{group.public_id}/personal-codes/"


def test_group_marks_at_every_section_and_counts_once(hall):
    teacher, both, _other, group = hall

    answer = client_of(teacher).post(group_api(group), {"code": code_of(both)}, format="json")

    assert answer.status_code == 201
    first, _second = QRSession.objects.with_names().order_by("meeting__section_id")
    assert (answer.json()["session"], answer.json()["roll_number"]) == (first.public_id, "01")
    stats = answer.json()["stats"]
    assert (stats["group"], stats["total_students"], stats["total_present"]) == (group.public_id, 2, 1)
    records = AttendanceRecord.objects.values_list("student", "status", "method")
    assert list(records) == [(both.pk, "present", "manual")] * 2


def test_roll_number_used_in_two_sections_asks_for_the_student_id(hall):
    teacher, _both, other, group = hall
    before = everything_written()

    answer = client_of(teacher).post(group_api(group), {"number": "01"}, format="json")

    assert_refused(answer, 409, "several_students", before)
    answer = client_of(teacher).post(group_api(group), {"number": other.student_id}, format="json")
    assert (answer.status_code, answer.json()["name"]) == (201, other.name)


def test_member_of_a_group_marks_its_own_students(hall):
    teacher, both, other, _group = hall
    first = QRSession.objects.with_names().order_by("meeting__section_id").first()
    assert first

    own = client_of(teacher).post(api(first), {"code": code_of(both)}, format="json")
    stranger = client_of(teacher).post(api(first), {"code": code_of(other)}, format="json")

    assert (own.status_code, own.json()["session"]) == (201, first.public_id)
    assert (stranger.status_code, stranger.json()["code"]) == (403, "not_enrolled")
    assert set(AttendanceRecord.objects.values_list("student", flat=True)) == {both.pk}


def test_group_is_only_for_teachers_of_all_its_sections(hall):
    _teacher, both, _other, group = hall
    of_one = factories.make_teacher()
    group.group.meetings.first().section.teachers.add(of_one)

    answer = client_of(of_one).post(group_api(group), {"code": code_of(both)}, format="json")

    assert answer.status_code == 404
    assert not AttendanceRecord.objects.exists()


# --- The page ---------------------------------------------------------------------------------------------


def test_page_marks_by_number_without_a_script(taught_class):
    session = taught_class.open()
    client = browser_of(taught_class.teacher)

    response = client.post(desk(session), {"number": "02"}, follow=True)

    assert response.redirect_chain == [(desk(session), 302)]
    page = text_of(response)
    assert f"{taught_class.students[1].name} is present." in page
    assert "1 of 3 present" in page
    assert f"{taught_class.students[1].name} 02" in page


def test_page_explains_a_refused_number(taught_class):
    session = taught_class.open()
    client = browser_of(taught_class.teacher)
    before = everything_written()

    for number, words in (
        ("", "Type a roll number or a student id."),
        ("9" * 101, "at most 100 characters"),
        ("9", "No student in this class has this roll number"),
        ("\x00", "Null characters are not allowed."),
    ):
        assert words in text_of(client.post(desk(session), {"number": number}, follow=True))
    assert everything_written() == before


def test_page_lists_whom_the_user_marked_the_latest_first(taught_class):
    session = taught_class.open()
    start = timezone.now()
    for minutes, student in enumerate(taught_class.students[:2]):
        corrections.correct(
            session=session,
            student=student,
            status=Status.PRESENT,
            by=taught_class.teacher,
            at=start + datetime.timedelta(minutes=minutes),
        )
    corrections.correct(
        session=session,
        student=taught_class.students[2],
        status=Status.PRESENT,
        by=factories.make_admin(),
        at=start,
    )

    page = browser_of(taught_class.teacher).get(desk(session)).content.decode()

    names = re.findall(r"<b data-name>([^<]+)</b>", page)
    assert names == [taught_class.students[1].name, taught_class.students[0].name]


def test_page_of_a_group_lists_each_student_once(hall):
    teacher, both, _other, group = hall
    client_of(teacher).post(group_api(group), {"code": code_of(both)}, format="json")

    page = browser_of(teacher).get(desk(group)).content.decode()

    assert re.findall(r"<b data-name>([^<]+)</b>", page) == [both.name]


def test_page_is_only_for_teachers_of_the_section(taught_class, client):
    session = taught_class.open()

    assert client.get(desk(session))["Location"].startswith("/accounts/login/")
    assert browser_of(taught_class.students[0].user).get(desk(session)).status_code == 403
    assert browser_of(factories.make_teacher()).get(desk(session)).status_code == 404
    assert browser_of(factories.make_teacher()).post(desk(session), {"number": "01"}).status_code == 404
    assert not AttendanceRecord.objects.exists()


def test_page_of_an_ended_group_leaves_out_cancelled_classes_as_its_live_numbers_do():
    teacher = factories.make_teacher()
    sections = [factories.make_section(students=number, teachers=[teacher]) for number in (1, 2)]
    group = factories.make_group_session(sections=sections, status=SessionStatus.ENDED, opened_by=teacher)
    for meeting in Meeting.objects.all():
        for student in factories.students_of(meeting.section):
            factories.make_record(meeting=meeting, student=student, status=Status.ABSENT)
    Meeting.objects.filter(section=sections[1]).update(state=MeetingState.CANCELLED)

    live = client_of(teacher).get(f"/api/v1/group-sessions/{group.public_id}/stats/").json()
    page = browser_of(teacher).get(desk(group)).content.decode()

    assert live["total_students"] == 1
    assert '<span data-stat="total_students">1</span>' in page


def test_session_pages_lead_to_it(taught_class, hall):
    session = taught_class.open()
    teacher, _both, _other, group = hall

    assert (
        f'href="{desk(session)}"'
        in browser_of(taught_class.teacher).get(f"/teach/sessions/{session.public_id}/").content.decode()
    )
    assert (
        f'href="{desk(group)}"'
        in browser_of(teacher).get(f"/teach/groups/{group.public_id}/").content.decode()
    )


@pytest.mark.parametrize("students", [1, 3])
def test_page_costs_the_same_for_every_number_of_marks(taught_class, students, django_assert_num_queries):
    session = taught_class.open()
    for student in taught_class.students[:students]:
        corrections.correct(
            session=session,
            student=student,
            status=Status.PRESENT,
            by=taught_class.teacher,
            at=timezone.now(),
        )
    client = browser_of(taught_class.teacher)
    client.get(desk(session))

    with django_assert_num_queries(4):
        client.get(desk(session))


def test_code_is_read_at_the_moment_of_the_request(taught_class):
    session = taught_class.open()
    start = timezone.now()
    code = personal_codes.make(student=taught_class.students[0], at=start)

    with time_machine.travel(start + datetime.timedelta(seconds=61), tick=False):
        answer = taught_class.as_teacher.post(api(session), {"code": code}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "token_expired")
