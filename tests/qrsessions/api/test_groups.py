"""Group sessions through the API: several sessions run as one, all or nothing, each student counted once."""

import datetime
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, MeetingGroup, Section, Student, User
from qrsessions.codes import tokens
from qrsessions.models import GroupSession, QRSession, SessionStatus
from tests.support import factories
from tests.support.classes import client_of
from tests.support.live_sets import sets_of
from tests.support.postgres.database import everything_written


@dataclass
class Hall:
    """Sections A and B of three students each. ``both`` is enrolled in both."""

    teacher: User
    sections: list[Section]
    both: Student

    def __post_init__(self):
        self.as_teacher = client_of(self.teacher)

    def students(self, number: int) -> list[Student]:
        return [student for student in factories.students_of(self.sections[number]) if student != self.both]

    def open(self, **fields: Any) -> GroupSession:
        body = {"sections": [section.pk for section in self.sections], **fields}
        answer = self.post("", body)
        assert answer.status_code == 201, answer.json()
        return GroupSession.objects.with_names().get(group__public_id=answer.json()["id"])

    def post(self, path: str, body: Any = None):
        return self.as_teacher.post(f"/api/v1/group-sessions/{path}", body or {}, format="json")

    def step(self, group: GroupSession, step: str):
        return self.post(f"{group.public_id}/{step}/")

    def stats(self, group: GroupSession) -> dict[str, Any]:
        return self.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/stats/").json()

    def session(self, number: int) -> QRSession:
        return QRSession.objects.with_names().get(meeting__section=self.sections[number])


def join(group, student, section=None):
    body = {"section": section.pk} if section else {}
    return client_of(student.user).post(
        f"/api/v1/group-sessions/{group.public_id}/join/", body, format="json"
    )


def token_of(group: GroupSession) -> str:
    return tokens.make(public_id=group.public_id, secret=group.secret, step=tokens.step_at(timezone.now()))


def mark(group, student):
    return client_of(student.user).post("/api/v1/mark/", {"token": token_of(group)}, format="json")


def numbers(stats: dict[str, Any]) -> tuple[int, int, int, float]:
    return tuple(
        stats[name] for name in ("total_students", "total_joined", "total_present", "present_percentage")
    )


@pytest.fixture
def hall(transactional_db) -> Hall:
    teacher = factories.make_teacher()
    sections = [factories.make_section(students=2, teachers=[teacher], name=name) for name in ("A", "B")]
    both = factories.make_student()
    for section in sections:
        factories.make_enrolment(section=section, student=both, roll_number="77")
    return Hall(teacher, sections, both)


def test_class_of_a_group_from_opening_to_the_registers(hall):
    group = hall.open(title="Monday lecture")
    a, b = hall.session(0), hall.session(1)
    first, second = hall.students(0)[0], hall.students(1)[0]

    assert [join(group, first).json()["session"], join(group, second).json()["session"]] == [
        a.public_id,
        b.public_id,
    ]
    assert join(group, hall.both, hall.sections[1]).status_code == 201
    assert hall.step(group, "lock").json()["status"] == "locked"
    assert hall.step(group, "start").json()["status"] == "active"
    for student in (first, second, hall.both):
        assert mark(group, student).status_code == 201

    stats = hall.stats(group)
    assert (stats["group"], stats["status"], stats["total_sections"]) == (group.public_id, "active", 2)
    # Five students. The one in both sections counts in the section chosen on joining.
    assert numbers(stats) == (5, 3, 3, 60.0)
    assert [numbers(part) for part in stats["sections"]] == [(2, 1, 1, 50.0), (3, 2, 2, 66.7)]
    assert sets_of(a) == ({first.student_id}, {"01"})
    assert sets_of(b) == ({second.student_id, hall.both.student_id}, {"01", "77"})

    ended = hall.step(group, "end").json()
    assert numbers(ended["stats"]) == (5, 3, 3, 60.0)
    # No register marks a student absent who was in the room.
    register = AttendanceRecord.objects.filter(student=hall.both).values_list("status", "method")
    assert list(register) == [("present", "qr"), ("present", "qr")]
    assert AttendanceRecord.objects.filter(status="absent").count() == 2


