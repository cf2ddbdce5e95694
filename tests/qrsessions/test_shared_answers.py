"""Many dashboards, one answer: never older than said, never kept where it failed, and only for who may see it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

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


def test_dashboards_of_a_group_share_its_numbers_and_strangers_get_none():
    teacher = factories.make_teacher()
    sections = [factories.make_section(students=2, teachers=[teacher]) for _ in range(2)]
    group = factories.make_group_session(sections=sections)
    url = f"/api/v1/group-sessions/{group.public_id}/stats/"
    dashboards = [client_of(teacher), client_of(factories.make_admin())]

    first, second = (dashboard.get(url).json() for dashboard in dashboards)

    assert first["total_students"] == 4
    assert first == second
    assert client_of(factories.make_teacher()).get(url).status_code == 404
    student = factories.students_of(sections[0])[0]
    joined = client_of(student.user).post(
        f"/api/v1/group-sessions/{group.public_id}/join/", {}, format="json"
    )
    assert joined.status_code == 201
    time.sleep(0.6)
    assert dashboards[0].get(url).json()["total_joined"] == 1
