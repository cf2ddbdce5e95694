"""Many dashboards, one answer: never older than said, never kept where it failed, and only for who may see it."""

import datetime
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from django.utils import timezone

from attendance.models import Meeting, MeetingGroup, Section, User
from qrsessions.api.shared_answers import SharedAnswers
from tests import factories
from tests.qrsessions.conftest import client_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def share_for_a_while(settings):
    settings.STATS_SHARED_SECONDS = 0.5


def test_answer_is_made_once_for_all_who_ask_at_once():
    shared, made, begun = SharedAnswers(), [], threading.Barrier(20)

    def make():
        made.append(1)
        time.sleep(0.05)
        return len(made)

    def ask(_number):
        begun.wait(10)
        return shared.get("a", make)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {1}
    assert shared.get("another", make) == 2


def test_answer_is_made_anew_when_it_is_too_old():
    shared, made = SharedAnswers(), []

    def make():
        made.append(1)
        # It counts from here, not from when it is ready.
        time.sleep(0.3)
        return len(made)

    assert shared.get("a", make) == 1
    time.sleep(0.3)
    assert shared.get("a", make) == 2


def test_failure_is_not_kept():
    shared = SharedAnswers()
    with pytest.raises(ZeroDivisionError):
        shared.get("a", lambda: 1 / 0)
    assert shared.get("a", lambda: 7) == 7


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


def test_dashboards_share_the_numbers_and_strangers_get_none(shown):
    dashboards = [shown.teacher, factories.make_admin()]

    first, second = (shown.read(dashboard).json() for dashboard in dashboards)

    assert first["total_students"] == 2 * len(shown.sections)
    assert first == second
    assert shown.read(factories.make_teacher()).status_code == 404
    shown.join()
    time.sleep(0.6)
    assert shown.read(shown.teacher).json()["total_joined"] == 1


def test_no_answer_is_older_than_the_setting(shown, settings):
    settings.STATS_SHARED_SECONDS = 0.2
    as_of = set()
    for _ in range(30):
        asked_at = timezone.now()
        answer = shown.read(shown.teacher).json()
        age = asked_at - datetime.datetime.fromisoformat(answer["as_of"])
        assert age <= datetime.timedelta(seconds=0.2)
        as_of.add(answer["as_of"])
        time.sleep(0.02)
    assert 1 < len(as_of) < 30


def test_answer_is_the_same_as_one_that_is_not_shared(shown, settings):
    shared = shown.read(shown.teacher)
    settings.STATS_SHARED_SECONDS = 0
    own = shown.read(shown.teacher)

    moment = {"as_of": "", "sections": []}
    assert shared.json() | moment == own.json() | moment
    assert shared["Content-Type"] == own["Content-Type"] == "application/json"


def test_teacher_who_lost_a_section_reads_its_numbers_for_five_times_as_long_at_most(shown, settings):
    settings.STATS_SHARED_SECONDS = 0.1
    others = factories.make_teacher()
    shown.sections[0].teachers.add(others)
    assert shown.read(shown.teacher).status_code == 200

    shown.sections[0].teachers.remove(shown.teacher)
    time.sleep(0.5)

    assert shown.read(shown.teacher).status_code == 404
    assert client_of(shown.teacher).get(shown.path).status_code == 404


def test_teacher_who_is_none_any_more_reads_nothing_at_once(shown):
    assert shown.read(shown.teacher).status_code == 200

    shown.teacher.is_teacher = False
    shown.teacher.save()

    assert shown.read(shown.teacher).status_code == 403


def test_numbers_of_what_was_deleted_end(shown, settings):
    settings.STATS_SHARED_SECONDS = 0.1
    assert shown.read(shown.teacher).status_code == 200

    Meeting.objects.filter(section__in=shown.sections).delete()
    MeetingGroup.objects.all().delete()
    time.sleep(0.15)

    assert shown.read(shown.teacher).status_code == 404


def test_shared_answer_takes_no_query(shown, django_assert_num_queries):
    client = client_of(shown.teacher)
    client.get(f"{shown.path}stats/")

    with django_assert_num_queries(0):
        client.get(f"{shown.path}stats/")
