"""The API of reports: whole answers, filters, pages, and who may ask."""

import datetime

import pytest
import time_machine
from rest_framework.test import APIClient

from attendance.lib.rate_limits import Limit
from attendance.reports import size
from qrsessions.api import reports
from tests.support import factories
from tests.support.classes import client_of
from tests.support.registers.letters import section_with

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 6, 12, tzinfo=datetime.UTC)
CALLS = ("/api/v1/reports/sections/", "/api/v1/reports/at-risk/")


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=False):
        yield NOW


@pytest.fixture
def teacher():
    return factories.make_teacher()


def section_of(teacher, *letters, **fields):
    """A section with a class a day; each text has the letters of one student."""
    first = NOW - datetime.timedelta(days=40)
    return section_with(*letters, first=first, teachers=[teacher], **fields)


def get(user, address):
    return client_of(user).get(address).json()


def test_figures_of_a_section(teacher):
    course = factories.make_course(code="CS101", title="Computing", department="Science")
    section = section_of(teacher, "PPPP", "PPAA", course=course, name="A")
    factories.make_planned(section=section, starts_at=NOW - datetime.timedelta(days=1))

    assert get(teacher, "/api/v1/reports/sections/") == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [
            {
                "section": section.pk,
                "course": "CS101",
                "course_title": "Computing",
                "department": "Science",
                "name": "A",
                "term": "Autumn 2026",
                "rule": ["Required: 75%.", "Excused classes do not count."],
                "students": 2,
                "with_percentage": 2,
                "held": 4,
                "not_taken": 1,
                "mean_percentage": 75.0,
                "at_risk": 1,
                "standings": {"ok": 1, "warned": 0, "below": 1, "lost": 0},
            }
        ],
    }


def test_section_without_classes_has_no_percentage(teacher):
    factories.make_section(students=1, teachers=[teacher])

    (found,) = get(teacher, "/api/v1/reports/sections/")["results"]

    assert (found["students"], found["with_percentage"], found["mean_percentage"]) == (1, 0, None)
    assert get(teacher, "/api/v1/reports/at-risk/")["results"] == []


def test_student_at_risk(teacher):
    section = section_of(teacher, "PPPP", "PAAA", name="A")
    student = section.enrolments.get(roll_number="02").student

    assert get(teacher, "/api/v1/reports/at-risk/")["results"] == [
        {
            "section": section.pk,
            "course": section.course.code,
            "course_title": "Computer Science",
            "department": "",
            "name": "A",
            "term": "Autumn 2026",
            "rule": ["Required: 75%.", "Excused classes do not count."],
            "student_id": student.student_id,
            "roll_number": "02",
            "student_name": student.name,
            "attended": 1.0,
            "held": 4,
            "percentage": 25.0,
            "standing": "below",
            "may_miss": 0,
            "must_attend": 8,
            "remain": None,
            "forecast": "Reaches 75% by attending the next 8 classes.",
            "reasons": [
                {"code": "below", "words": "below 75%"},
                {"code": "absences", "words": "absent at the last 3 classes"},
            ],
        }
    ]


def test_filters_choose_sections_and_days(teacher):
    term = factories.make_term(name="Spring 2020", last_day=datetime.date(2020, 6, 1))
    course = factories.make_course(code="SCI", department="Science")
    science = section_of(teacher, "AAAPPP", course=course)
    other = section_of(teacher, "PAAAAA")
    past = factories.make_section(teachers=[teacher], course=course, term=term)

    def listed(query, call="sections"):
        return [one["section"] for one in get(teacher, f"/api/v1/reports/{call}/?{query}")["results"]]

    assert listed("") == [science.pk, other.pk]
    assert listed("course=SCI") == listed("department=Science") == listed(f"section={science.pk}")
    assert listed("course=SCI") == [science.pk]
    assert listed(f"section={science.pk}&course={other.course.code}") == []
    assert listed(f"term={term.pk}") == listed(f"section={past.pk}") == [past.pk]
    assert listed("", "at-risk") == [other.pk, science.pk]
    # From the fourth day on: three classes.
    assert listed("from=2026-09-30", "at-risk") == [other.pk]
    assert listed("to=2026-09-29", "at-risk") == [science.pk, other.pk]
    assert get(teacher, "/api/v1/reports/sections/?from=2026-09-30")["results"][0]["held"] == 3


def test_lists_have_pages(teacher):
    for number in range(3):
        section_of(teacher, "PAAA", course=factories.make_course(code=f"C-{number}"))

    for call in CALLS:
        first = get(teacher, f"{call}?page_size=2")
        assert (first["count"], len(first["results"]), first["previous"]) == (3, 2, None)
        second = get(teacher, first["next"])
        assert [one["course"] for one in first["results"] + second["results"]] == ["C-0", "C-1", "C-2"]
        assert second["next"] is None
        assert client_of(teacher).get(f"{call}?page=9").status_code == 404


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=soon", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-10-02&to=2026-10-01", "to"),
        ("section=x", "section"),
        ("term=99999999999999999999", "term"),
        ("page=-1", "page"),
    ],
)
def test_wrong_filters_are_told(teacher, call, query, field):
    answer = client_of(teacher).get(f"{call}?{query}")

    assert (answer.status_code, answer.json()["code"], list(answer.json()["errors"])) == (
        400,
        "invalid",
        [field],
    )


@pytest.mark.parametrize("call", CALLS)
def test_another_teachers_sections_are_in_no_filter(teacher, call):
    course = factories.make_course(code="SECRET", department="Hidden")
    foreign = section_of(factories.make_teacher(), "PAAA", course=course)

    for query in ("", "course=SECRET", "department=Hidden", f"term={foreign.term_id}"):
        assert get(teacher, f"{call}?{query}")["results"] == []
    assert client_of(teacher).get(f"{call}?section={foreign.pk}").status_code == 404
    assert len(get(factories.make_admin(), f"{call}?department=Hidden")["results"]) == 1


@pytest.mark.parametrize("call", CALLS)
def test_teacher_of_some_classes_is_refused(teacher, call):
    section = section_of(factories.make_teacher(), "PAAA")
    latest = section.meetings.latest("date")
    factories.make_assignment(section=section, user=teacher, role="substitute", meeting=latest)

    assert get(teacher, call)["results"] == []
    answer = client_of(teacher).get(f"{call}?section={section.pk}")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_whole")


@pytest.mark.parametrize("call", CALLS)
def test_students_and_visitors_are_refused(teacher, call):
    section = section_of(teacher, "PAAA")

    assert APIClient().get(call).status_code == 401
    assert client_of(factories.students_of(section)[0].user).get(call).status_code == 403


@pytest.mark.parametrize("call", CALLS)
def test_too_much_and_too_often_are_refused(teacher, call, monkeypatch):
    section_of(teacher, "PAAA")
    monkeypatch.setattr(size, "MAX_RECORDS", 1)
    monkeypatch.setattr(reports, "REPORTS", Limit("reports", times=1, per_seconds=60))

    first, second = client_of(teacher).get(call), client_of(teacher).get(call)

    assert (first.status_code, first.json()["code"]) == (400, "too_much")
    assert (second.status_code, second.json()["code"]) == (429, "too_often")


@pytest.mark.parametrize(("call", "queries"), [(CALLS[0], 13), (CALLS[1], 11)])
def test_queries_do_not_grow(teacher, call, queries, django_assert_num_queries):
    for number in (1, 3):
        for _ in range(number):
            section_of(teacher, *["PAAA"] * number)
        # A new one each time, because the API remembers a sign-in.
        client = client_of(teacher)
        with django_assert_num_queries(queries):
            client.get(call)
