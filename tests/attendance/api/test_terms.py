"""The API of terms and their holidays."""

import datetime

import pytest
import time_machine
from rest_framework.test import APIClient

from attendance.models import Holiday, Term
from tests.support.classes import client_of
from tests.support.factories import (
    make_admin,
    make_pattern,
    make_section,
    make_teacher,
    make_term,
    students_of,
    user_of,
)
from tests.support.timetable.timetables import BEFORE, MONDAY, days, mondays, planned

pytestmark = pytest.mark.django_db

TERMS = "/api/v1/terms/"


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


@pytest.fixture
def as_admin():
    return client_of(make_admin())


BREAK = {"name": "Break", "first_day": "2026-10-12", "last_day": "2026-10-19"}


def test_everybody_who_is_signed_in_sees_the_terms(section):
    holiday = Holiday.objects.create(term=section.term, name="Trip", first_day=MONDAY, last_day=MONDAY)
    holiday.sections.add(section)
    student = client_of(user_of(students_of(section)[0]))

    assert student.get(TERMS).json() == [
        {
            "id": section.term.pk,
            "name": "Autumn 2026",
            "first_day": "2026-10-05",
            "last_day": "2026-10-30",
            "holidays": [
                {
                    "name": "Trip",
                    "first_day": "2026-10-05",
                    "last_day": "2026-10-05",
                    "sections": [section.pk],
                }
            ],
        }
    ]
    assert APIClient().get(TERMS).status_code == 401


def test_terms_take_as_many_queries_for_three_as_for_one(section, as_teacher, django_assert_max_num_queries):
    Holiday.objects.create(term=section.term, name="Trip", first_day=MONDAY, last_day=MONDAY)
    # The first request also reads who is signed in.
    as_teacher.get(TERMS)
    with django_assert_max_num_queries(10) as one:
        as_teacher.get(TERMS)
    for year in (2027, 2028):
        term = make_term(first_day=datetime.date(year, 1, 1), last_day=datetime.date(year, 2, 1))
        Holiday.objects.create(term=term, name="Trip", first_day=MONDAY, last_day=MONDAY)
    with django_assert_max_num_queries(10) as three:
        assert len(as_teacher.get(TERMS).json()) == 3
    assert len(three) == len(one)


def test_admin_adds_a_term_with_holidays(as_admin):
    sent = {"name": "Spring 2027", "first_day": "2027-03-01", "last_day": "2027-06-30", "holidays": [BREAK]}
    answer = as_admin.post(TERMS, sent, format="json")
    assert answer.status_code == 201
    term = Term.objects.get()
    assert answer.json() == sent | {"id": term.pk, "holidays": [BREAK | {"sections": []}]}
    assert as_admin.post(TERMS, sent, format="json").json()["code"] == "term_exists"
    assert Term.objects.count() == 1


def test_changed_days_and_holidays_plan_the_sections_anew(section, as_admin, as_teacher):
    make_pattern(section=section)
    url = f"{TERMS}{section.term.pk}/"

    as_admin.patch(url, {"holidays": [BREAK]}, format="json")
    assert planned(section) == mondays(5, 26)

    as_admin.patch(url, {"last_day": "2026-10-20"}, format="json")
    assert planned(section) == mondays(5)

    answer = as_admin.patch(url, {"holidays": []}, format="json")
    assert answer.json()["holidays"] == []
    assert planned(section) == mondays(5, 12, 19)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"last_day": None}, "no_last_day"),
        ({"last_day": "2026-10-01"}, "invalid"),
        ({"last_day": "2028-10-01"}, "invalid"),
        ({"first_day": "0001-01-01"}, "invalid"),
        ({"holidays": [BREAK | {"last_day": "2026-10-11"}]}, "invalid"),
        ({"holidays": [BREAK | {"last_day": "9999-10-11"}]}, "invalid"),
        ({"holidays": [BREAK | {"sections": [2**40]}]}, "invalid"),
        ({"name": ""}, "invalid"),
    ],
)
def test_wrong_term_is_refused_and_nothing_is_written(section, as_admin, sent, code):
    make_pattern(section=section)
    before = list(Term.objects.values())
    answer = as_admin.patch(f"{TERMS}{section.term.pk}/", sent, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(Term.objects.values()) == before
    assert not Holiday.objects.exists()


@pytest.mark.parametrize("same_days", [{}, {"first_day": "2026-10-05", "last_day": "2028-10-05"}])
def test_term_from_an_import_that_is_too_long_can_be_renamed_and_get_holidays(section, as_admin, same_days):
    Term.objects.update(last_day=datetime.date(2028, 10, 5))
    make_pattern(section=section, last_day=datetime.date(2026, 10, 26))
    url = f"{TERMS}{section.term.pk}/"

    assert as_admin.patch(url, {"name": "Course"} | same_days, format="json").json()["name"] == "Course"
    assert as_admin.patch(url, {"holidays": [BREAK]} | same_days, format="json").status_code == 200
    assert planned(section) == mondays(5, 26)

    answer = as_admin.patch(url, {"last_day": "2028-10-06"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_term_can_be_renamed_whose_weekly_classes_cannot_be_planned(section, as_admin):
    make_pattern(section=section)
    Term.objects.update(last_day=datetime.date(2028, 10, 5))

    assert as_admin.patch(f"{TERMS}{section.term.pk}/", {"name": "Course"}, format="json").status_code == 200


def test_only_admins_may_change_terms(section, as_teacher):
    student = client_of(user_of(students_of(section)[0]))
    for client, status in ((APIClient(), 401), (student, 403), (as_teacher, 403)):
        assert client.post(TERMS, {"name": "Mine"}, format="json").status_code == status
        url = f"{TERMS}{section.term.pk}/"
        assert client.patch(url, {"name": "Mine"}, format="json").status_code == status
    assert [term.name for term in Term.objects.all()] == ["Autumn 2026"]
