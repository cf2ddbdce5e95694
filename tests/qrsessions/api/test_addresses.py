"""Sessions and group sessions share their views, but each has its own addresses."""

import pytest
from django.utils import timezone

from qrsessions.services import groups
from tests.support import factories

ENDS = ["", "token/", "stats/", "latest/", "waiting/", "records/", "arrival-curve/"]
ACTIONS = ["lock/", "waiting/", "records/bulk/", "personal-codes/"]


@pytest.fixture
def group(klass):
    return groups.open_group(sections=[klass.section], by=klass.teacher, at=timezone.now())


@pytest.mark.parametrize("end", ENDS)
def test_group_id_at_a_session_address_is_not_found(klass, group, end):
    answer = klass.as_teacher.get(f"/api/v1/sessions/{group.public_id}/{end}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("end", ENDS)
def test_session_id_at_a_group_address_is_not_found(klass, end):
    session = klass.open()

    answer = klass.as_teacher.get(f"/api/v1/group-sessions/{session.public_id}/{end}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("action", ACTIONS)
def test_action_at_the_address_of_the_other_kind_is_not_found(klass, action):
    session = klass.open()

    answer = klass.as_teacher.post(f"/api/v1/group-sessions/{session.public_id}/{action}", {}, format="json")

    assert answer.status_code == 404
    session.refresh_from_db()
    assert session.status == "created"


@pytest.mark.parametrize("end", ["", "token/", "records/"])
def test_group_whose_meetings_were_deleted_is_not_found(klass, group, end):
    klass.section.meetings.all().delete()

    answer = klass.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/{end}")

    assert answer.status_code == 404


@pytest.mark.parametrize("end", ENDS)
def test_group_of_a_colleague_is_not_found(klass, end):
    other = factories.make_section(teachers=[factories.make_teacher()])
    group = groups.open_group(sections=[klass.section, other], by=klass.teacher, at=timezone.now())

    assert klass.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/{end}").status_code == 404