def test_group_with_a_section_that_has_an_open_session_names_it_and_creates_nothing(hall):
    colleague = factories.make_teacher(first_name="Grace", last_name="Hopper")
    running = factories.make_session(section=hall.sections[1], opened_by=colleague)
    before = (everything_written(), MeetingGroup.objects.count(), Meeting.objects.count())

    answer = hall.post("", {"sections": [section.pk for section in hall.sections]})

    assert (answer.status_code, answer.json()["code"]) == (409, "session_open")
    (named,) = answer.json()["sections"]
    assert (named["section"], named["session"]) == (hall.sections[1].pk, running.public_id)
    assert named["opened_by"] == "Grace Hopper"
    assert named["since"]
    assert "Grace Hopper" in answer.json()["detail"]
    assert (everything_written(), MeetingGroup.objects.count(), Meeting.objects.count()) == before


@pytest.mark.parametrize("groups", [1, 3])
def test_list_costs_the_same_for_every_number_of_ended_groups(hall, groups, django_assert_num_queries):
    long_ago = timezone.now() - datetime.timedelta(days=8)
    for _ in range(groups):
        factories.make_group_session(
            sections=hall.sections, opened_by=hall.teacher, status=SessionStatus.ENDED, at=long_ago
        )

    # The browser's session, the user, the groups, their sessions and the counts of all.
    with django_assert_num_queries(5):
        listed = hall.as_teacher.get("/api/v1/group-sessions/").json()

    assert len(listed) == groups


def test_section_listed_twice_is_named_and_nothing_is_created(hall):
    answer = hall.post("", {"sections": [hall.sections[0].pk] * 2})

    assert (answer.status_code, answer.json()["code"]) == (400, "listed_twice")
    assert answer.json()["section"] == hall.sections[0].pk
    assert not Meeting.objects.exists()


def test_section_of_a_colleague_is_named_and_nothing_is_created(hall):
    other = factories.make_section()

    answer = hall.post("", {"sections": [hall.sections[0].pk, other.pk]})

    assert answer.status_code == 404
    assert str(other.pk) in answer.json()["detail"]
    assert not Meeting.objects.exists()


@pytest.mark.parametrize("sections", [[], None, "x", [None], ["x"], [0], [2**70], [[]], {}, [1.5]])
def test_sections_of_any_shape(hall, sections):
    assert hall.post("", {"sections": sections}).status_code in (400, 404)
    assert not Meeting.objects.exists()


def test_student_of_two_sections_chooses(hall):
    group = hall.open()

    asked = join(group, hall.both)

    assert (asked.status_code, asked.json()["code"]) == (409, "choose_section")
    assert [choice["section"] for choice in asked.json()["choices"]] == [
        section.pk for section in hall.sections
    ]
    assert not AttendanceRecord.objects.exists()
    chosen = join(group, hall.both, hall.sections[1])
    assert (chosen.status_code, chosen.json()["session"]) == (201, hall.session(1).public_id)
    again = join(group, hall.both, hall.sections[0])
    assert (again.status_code, again.json()["session"]) == (200, hall.session(1).public_id)
    assert [numbers(part)[:2] for part in hall.stats(group)["sections"]] == [(2, 0), (3, 1)]


def test_student_of_none_of_the_sections_is_refused(hall):
    group = hall.open()
    stranger = factories.make_student()
    hall.step(group, "start")

    assert (join(group, stranger).status_code, join(group, stranger).json()["code"]) == (403, "not_enrolled")
    assert (mark(group, stranger).status_code, mark(group, stranger).json()["code"]) == (403, "not_enrolled")


def test_members_are_run_with_their_group_alone(hall):
    group = hall.open()
    member = hall.session(0)
    student = hall.students(0)[0]
    for step in ("lock", "start", "end"):
        answer = hall.as_teacher.post(f"/api/v1/sessions/{member.public_id}/{step}/")
        assert (answer.status_code, answer.json()["code"], answer.json()["group"]) == (
            409,
            "in_group",
            group.public_id,
        )
    joined = client_of(student.user).post(f"/api/v1/sessions/{member.public_id}/join/")
    assert (joined.status_code, joined.json()["code"]) == (409, "in_group")
    assert hall.as_teacher.get(f"/api/v1/sessions/{member.public_id}/token/").json()["code"] == "in_group"
    assert set(QRSession.objects.values_list("status", flat=True)) == {"created"}


def test_token_of_a_member_does_not_mark(hall):
    group = hall.open()
    student = hall.students(0)[0]
    join(group, student)
    hall.step(group, "start")
    member = hall.session(0)
    own = tokens.make(public_id=member.public_id, secret=member.secret, step=tokens.step_at(timezone.now()))

    answer = client_of(student.user).post("/api/v1/mark/", {"token": own}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "token_invalid")


