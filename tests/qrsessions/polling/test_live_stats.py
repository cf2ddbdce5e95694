"""The live numbers that dashboards ask for: never older than the request, and only for those who may see them."""

import datetime
from dataclasses import dataclass

import pytest
from django.utils import timezone

from attendance.models import Meeting, MeetingGroup, Section, User
from tests.support import factories
from tests.support.classes import client_of
from tests.support.postgres.statements import statements_sent

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Shown:
    """A session or a group session of one teacher, and where its numbers are read."""

    teacher: User
    sections: list[Section]
    path: str

    def read(self, user: User):
        return client_of(user).get(f"{self.path}stats/")

    def join(self) -> None:
        student = factories.students_of(self.sections[0])[0]
        joined = client_of(factories.user_of(student)).post(f"{self.path}join/", {}, format="json")
        assert joined.status_code == 201


@pytest.fixture(params=["session", "group"])
def shown(request) -> Shown:
    teacher = factories.make_teacher()
    number = 1 if request.param == "session" else 2
    sections = [factories.make_section(students=2, teachers=[teacher]) for _ in range(number)]
    if request.param == "session":
        session = factories.make_session(section=sections[0])
        return Shown(teacher, sections, f"/api/v1/sessions/{session.public_id}/")
    group = factories.make_group_session(sections=sections)
    return Shown(teacher, sections, f"/api/v1/group-sessions/{group.public_id}/")


def test_everybody_who_may_see_the_numbers_reads_the_same(shown):
    first, second = (shown.read(user).json() for user in (shown.teacher, factories.make_admin()))

    assert first["total_students"] == 2 * len(shown.sections)
    moment = {"as_of": "", "sections": []}
    assert first | moment == second | moment
    assert shown.read(factories.make_teacher()).status_code == 404


def test_answer_is_never_older_than_its_request(shown):
    for number in range(1, 3):
        asked_at = timezone.now()
        answer = shown.read(shown.teacher).json()
        assert datetime.datetime.fromisoformat(answer["as_of"]) >= asked_at
        assert answer["total_joined"] == number - 1
        if number == 1:
            shown.join()


def test_teacher_who_lost_a_section_reads_nothing_at_once(shown):
    shown.sections[0].teachers.add(factories.make_teacher())
    assert shown.read(shown.teacher).status_code == 200

    shown.sections[0].teachers.remove(shown.teacher)

    assert shown.read(shown.teacher).status_code == 404
    assert client_of(shown.teacher).get(shown.path).status_code == 404


def test_user_who_is_no_longer_a_teacher_reads_nothing_at_once(shown):
    assert shown.read(shown.teacher).status_code == 200

    shown.teacher.is_teacher = False
    shown.teacher.save()

    assert shown.read(shown.teacher).status_code == 403


def test_numbers_of_what_was_deleted_are_gone(shown):
    assert shown.read(shown.teacher).status_code == 200

    Meeting.objects.filter(section__in=shown.sections).delete()
    MeetingGroup.objects.all().delete()

    assert shown.read(shown.teacher).status_code == 404


def test_numbers_take_two_queries(shown):
    client = client_of(shown.teacher)
    client.get(f"{shown.path}stats/")

    with statements_sent() as sent:
        client.get(f"{shown.path}stats/")

    # Whether the user may see it, and its sessions. The counts come from Redis.
    assert len(sent) == 2, sent
