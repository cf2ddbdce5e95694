"""Any size, from no students to 100 sections of 60, takes the same queries and one round trip to Redis."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attendance.models import AttendanceRecord, Enrolment, Meeting, Method, Section, Status, Student, User
from qrsessions.models import GroupSession
from tests.support import factories
from tests.support.races import Hall, assert_consistent, make_school, token_client


def test_section_without_students_goes_through_every_state():
    hall = make_school(sections=1, students=0).open()

    for step, status in (("lock", "locked"), ("start", "active"), ("end", "ended"), ("reopen", "active")):
        stats = hall.step(step).json()["stats"]
        assert (stats["status"], stats["total_students"], stats["total_joined"]) == (status, 0, 0)
        assert stats["present_percentage"] == 0
    assert hall.register() == {}


def test_group_without_students_ends_with_zero_percent():
    hall = make_school(sections=3, students=0).open()

    hall.step("start")

    assert hall.step("end").json()["stats"]["present_percentage"] == 0
    assert_consistent(hall)


def test_group_of_one_section_works():
    school = make_school(sections=1, students=3)
    opened = token_client(school.teacher).post(
        "/api/v1/group-sessions/", {"sections": [school.sections[0].pk]}, format="json"
    )
    assert opened.status_code == 201
    source = GroupSession.objects.with_names().get(group__public_id=opened.json()["id"])
    hall = Hall(source, school.teacher, school.sections, school.students)
    hall.join(0)
    hall.join(1)
    hall.step("start")
    assert hall.mark(0).status_code == 201

    ended = hall.step("end").json()

    assert (ended["stats"]["total_sections"], ended["stats"]["total_students"]) == (1, 3)
    assert (ended["stats"]["total_joined"], ended["stats"]["total_present"]) == (2, 1)
    assert ended["stats"]["present_percentage"] == 33.3
    assert_consistent(hall)


def enrol_many(*, sections: int, students_each: int) -> tuple[User, list[Section]]:
    teacher = factories.make_teacher()
    course = factories.make_course()
    made = Section.objects.bulk_create(
        Section(course=course, name=f"{course.pk}-{n}") for n in range(sections)
    )
    teacher.sections.set(made)
    students = Student.objects.bulk_create(
        Student(student_id=f"{course.pk}-{n:05}", name=f"Student {n}")
        for n in range(sections * students_each)
    )
    Enrolment.objects.bulk_create(
        Enrolment(
            section=made[n // students_each],
            student=student,
            roll_number=f"{n % students_each + 1:02}",
            from_date=factories.ENROLLED_FROM,
        )
        for n, student in enumerate(students)
    )
    return teacher, made


def mark_half(group_id: str) -> None:
    """Everyone joined, and every second student is marked. Written straight to the database."""
    at = timezone.now()
    meetings = {meeting.section_id: meeting for meeting in Meeting.objects.filter(group__public_id=group_id)}
    AttendanceRecord.objects.bulk_create(
        AttendanceRecord(
            meeting=meetings[enrolment.section_id],
            student_id=enrolment.student_id,
            roll_number=enrolment.roll_number,
            joined_at=at,
            **({"status": Status.PRESENT, "method": Method.QR, "marked_at": at} if number % 2 else {}),
        )
        for number, enrolment in enumerate(Enrolment.objects.filter(section__in=meetings))
    )


@pytest.fixture
def round_trips(monkeypatch) -> list[int]:
    """The number of commands in each executed pipeline."""
    counted: list[int] = []
    execute = redis.client.Pipeline.execute

    def counting(pipeline: Any, *args: Any, **options: Any) -> Any:
        counted.append(len(pipeline.command_stack))
        return execute(pipeline, *args, **options)

    monkeypatch.setattr(redis.client.Pipeline, "execute", counting)
    return counted


def statements_of(request: Callable[[str], Any], address: str) -> tuple[list[str], Any]:
    """The beginning of each statement that the request makes, and its answer. The next request empties Django's log."""
    with CaptureQueriesContext(connection) as captured:
        answer = request(address)
    return [re.sub(r"\d+", "", query["sql"])[:60] for query in captured], answer


@pytest.mark.parametrize("large", [(20, 10), pytest.param((100, 60), marks=pytest.mark.slow)])
def test_large_group_needs_as_many_queries_as_one_of_two_sections(round_trips, large):
    statements: dict[int, list[list[str]]] = {}
    for sections, students_each in ((2, 3), large):
        teacher, made = enrol_many(sections=sections, students_each=students_each)
        people = sections * students_each
        client = token_client(teacher)
        opened = client.post("/api/v1/group-sessions/", {"sections": [s.pk for s in made]}, format="json")
        assert opened.status_code == 201
        address = f"/api/v1/group-sessions/{opened.json()['id']}/"

        start, answer = statements_of(client.post, f"{address}start/")
        assert answer.status_code == 200
        mark_half(opened.json()["id"])
        assert client.post(f"{address}end/").status_code == 200
        reopen, answer = statements_of(client.post, f"{address}reopen/")
        assert answer.status_code == 200
        client.get(f"{address}stats/")  # verifies and repairs the sets
        client.get(f"{address}stats/")
        round_trips.clear()
        read, answer = statements_of(client.get, f"{address}stats/")

        shown = answer.json()
        assert round_trips == [3 * sections]
        half = people // 2
        assert (shown["total_sections"], shown["total_students"]) == (sections, people)
        assert (shown["total_joined"], shown["total_present"]) == (people, half)
        assert (shown["present_percentage"], shown["source"]) == (50.0, "redis")
        assert sum(section["total_students"] for section in shown["sections"]) == people

        end, answer = statements_of(client.post, f"{address}end/")
        ended = answer.json()
        assert (ended["status"], ended["stats"]["total_present"]) == ("ended", half)
        records = AttendanceRecord.objects.filter(meeting__group__public_id=ended["id"])
        assert records.filter(status="absent", method="end").count() == people - half
        assert all("COMMIT" in step for step in (start, reopen, end))
        statements[sections] = [start, reopen, read, end]
    assert statements[large[0]] == statements[2]
