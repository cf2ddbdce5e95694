"""Labels and reasons in the API of records: whole answers, and what is refused."""

import datetime
from typing import Any

import pytest
import time_machine

from attendance.models import LabelColour, Status
from tests.support import factories
from tests.support.classes import Class, client_of
from tests.support.postgres.database import everything_written

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime.datetime(2026, 10, 5, 9, 0, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(AT, tick=False) as clock:
        yield clock


@pytest.fixture
def left_early():
    return factories.make_label("left early", Status.LATE)


@pytest.fixture
def medical():
    return factories.make_reason("medical")


@pytest.fixture
def session(taught_class):
    return taught_class.open()


def put(taught_class: Class, session: Any, body: dict[str, Any], number: int = 0) -> Any:
    student = taught_class.students[number].student_id
    url = f"/api/v1/sessions/{session.public_id}/records/{student}/"
    return taught_class.as_teacher.put(url, body, format="json")


def changes(taught_class: Class, session: Any) -> Any:
    student = taught_class.students[0].student_id
    return taught_class.as_teacher.get(
        f"/api/v1/sessions/{session.public_id}/records/{student}/changes/"
    ).json()


def test_label_gives_the_status_and_is_in_every_record(taught_class, session, left_early):
    student = taught_class.students[0]

    answer = put(taught_class, session, {"label": "left early", "note": "bus"})

    record = answer.json()["record"]
    assert (answer.status_code, record) == (
        200,
        {
            "student_id": student.student_id,
            "roll_number": "01",
            "name": student.name,
            "joined_at": None,
            "marked_at": "2026-10-05T09:00:00Z",
            "status": "late",
            "label": "left early",
            "reason": None,
            "method": "manual",
            "note": "bus",
            "shares_device_with": [],
            "shares_device_on_other_days_with": [],
            "flags": [],
        },
    )
    register = taught_class.as_teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    assert register[0] == record
    assert [(row["label"], row["reason"]) for row in register[1:]] == [(None, None)] * (len(register) - 1)
    assert changes(taught_class, session) == [
        {
            "changed_at": "2026-10-05T09:00:00Z",
            "changed_by": taught_class.teacher.display_name,
            "from_status": None,
            "from_label": None,
            "from_reason": None,
            "from_method": None,
            "from_marked_at": None,
            "to_status": "late",
            "to_label": "left early",
            "to_reason": None,
            "to_method": "manual",
            "note": "bus",
        }
    ]


def test_excuse_has_a_reason_and_a_label(taught_class, session, medical):
    factories.make_label("ill", Status.EXCUSED)

    answer = put(taught_class, session, {"status": "excused", "label": "ill", "reason": "medical"})

    record = answer.json()["record"]
    assert (record["status"], record["label"], record["reason"]) == ("excused", "ill", "medical")


def test_put_sets_the_whole_mark_and_undo_brings_label_and_reason_back(taught_class, session, medical, clock):
    put(taught_class, session, {"status": "excused", "reason": "medical"})
    clock.shift(60)
    changed = put(taught_class, session, {"status": "excused"}).json()

    undone = taught_class.as_teacher.post(
        f"/api/v1/sessions/{session.public_id}/undo/", {"change": changed["change"]}, format="json"
    ).json()

    assert changed["record"]["reason"] is None
    assert undone["record"]["reason"] == "medical"
    assert [(change["from_reason"], change["to_reason"]) for change in changes(taught_class, session)] == [
        (None, "medical"),
        ("medical", None),
        (None, "medical"),
    ]


def test_changes_since_a_cursor_tell_of_another_label(taught_class, session, left_early):
    put(taught_class, session, {"status": "late"})
    url = f"/api/v1/sessions/{session.public_id}/records/"
    cursor = taught_class.as_teacher.get(url, {"since": ""}).json()["cursor"]

    put(taught_class, session, {"label": "left early"})

    (row,) = taught_class.as_teacher.get(url, {"since": cursor}).json()["records"]
    assert (row["status"], row["label"]) == ("late", "left early")


def test_students_own_records_and_download_have_label_and_reason(taught_class, session, medical, left_early):
    put(taught_class, session, {"status": "excused", "reason": "medical"})
    taught_class.step(session, "start")
    taught_class.step(session, "end")

    own = taught_class.as_student[0].get("/api/v1/me/records/").json()

    assert own[0]["meetings"] == [
        {
            "session": session.public_id,
            "date": "2026-10-05",
            "not_enrolled_then": False,
            "status": "excused",
            "label": None,
            "reason": "medical",
            "marked_at": "2026-10-05T09:00:00Z",
            "method": "manual",
            "counts": None,
            "counted": "excused",
        }
    ]
    put(taught_class, session, {"label": "left early"})
    (meeting,) = taught_class.as_student[0].get("/api/v1/me/records/").json()[0]["meetings"]
    assert (meeting["status"], meeting["label"], meeting["reason"]) == ("late", "left early", None)


def test_register_of_a_meeting_without_a_session_takes_labels(taught_class, left_early):
    starts_at = AT - datetime.timedelta(hours=2)
    meeting = factories.make_planned(section=taught_class.section, starts_at=starts_at)

    answer = put(taught_class, meeting, {"label": "left early"})

    assert (answer.status_code, answer.json()["record"]["label"]) == (200, "left early")


def test_excuse_before_the_class_has_a_reason_that_the_session_keeps(taught_class, medical, left_early):
    starts_at = AT + datetime.timedelta(minutes=10)
    meeting = factories.make_planned(section=taught_class.section, starts_at=starts_at)

    answer = put(taught_class, meeting, {"status": "excused", "reason": "medical"})
    refused = put(taught_class, meeting, {"label": "left early"})
    opened = taught_class.open()

    assert (answer.status_code, refused.status_code, refused.json()["code"]) == (200, 409, "not_begun")
    register = taught_class.as_teacher.get(f"/api/v1/sessions/{opened.public_id}/records/").json()
    assert (register[0]["status"], register[0]["reason"]) == ("excused", "medical")


def test_group_changes_label_and_reason_in_all_sections_with_the_same_mark(medical):
    teacher, student = factories.make_teacher(), factories.make_student()
    sections = [factories.make_section(students=[student], teachers=[teacher]) for _ in range(2)]
    client = client_of(teacher)
    client.post("/api/v1/group-sessions/", {"sections": [section.pk for section in sections]}, format="json")
    first, second = (section.meetings.get() for section in sections)
    url = "/api/v1/sessions/{}/records/{}/".format

    client.put(
        url(first.public_id, student.student_id), {"status": "excused", "reason": "medical"}, format="json"
    )
    followed = second.records.get().excused_reason
    client.put(url(second.public_id, student.student_id), {"status": "excused"}, format="json")

    assert followed == medical
    assert [meeting.records.get().excused_reason for meeting in (first, second)] == [None, None]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"status": ["This field is required."]}),
        ({"label": None}, {"status": ["This field is required."]}),
        ({"label": "unknown"}, {"label": ["There is no label “unknown”."]}),
        ({"label": "old"}, {"label": ["“old” can no longer be chosen."]}),
        ({"label": "left early\0"}, {"label": ["Null characters are not allowed."]}),
        ({"label": 5}, {"label": ["There is no label “5”."]}),
        (
            {"status": "present", "label": "left early"},
            {"label": ["“left early” means “late”, not the status that was sent."]},
        ),
        (
            {"status": None, "label": "left early"},
            {"label": ["“left early” means “late”, not the status that was sent."]},
        ),
        ({"status": "excused", "reason": "unknown"}, {"reason": ["There is no reason “unknown”."]}),
        ({"status": "excused", "reason": "old"}, {"reason": ["“old” can no longer be chosen."]}),
        ({"status": "late", "reason": "medical"}, {"reason": ["Only an excuse has a reason."]}),
        ({"label": "left early", "reason": "medical"}, {"reason": ["Only an excuse has a reason."]}),
        ({"status": None, "reason": "medical"}, {"reason": ["Only an excuse has a reason."]}),
    ],
)
def test_unknown_inactive_or_wrong_ones_are_refused_and_nothing_is_written(
    taught_class, session, left_early, medical, body, errors
):
    factories.make_label("old", Status.LATE, is_active=False)
    factories.make_reason("old", is_active=False)
    before = everything_written()

    answer = put(taught_class, session, body)

    assert (answer.status_code, answer.json()["errors"]) == (400, errors)
    assert everything_written() == before


