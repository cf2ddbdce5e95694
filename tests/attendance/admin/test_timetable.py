"""Terms, holidays and weekly classes in the admin: saving them plans the meetings."""

import datetime

import pytest
import time_machine
from django.urls import reverse

from attendance.models import Holiday, Term
from tests.support.factories import (
    make_admin,
    make_pattern,
    make_planned,
    make_section,
    make_teacher,
    make_term,
)

pytestmark = pytest.mark.django_db

MONDAY = datetime.date(2026, 10, 5)
NOON = datetime.datetime(2026, 10, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def admin_client(client):
    with time_machine.travel(NOON, tick=False):
        client.force_login(make_admin())
        yield client


@pytest.fixture
def section():
    term = make_term(first_day=MONDAY, last_day=MONDAY + datetime.timedelta(days=25))
    return make_section(term=term)


def rows(name: str, *rows: dict[str, object]) -> dict[str, object]:
    """What the browser sends of an inline table with these new rows."""
    fields = {f"{name}-{index}-{key}": value for index, row in enumerate(rows) for key, value in row.items()}
    return {f"{name}-TOTAL_FORMS": len(rows), f"{name}-INITIAL_FORMS": 0, **fields}


def section_fields(section, *classes: dict[str, object]) -> dict[str, object]:
    fields = {"course": section.course_id, "name": section.name, "term": section.term_id or ""}
    return fields | {"external_id": ""} | rows("patterns", *classes) | rows("assignments")


def days_of(section) -> list[int]:
    return [meeting.date.day for meeting in section.meetings.order_by("date")]


AT_TEN = {"weekday": 0, "start": "10:00", "end": "11:00", "every_weeks": 1}


def test_weekly_class_of_a_section_is_planned_when_it_is_saved(admin_client, section):
    page = reverse("admin:attendance_section_change", args=[section.pk])

    answer = admin_client.post(page, section_fields(section, AT_TEN))

    assert answer.status_code == 302
    assert days_of(section) == [5, 12, 19, 26]


def test_weekly_class_without_days_says_which_are_missing(admin_client):
    section = make_section(term=make_term())
    page = reverse("admin:attendance_section_change", args=[section.pk])

    answer = admin_client.post(page, section_fields(section, AT_TEN))

    assert "Give the weekly class a first and a last day." in answer.content.decode()
    assert not section.patterns.exists()
    assert not section.meetings.exists()


def test_holiday_removes_the_meetings_of_its_days(admin_client, section):
    make_pattern(section=section)
    term = section.term
    page = reverse("admin:attendance_term_change", args=[term.pk])
    fields = {"name": term.name, "first_day": term.first_day, "last_day": term.last_day, "external_id": ""}
    break_ = {"name": "Break", "first_day": "2026-10-12", "last_day": "2026-10-19"}

    admin_client.post(page, fields | rows("holidays"))
    assert days_of(section) == [5, 12, 19, 26]

    admin_client.post(page, fields | rows("holidays", break_))
    assert days_of(section) == [5, 26]
    assert Holiday.objects.get().name == "Break"


def test_holiday_of_the_wrong_order_is_refused(admin_client, section):
    term = section.term
    page = reverse("admin:attendance_term_change", args=[term.pk])
    fields = {"name": term.name, "first_day": term.first_day, "last_day": term.last_day, "external_id": ""}

    answer = admin_client.post(
        page,
        fields | rows("holidays", {"name": "Break", "first_day": "2026-10-12", "last_day": "2026-10-11"}),
    )

    assert "A holiday cannot end before it begins." in answer.content.decode()
    assert not Holiday.objects.exists()


def test_term_keeps_the_days_by_which_its_classes_are_planned(admin_client, section):
    make_pattern(section=section)
    term = section.term
    page = reverse("admin:attendance_term_change", args=[term.pk])

    answer = admin_client.post(
        page, {"name": term.name, "first_day": "", "last_day": "", "external_id": "", **rows("holidays")}
    )

    assert set(answer.context["adminform"].form.errors) == {"first_day", "last_day"}
    assert Term.objects.get(pk=term.pk).last_day == term.last_day


def test_admin_lists_the_registers_not_taken_with_their_teachers(admin_client):
    section = make_section(teachers=[make_teacher(first_name="Asha")])
    missing = make_planned(section=section, starts_at=NOON - datetime.timedelta(days=1))
    make_planned(section=section, starts_at=NOON + datetime.timedelta(days=1))
    page = reverse("admin:attendance_meeting_changelist")

    answer = admin_client.get(page, {"register": "missing"})

    assert [row.pk for row in answer.context["cl"].result_list] == [missing.pk]
    assert "Asha" in answer.content.decode()
    assert [
        row.pk
        for row in admin_client.get(page, {"register": "missing", "q": "Asha"}).context["cl"].result_list
    ] == [missing.pk]
