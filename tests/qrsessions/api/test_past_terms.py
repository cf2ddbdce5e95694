"""Lists of the API leave out past terms, unless they are asked for."""

import datetime

import pytest
import time_machine

from qrsessions.models import SessionStatus
from tests.support.factories import (
    make_group_session,
    make_planned,
    make_section,
    make_session,
    make_teacher,
    make_term,
)
from tests.support.races import token_client

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
OLDEST = datetime.date(2026, 10, 26)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def teacher():
    return make_teacher()


@pytest.fixture
def sections(teacher):
    terms = {
        "past": make_term(name="Summer", last_day=OLDEST - DAY),
        "current": make_term(name="Autumn", last_day=OLDEST),
        "undated": make_term(name="Undated"),
        "none": None,
    }
    return {name: make_section(name=name, term=term, teachers=[teacher]) for name, term in terms.items()}


LISTS = ["sections", "sessions", "group-sessions", "meetings/missing"]


@pytest.fixture
def listed(teacher, sections):
    """What a list names of each of the four sections."""
    keys = {"sections": {section.pk: name for name, section in sections.items()}}
    keys["sessions"], keys["group-sessions"], keys["meetings/missing"] = {}, {}, {}
    for name, section in sections.items():
        session = make_session(section=section, status=SessionStatus.ENDED, at=NOW - 50 * DAY)
        keys["sessions"][session.public_id] = name
        other = make_section(name=f"with {name}", term=section.term, teachers=[teacher])
        group = make_group_session(sections=[other], opened_by=teacher, status=SessionStatus.ENDED)
        keys["group-sessions"][group.public_id] = name
        planned = make_planned(section=section, starts_at=NOW - 45 * DAY)
        keys["meetings/missing"][planned.public_id] = name

    def names(path: str, **query: str | float) -> set[str]:
        rows = token_client(teacher).get(f"/api/v1/{path}/", query).json()
        return {keys[path][row["id"]] for row in rows if row["id"] in keys[path]}

    return names


@pytest.mark.parametrize("path", LISTS)
def test_list_leaves_out_past_terms_unless_asked(listed, sections, path):
    everything = {"past", "current", "undated", "none"}

    assert listed(path) == everything - {"past"}
    assert listed(path, past="true") == everything
    assert listed(path, past="false") == everything - {"past"}
    assert listed(path, term=sections["past"].term_id) == {"past"}
    assert listed(path, term=sections["current"].term_id, past="true") == {"current"}
    assert listed(path, term=10**12) == set()


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", [{"term": "Summer"}, {"term": 0}, {"term": 2**63}, {"past": "perhaps"}])
def test_wrong_term_is_400(teacher, path, query):
    response = token_client(teacher).get(f"/api/v1/{path}/", query)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_what_is_open_is_listed_whatever_its_term(teacher, sections):
    client = token_client(teacher)
    group = make_group_session(sections=[sections["past"]], opened_by=teacher)

    def ids(path: str) -> list[object]:
        return [row["id"] for row in client.get(f"/api/v1/{path}/").json()]

    assert sections["past"].pk in ids("sections")
    assert len(ids("sessions")) == 1
    assert ids("group-sessions") == [group.public_id]


def test_group_of_a_past_and_another_term_is_listed(teacher, sections):
    group = make_group_session(
        sections=[sections["past"], sections["none"]], opened_by=teacher, status=SessionStatus.ENDED
    )

    rows = token_client(teacher).get("/api/v1/group-sessions/").json()

    assert [row["id"] for row in rows] == [group.public_id]


def test_past_section_and_its_meetings_can_be_read(teacher, sections):
    section = sections["past"]
    session = make_session(section=section, status=SessionStatus.ENDED, at=NOW - 50 * DAY)
    client = token_client(teacher)

    assert client.get(f"/api/v1/sections/{section.pk}/").json()["name"] == "past"
    assert [row["id"] for row in client.get(f"/api/v1/sections/{section.pk}/meetings/").json()] == [
        session.public_id
    ]
    assert client.get(f"/api/v1/sessions/{session.public_id}/records/").status_code == 200
