"""Sessions and group sessions share their views, but each has its own addresses."""

import pytest
from django.utils import timezone

from qrsessions.services import groups
from tests.support import factories

ENDS = ["", "token/", "stats/", "latest/", "waiting/", "records/", "arrival-curve/"]
ACTIONS = ["lock/", "waiting/", "records/bulk/", "personal-codes/"]


@pytest.fixture
def group(taught_class):
    return groups.open_group(sections=[taught_class.section], by=taught_class.teacher, at=timezone.now())


@pytest.mark.parametrize("end", ENDS)
def test_group_id_at_a_session_address_is_not_found(taught_class, group, end):
    answer = taught_class.as_teacher.get(f"/api/v1/sessions/{group.public_id}/{end}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("end", ENDS)
def test_session_id_at_a_group_address_is_not_found(taught_class, end):
    session = taught_class.open()

    answer = taught_class.as_teacher.get(f"/api/v1/group-sessions/{session.public_id}/{end}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("action", ACTIONS)
def test_action_at_the_address_of_the_other_kind_is_not_found(taught_class, action):
    session = taught_class.open()

    answer = taught_class.as_teacher.post(
        f"/api/v1/group-sessions/{session.public_id}/{action}", {}, format="json"
    )

    assert answer.status_code == 404
    session.refresh_from_db()
    assert session.status == "created"


@pytest.mark.parametrize("end", ["", "token/", "records/"])
def test_group_whose_meetings_were_deleted_is_not_found(taught_class, group, end):
    taught_class.section.meetings.all().delete()

    answer = taught_class.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/{end}")

    assert answer.status_code == 404


@pytest.mark.parametrize("end", ENDS)
def test_group_of_a_colleague_is_not_found(taught_class, end):
    other = factories.make_section(teachers=[factories.make_teacher()])
    group = groups.open_group(
        sections=[taught_class.section, other], by=taught_class.teacher, at=timezone.now()
    )

    assert taught_class.as_teacher.get(f"/api/v1/group-sessions/{group.public_id}/{end}").status_code == 404