def test_typed_code_of_the_group_marks_in_the_students_own_session(hall):
    group = hall.open()
    student = hall.students(1)[0]
    join(group, student)
    hall.step(group, "start")
    code = hall.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/token/").json()["code"]
    (own,) = client_of(student.user).get("/api/v1/me/session/").json()["sessions"]

    answer = client_of(student.user).post(
        "/api/v1/mark/", {"session": own["id"], "code": code}, format="json"
    )

    assert (answer.status_code, answer.json()["session"]) == (201, hall.session(1).public_id)


def test_typed_codes_of_a_group_can_be_guessed_five_times_a_minute_whichever_session_is_named(hall):
    group = hall.open()
    student = hall.students(1)[0]
    join(group, student)
    hall.step(group, "start")
    names = [group.public_id, hall.session(0).public_id, hall.session(1).public_id.lower()]

    answers = [
        client_of(student.user).post("/api/v1/mark/", {"session": name, "code": "00000000"}, format="json")
        for name in names * 3
    ]

    statuses = [answer.status_code for answer in answers]
    assert 429 not in statuses[:5]
    assert statuses[5:] == [429] * 4
    assert not AttendanceRecord.objects.filter(marked_at__isnull=False).exists()


def test_typed_codes_of_two_sessions_are_counted_apart(taught_class):
    first = taught_class.open()
    other = factories.make_section(teachers=[taught_class.teacher])
    factories.make_enrolment(section=other, student=taught_class.students[0], roll_number="1")
    second = factories.make_session(section=other, status=SessionStatus.ACTIVE)
    taught_class.join(first)
    taught_class.step(first, "start")
    for _ in range(6):
        refused = taught_class.type_code(first, "00000000")

    answer = taught_class.type_code(second, "00000000")

    assert (refused.status_code, answer.status_code) == (429, 400)


@pytest.mark.parametrize("step", ["unlock", "reopen"])
def test_wrong_step_changes_no_member(hall, step):
    group = hall.open()
    before = everything_written()

    assert hall.step(group, step).json()["code"] == "wrong_state"
    assert everything_written() == before


def test_reopen_is_all_or_nothing(hall):
    group = hall.open()
    hall.step(group, "end")
    blocking = factories.make_session(section=hall.sections[1])
    before = everything_written()

    refused = hall.step(group, "reopen")

    assert (refused.status_code, refused.json()["code"]) == (409, "session_open")
    assert refused.json()["session"] == blocking.public_id
    assert everything_written() == before


def test_section_removed_from_the_group_keeps_its_joins_and_marks(hall):
    group = hall.open()
    first = hall.students(0)[0]
    join(group, first)
    join(group, hall.both, hall.sections[0])
    hall.step(group, "start")
    mark(group, first)
    mark(group, hall.both)
    member = hall.session(0)

    left = hall.as_teacher.post(f"/api/v1/sessions/{member.public_id}/leave/")

    assert (left.status_code, left.json()["group"], left.json()["status"]) == (200, None, "active")
    assert numbers(left.json()["stats"]) == (3, 2, 2, 66.7)
    assert sets_of(member) == ({first.student_id, hall.both.student_id}, {"01", "77"})
    # The student in both sections also counts in the remaining section, because the scan marked both.
    assert numbers(hall.stats(group)) == (3, 0, 1, 33.3)
    single = hall.as_teacher.get(f"/api/v1/sessions/{member.public_id}/token/")
    assert single.status_code == 200
    assert hall.as_teacher.post(f"/api/v1/sessions/{member.public_id}/end/").status_code == 200
    assert hall.session(1).status == "active"


def test_last_section_stays(hall):
    group = hall.open(sections=[hall.sections[0].pk])
    answer = hall.as_teacher.post(f"/api/v1/sessions/{hall.session(0).public_id}/leave/")

    assert (answer.status_code, answer.json()["code"]) == (409, "last_section")
    assert hall.stats(group)["total_sections"] == 1


def test_section_added_late_is_in_the_state_of_the_group(hall):
    group = hall.open(sections=[hall.sections[0].pk])
    hall.step(group, "start")

    added = hall.post(f"{group.public_id}/sections/", {"section": hall.sections[1].pk})
    again = hall.post(f"{group.public_id}/sections/", {"section": hall.sections[1].pk})

    assert (added.status_code, added.json()["status"], added.json()["group"]) == (
        201,
        "active",
        group.public_id,
    )
    assert (again.status_code, again.json()["code"]) == (400, "listed_twice")
    assert numbers(hall.stats(group))[0] == 5
    assert mark(group, hall.students(1)[0]).json()["code"] == "not_joined"


