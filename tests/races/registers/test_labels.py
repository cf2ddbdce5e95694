"""Labels under races: two teachers, and a scan against a label. The record, its history and every answer agree."""

import functools
from typing import Any

import pytest

from attendance.models import AttendanceRecord, RecordChange, Status
from tests.support import factories
from tests.support.live_sets import assert_sets_match_database
from tests.support.races import Call, Hall, make_school, run_concurrently, token_client

ROUNDS = 6
MARKS: list[dict[str, Any]] = [
    {"label": "left early"},
    {"label": "online"},
    {"status": "excused", "reason": "medical"},
    {"status": "present"},
    {"status": None},
]


@pytest.fixture
def hall(transactional_db) -> Hall:
    factories.make_label("left early", Status.LATE)
    factories.make_label("online", Status.PRESENT)
    factories.make_reason("medical")
    hall = make_school(sections=1, students=ROUNDS).open()
    for number in range(ROUNDS):
        hall.join(number, hall.sections[0])
    hall.step("start")
    return hall


def putting(hall: Hall, number: int, body: dict[str, Any]) -> Call:
    session = hall.sections[0].meetings.get().session
    url = f"/api/v1/sessions/{session.public_id}/records/{hall.students[number].student_id}/"
    client = token_client(hall.sections[0].teachers.get())
    return functools.partial(client.put, url, body, format="json")


def record_of(hall: Hall, number: int) -> AttendanceRecord:
    return AttendanceRecord.objects.get(student=hall.students[number])


def assert_history_leads_to(record: AttendanceRecord) -> None:
    """Each change begins where the one before ended, and the last one is what the record has."""
    fields = ("status", "label", "reason")
    state: tuple[Any, ...] = (None, None, None)
    first = True
    for change in RecordChange.objects.filter(record=record).order_by("pk"):
        before = tuple(getattr(change, f"from_{name}") for name in fields)
        # The first mark of a scan is no change.
        assert before == state or (first and before == ("present", None, None))
        state, first = tuple(getattr(change, f"to_{name}") for name in fields), False
    now = record.status, record.label, record.excused_reason
    assert now == state or (first and now == ("present", None, None))


def test_teachers_who_mark_at_the_same_moment_leave_one_of_their_marks_whole(hall):
    for number in range(ROUNDS):
        answers = run_concurrently(*(putting(hall, number, body) for body in MARKS))

        assert [answer.status_code for answer in answers] == [200] * len(MARKS)
        record = record_of(hall, number)
        mark = record.status, record.label and record.label.name
        reason = record.excused_reason and record.excused_reason.code
        assert (*mark, reason) in {
            ("late", "left early", None),
            ("present", "online", None),
            ("excused", None, "medical"),
            ("present", None, None),
            (None, None, None),
        }
        assert_history_leads_to(record)
    assert_sets_match_database(hall.sessions)


def test_scan_never_leaves_or_takes_away_a_label(hall):
    for number in range(ROUNDS):
        scanned, labelled = run_concurrently(
            functools.partial(hall.mark, number),
            putting(hall, number, {"label": "left early"}),
            spread_seconds=0.02,
        )

        assert labelled.status_code == 200
        assert scanned.status_code in (200, 201)
        record = record_of(hall, number)
        # Whichever came first, the teacher's mark stands.
        assert (record.status, record.label and record.label.name) == ("late", "left early")
        assert_history_leads_to(record)
    assert_sets_match_database(hall.sessions)