def test_lists_have_the_active_ones(taught_class, left_early, medical):
    factories.make_label("Online", Status.PRESENT, letter="O", colour=LabelColour.BLUE)
    factories.make_label("old", Status.LATE, is_active=False)
    factories.make_reason("old", is_active=False)

    assert taught_class.as_teacher.get("/api/v1/labels/").json() == [
        {"name": "Online", "letter": "O", "colour": "blue", "meaning": "present"},
        {"name": "left early", "letter": "le", "colour": "teal", "meaning": "late"},
    ]
    assert taught_class.as_teacher.get("/api/v1/reasons/").json() == [{"code": "medical", "name": "Medical"}]


@pytest.mark.parametrize("name", ["labels", "reasons"])
def test_lists_are_for_teachers(client, taught_class, name):
    url = f"/api/v1/{name}/"

    assert client.get(url).status_code == 401
    assert taught_class.as_student[0].get(url).status_code == 403
    assert client_of(factories.make_admin()).get(url).json() == []


@pytest.mark.parametrize("number", [1, 3])
def test_register_takes_two_queries_for_all_labels_and_reasons_and_none_without_them(
    taught_class, session, number, django_assert_num_queries
):
    url = f"/api/v1/sessions/{session.public_id}/records/"
    with django_assert_num_queries(4):
        taught_class.as_teacher.get(url)
    for place in range(number):
        label = factories.make_label(f"{place} ill", Status.EXCUSED, letter=f"{place}")
        reason = factories.make_reason(f"reason-{place}")
        put(taught_class, session, {"label": label.name, "reason": reason.code}, place)
    with django_assert_num_queries(6):
        rows = taught_class.as_teacher.get(url).json()
    assert [row["reason"] for row in rows if row["label"]] == [f"reason-{place}" for place in range(number)]