def test_section_with_a_session_or_after_the_end_cannot_be_added(hall):
    group = hall.open(sections=[hall.sections[0].pk])
    running = factories.make_session(section=hall.sections[1])
    busy = hall.post(f"{group.public_id}/sections/", {"section": hall.sections[1].pk})
    assert (busy.status_code, busy.json()["code"]) == (409, "session_open")
    assert busy.json()["sections"][0]["session"] == running.public_id

    hall.step(group, "end")
    ended = hall.post(
        f"{group.public_id}/sections/", {"section": factories.make_section(teachers=[hall.teacher]).pk}
    )
    assert (ended.status_code, ended.json()["code"]) == (409, "wrong_state")


def test_scans_without_joining_are_admitted_for_the_whole_group(hall):
    group = hall.open()
    hall.step(group, "start")
    late = [hall.students(0)[0], hall.students(1)[0], hall.both]
    for student in late:
        assert mark(group, student).json()["code"] == "not_joined"
    waiting = hall.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/waiting/").json()
    assert [scan["student_id"] for scan in waiting] == [student.student_id for student in late]

    admitted = hall.post(f"{group.public_id}/waiting/", {"student_ids": [hall.both.student_id]})

    assert (admitted.json()["admitted"], numbers(admitted.json()["stats"])) == (1, (5, 1, 1, 20.0))
    assert hall.post(f"{group.public_id}/waiting/").json()["admitted"] == 2
    assert numbers(hall.stats(group)) == (5, 3, 3, 60.0)


def test_hand_mark_follows_in_the_students_other_section(hall):
    group = hall.open()
    member = hall.session(1)
    path = f"/api/v1/sessions/{member.public_id}/records/{hall.both.student_id}/"

    hall.as_teacher.put(path, {"status": "late"}, format="json")
    assert list(AttendanceRecord.objects.values_list("status", flat=True)) == ["late", "late"]
    assert numbers(hall.stats(group)) == (5, 0, 1, 20.0)
    hall.as_teacher.put(path, {"status": None}, format="json")
    assert list(AttendanceRecord.objects.values_list("status", flat=True)) == [None, None]
    assert numbers(hall.stats(group)) == (5, 0, 0, 0.0)


def test_group_is_visible_only_to_teachers_of_all_its_sections(hall):
    group = hall.open()
    of_one = factories.make_teacher()
    hall.sections[0].teachers.add(of_one)

    assert client_of(of_one).get("/api/v1/group-sessions/").json() == []
    for path in ("", "stats/", "token/", "waiting/"):
        assert client_of(of_one).get(f"/api/v1/group-sessions/{group.public_id}/{path}").status_code == 404
    assert client_of(of_one).post(f"/api/v1/group-sessions/{group.public_id}/end/").status_code == 404
    assert client_of(of_one).get(f"/api/v1/sessions/{hall.session(0).public_id}/").status_code == 200
    (listed,) = hall.as_teacher.get("/api/v1/group-sessions/?status=created").json()
    assert (listed["id"], len(listed["sessions"])) == (group.public_id, 2)
    assert hall.as_teacher.get("/api/v1/group-sessions/?status=ended").json() == []


def test_teacher_of_one_section_can_remove_it_from_a_colleagues_group(hall):
    hall.open()
    of_one = factories.make_teacher()
    hall.sections[0].teachers.add(of_one)

    answer = client_of(of_one).post(f"/api/v1/sessions/{hall.session(0).public_id}/leave/")

    assert answer.status_code == 200


@pytest.mark.parametrize("sections", [1, 3])
def test_group_stats_need_the_same_queries_however_many_sections(hall, sections, django_assert_num_queries):
    more = [factories.make_section(students=1, teachers=[hall.teacher]) for _ in range(sections)]
    group = hall.open(sections=[section.pk for section in more])
    hall.stats(group)

    # The group and its members.
    with django_assert_num_queries(2):
        hall.stats(group)


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 5])
def test_opening_and_steps_need_the_same_queries_however_many_sections(number, django_assert_num_queries):
    teacher = factories.make_teacher()
    sections = [factories.make_section(teachers=[teacher], students=2) for _ in range(number)]
    client = client_of(teacher)
    client.get("/api/v1/sections/")

    with django_assert_num_queries(12):
        answer = client.post(
            "/api/v1/group-sessions/", {"sections": [one.pk for one in sections]}, format="json"
        )
    with django_assert_num_queries(10):
        step = client.post(f"/api/v1/group-sessions/{answer.json()['id']}/start/")

    assert (answer.status_code, step.status_code) == (201, 200)
