"""The admin's lists show current terms, until somebody asks for others."""

import datetime

import pytest
import time_machine
from django.test import Client

from attendance.models import Section, Status
from qrsessions.models import SessionStatus
from tests.support.factories import (
    make_admin,
    make_enrolment,
    make_record,
    make_section,
    make_session,
    make_term,
)

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
OLDEST = datetime.date(2026, 10, 26)
DAY = datetime.timedelta(days=1)
LISTS = {
    "attendance/section": "",
    "attendance/enrolment": "section",
    "attendance/meeting": "section",
    "attendance/attendancerecord": "meeting.section",
    "qrsessions/qrsession": "meeting.section",
}


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(make_admin())
    return client


@pytest.fixture
def sections() -> dict[str, Section]:
    terms = {
        "past": make_term(name="Term", first_day=OLDEST - 90 * DAY, last_day=OLDEST - DAY),
        "current": make_term(name="Autumn", last_day=OLDEST),
        "undated": make_term(name="Undated"),
        "none": None,
    }
    made = {name: make_section(name=name, term=term) for name, term in terms.items()}
    for section in made.values():
        session = make_session(section=section, status=SessionStatus.ENDED)
        enrolment = make_enrolment(section=section)
        make_record(meeting=session.meeting, student=enrolment.student, status=Status.PRESENT)
    return made


def listed(page, path: str, **query: object) -> set[str]:
    response = page.get(f"/admin/{path}/", query)
    names = set()
    for row in response.context["cl"].result_list:
        for step in filter(None, LISTS[path].split(".")):
            row = getattr(row, step)
        names.add(row.name)
    return names


@pytest.mark.parametrize("path", LISTS)
def test_list_shows_current_terms_until_others_are_asked_for(page, sections, path):
    everything = set(sections)

    assert listed(page, path) == everything - {"past"}
    assert listed(page, path, term="current") == everything - {"past"}
    assert listed(page, path, term="past") == {"past"}
    assert listed(page, path, term="all") == everything
    assert listed(page, path, term=sections["past"].term_id) == {"past"}
    assert listed(page, path, term="nonsense") == everything - {"past"}


def test_filter_says_what_is_shown_and_offers_the_others(page, sections):
    html = page.get("/admin/attendance/section/").content.decode()

    chosen, _, others = html.partition('<li class="selected">')[2].partition("</li>")
    assert "Current terms" in chosen
    for text in ("?term=past", "?term=all", "Term (2026)", "Undated"):
        assert text in others


def test_rows_of_one_object_are_all_shown(page, sections):
    past = sections["past"]
    meeting = past.meetings.get()

    assert listed(page, "attendance/enrolment", section__id__exact=past.pk) == {"past"}
    assert listed(page, "attendance/section", term__id__exact=past.term_id) == {"past"}
    assert listed(page, "attendance/attendancerecord", meeting__id__exact=meeting.pk) == {"past"}
    assert listed(page, "attendance/enrolment", section__id__exact=past.pk, term="current") == set()


def test_past_section_opens_in_the_admin(page, sections):
    assert page.get(f"/admin/attendance/section/{sections['past'].pk}/change/").status_code == 200
