"""The API of weekly classes."""

from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from attendance.models import Meeting, MeetingPattern, Status, Term
from qrsessions.services import meetings
from tests.support.classes import client_of
from tests.support.factories import (
    make_section,
    make_teacher,
    make_term,
    students_of,
    user_of,
)
from tests.support.postgres.database import everything_written
from tests.support.timetable.timetables import BEFORE, MONDAY, days, mondays, planned

pytestmark = pytest.mark.django_db

AT_TEN = {"weekday": 0, "start": "10:00", "end": "11:00"}
WHOLE = AT_TEN | {"room": "", "first_day": None, "last_day": None, "every_weeks": 1}


@pytest.fixture(autouse=True)
def _before_the_term(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    with time_machine.travel(BEFORE, tick=False):
        yield


@pytest.fixture
def section():
    """Its term has four Mondays: 5, 12, 19 and 26 October 2026."""
    term = make_term(first_day=MONDAY, last_day=MONDAY + days(25))
    return make_section(term=term, students=1, teachers=[make_teacher()])


@pytest.fixture
def as_teacher(section):
    return client_of(section.teachers.get())


def patterns(section) -> str:
    return f"/api/v1/sections/{section.pk}/patterns/"


def put(client, section, *rows: dict[str, Any], query: str = ""):
    return client.put(patterns(section) + query, list(rows), format="json")


def test_weekly_classes_are_put_planned_and_read_again(section, as_teacher):
    answer = put(as_teacher, section, AT_TEN | {"room": "H1"})

    assert (answer.status_code, answer.json()) == (200, [WHOLE | {"room": "H1"}])
    assert as_teacher.get(patterns(section)).json() == answer.json()
    assert planned(section) == mondays(5, 12, 19, 26)


def test_put_twice_changes_nothing(section, as_teacher):
    put(as_teacher, section, AT_TEN)
    before = list(Meeting.objects.order_by("pk").values()), list(MeetingPattern.objects.values())
    put(as_teacher, section, AT_TEN)
    assert (list(Meeting.objects.order_by("pk").values()), list(MeetingPattern.objects.values())) == before


def test_dry_run_answers_with_the_change_and_writes_nothing(section, as_teacher):
    put(as_teacher, section, AT_TEN)
    meeting = section.meetings.get(date="2026-10-05")
    section.meetings.filter(date="2026-10-12").update(edited=True)

    change = put(as_teacher, section, AT_TEN | {"start": "09:00"}, query="?dry_run=1").json()

    assert {name: len(meetings) for name, meetings in change.items()} == {
        "added": 0,
        "moved": 3,
        "removed": 0,
        "kept": 1,
    }
    assert change["moved"][0] == {
        "id": meeting.public_id,
        "starts_at": "2026-10-05T09:00:00+02:00",
        "ends_at": "2026-10-05T11:00:00+02:00",
        "room": "",
        "title": "",
    }
    assert planned(section) == mondays(5, 12, 19, 26)


def test_dry_run_names_the_meetings_that_stay_and_why(section, as_teacher):
    put(as_teacher, section, AT_TEN, AT_TEN | {"weekday": 1})
    tuesday = section.meetings.get(date="2026-10-06")
    tuesday.edited = True
    tuesday.save()
    teacher = section.teachers.get()
    first, second, third, fourth = section.meetings.filter(pattern__weekday=0).order_by("starts_at")
    by = {"by": teacher, "at": BEFORE}
    meetings.cancel(meeting=first, reason="Holiday", **by)
    times = {"starts_at": second.starts_at + days(1), "ends_at": second.ends_at + days(1)}
    meetings.move(meeting=second, room="H7", **times, **by)
    meetings.enter(meeting=third, student=students_of(section)[0], status=Status.EXCUSED, **by)
    before = everything_written()

    change = put(as_teacher, section, AT_TEN | {"weekday": 1}, query="?dry_run=1").json()

    assert [(one["id"], one["reason"]) for one in change["kept"]] == [
        (first.public_id, "cancelled"),
        (second.public_id, "moved"),
        (third.public_id, "records"),
    ]
    assert change["kept"][1] == {
        "id": second.public_id,
        "starts_at": "2026-10-13T10:00:00+02:00",
        "ends_at": "2026-10-13T11:00:00+02:00",
        "room": "H7",
        "title": "",
        "reason": "moved",
    }
    assert [one["id"] for one in change["removed"]] == [fourth.public_id]
    assert everything_written() == before


def test_imported_series_is_neither_shown_nor_removed(section, as_teacher):
    series = MeetingPattern.objects.create(section=section, external_id="uid")
    assert as_teacher.get(patterns(section)).json() == []
    put(as_teacher, section)
    assert list(section.patterns.all()) == [series]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"end": "09:00"}, "end"),
        ({"first_day": "2026-10-06", "last_day": "2026-10-05"}, "last_day"),
        ({"last_day": "9999-12-31"}, "last_day"),
        ({"weekday": 7}, "weekday"),
        ({"every_weeks": 0}, "every_weeks"),
        ({"start": "10:00Z"}, "start"),
    ],
)
def test_wrong_row_is_refused_by_field_and_nothing_is_written(section, as_teacher, fields, field):
    put(as_teacher, section, AT_TEN)
    answer = put(as_teacher, section, AT_TEN | fields)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]["0"]) == [field]
    assert planned(section) == mondays(5, 12, 19, 26)


def test_class_without_days_in_a_term_without_dates_is_refused(section, as_teacher):
    Term.objects.update(first_day=None, last_day=None)
    answer = put(as_teacher, section, AT_TEN)
    assert (answer.status_code, answer.json()["code"]) == (400, "no_last_day")
    assert not MeetingPattern.objects.exists()


def test_more_rows_than_any_timetable_has_are_refused(section, as_teacher):
    answer = put(as_teacher, section, *[AT_TEN] * 51)
    assert answer.status_code == 400
    assert not MeetingPattern.objects.exists()


def test_only_teachers_of_the_section_may_see_and_change_its_classes(section):
    student = user_of(students_of(section)[0])
    for client, status in (
        (APIClient(), 401),
        (client_of(student), 403),
        (client_of(make_teacher()), 404),
    ):
        assert client.get(patterns(section)).status_code == status
        assert put(client, section, AT_TEN).status_code == status
    assert not MeetingPattern.objects.exists()


def test_put_takes_as_many_queries_for_many_rows_as_for_one(
    section, as_teacher, django_assert_max_num_queries
):
    def rows(number: int) -> list[dict[str, Any]]:
        return [AT_TEN | {"weekday": day, "start": "08:00"} for day in range(number)]

    # The first request also reads who is signed in.
    as_teacher.get(patterns(section))
    with django_assert_max_num_queries(40) as one:
        put(as_teacher, section, *rows(1))
    section.patterns.all().delete()
    section.meetings.all().delete()
    with django_assert_max_num_queries(40) as five:
        put(as_teacher, section, *rows(5))
    assert len(five) == len(one)
