"""Pages without past terms, and where past terms are read instead."""

import datetime

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from attendance.models import Section, Status, Term
from qrsessions.models import QRSession, SessionStatus
from qrsessions.queries import dashboard
from qrsessions.services import lifecycle
from tests.support.factories import (
    make_admin,
    make_assignment,
    make_course,
    make_group_session,
    make_meeting,
    make_planned,
    make_record,
    make_section,
    make_session,
    make_teacher,
    make_term,
    students_of,
    user_of,
)
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

# A Monday. Terms whose last day is before 26 October are past.
NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
OLDEST = datetime.date(2026, 10, 26)
DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
TEACH, PAST, OPEN, MISSING = "/teach/", "/teach/past/", "/teach/groups/new/", "/teach/not-taken/"


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def teacher():
    return make_teacher(username="asha")


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


@pytest.fixture
def sections(teacher):
    """A section of each kind of term: past by a day, not yet past, without days, and without a term."""
    terms = {
        "past": make_term(name="Summer", first_day=OLDEST - 90 * DAY, last_day=OLDEST - DAY),
        "current": make_term(name="Autumn", first_day=OLDEST - 60 * DAY, last_day=OLDEST),
        "undated": make_term(name="Undated"),
        "none": None,
    }
    course = make_course(code="CS101", title="Algorithms")
    return {
        name: make_section(course=course, name=name, term=term, teachers=[teacher], students=1)
        for name, term in terms.items()
    }


def taught_names(response) -> set[str]:
    return {one.section.name for one in response.context["taught"].sections}


def picked_names(response) -> set[str]:
    return {one.section.name for one, _is_picked in response.context["picks"]}


# --- The home page ----------------------------------------------------------------------------------------


def test_home_lists_no_section_of_a_past_term_and_links_to_them(page, sections):
    home = page.get(TEACH)

    assert taught_names(home) == {"current", "undated", "none"}
    assert f'<a href="{PAST}">Past terms</a>' in home.content.decode()
    assert f'href="/teach/sections/{sections["past"].pk}/"' not in home.content.decode()


def test_home_has_no_link_without_past_terms(page, sections):
    Term.objects.filter(name="Summer").update(last_day=OLDEST)

    assert "Past terms" not in text_of(page.get(TEACH))


def test_last_day_that_lists_the_section_is_the_institutions(page, sections, settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    with timezone.override("Asia/Kolkata"):
        # 23:30 and 00:30 in Kolkata; both are Monday in Greenwich.
        for moment, is_listed in ((NOW + 9 * HOUR, True), (NOW + 10 * HOUR, False)):
            with time_machine.travel(moment, tick=False):
                assert ("current" in taught_names(page.get(TEACH))) is is_listed


def test_open_session_of_a_past_term_is_on_the_home_page_until_it_ends(page, teacher, sections):
    session = make_session(section=sections["past"])
    home = page.get(TEACH)
    assert [one.section.name for one in home.context["taught"].running_alone] == ["past"]
    assert "past" not in picked_names(page.get(OPEN))

    lifecycle.take_step(session=session, step="end", by=teacher, at=NOW)

    assert "past" not in taught_names(page.get(TEACH))


def test_search_finds_past_terms_on_their_own_page(page, sections):
    home = page.get(TEACH, {"q": "past"})

    assert taught_names(home) == set()
    assert f'<a href="{PAST}?q=past">Search past terms</a>' in home.content.decode()
    assert "CS101 Algorithms · past" in text_of(page.get(PAST, {"q": "past"}))
    assert "No section matches your search." in text_of(page.get(PAST, {"q": "current"}))


def test_home_of_a_teacher_with_only_past_terms_says_so(page, sections):
    Section.objects.update(term=sections["past"].term)

    home = page.get(TEACH)

    assert "No classes at the moment All sections are in past terms. Past terms" in text_of(home)
    assert "don't teach" not in text_of(home)
    assert "You have no sections to choose from." in text_of(page.get(OPEN))


def test_register_that_was_not_taken_in_a_past_term_is_no_alert(page, sections):
    for section in sections.values():
        make_planned(section=section, starts_at=NOW - 40 * DAY)

    listed = {meeting.section.name for meeting in page.get(TEACH).context["not_taken"]}
    missing = page.get(MISSING)

    assert listed == {meeting.section.name for meeting in missing.context["meetings"]}
    assert listed == {"current", "undated", "none"}
    assert [meeting.section.name for meeting in missing.context["in_past_terms"]] == ["past"]
    assert "1 in a past term" in text_of(missing)


def test_day_and_week_have_every_class_of_their_days(page, sections):
    for section in sections.values():
        make_planned(section=section, starts_at=NOW + HOUR)

    today = page.get(TEACH).context["meetings_today"]
    week = page.get("/teach/week/").context["days"][0].meetings

    for listed in (today, week):
        assert {one.meeting.section.name for one in listed} == set(sections)


# --- Groups -----------------------------------------------------------------------------------------------


def test_group_is_picked_from_terms_that_are_not_past(page, sections):
    assert picked_names(page.get(OPEN)) == {"current", "undated", "none"}


def test_section_of_a_past_term_that_was_picked_stays_picked(page, sections):
    response = page.post(OPEN, {"find": "1", "q": "none", "sections": [sections["past"].pk]})

    assert picked_names(response) == {"past", "none"}


def test_section_of_a_past_term_is_not_offered_to_a_running_group(page, teacher, sections):
    group = make_group_session(sections=[sections["none"]], opened_by=teacher)

    offered = page.get(f"/teach/groups/{group.public_id}/").context["free_sections"]

    assert {section.name for section in offered} == {"current", "undated"}


@pytest.mark.parametrize(
    ("members", "is_offered"), [(["current", "none"], True), (["current", "past"], False)]
)
def test_last_group_with_a_section_of_a_past_term_is_not_offered_again(
    page, teacher, sections, members, is_offered
):
    make_group_session(
        sections=[sections[name] for name in members], opened_by=teacher, status=SessionStatus.ENDED
    )

    assert (page.get(OPEN).context["last_group"] is not None) is is_offered
    assert (page.get(TEACH).context["last_group"] is not None) is is_offered


# --- Past terms -------------------------------------------------------------------------------------------


def past_names(response) -> list[tuple[str, list[str]]]:
    return [
        (one.term.name, [section.name for section in one.sections]) for one in response.context["found"].terms
    ]


def test_past_terms_are_listed_the_latest_first_with_their_sections_in_natural_order(page, teacher, sections):
    older = make_term(name="Spring", last_day=datetime.date(2026, 5, 29))
    for name in ("10", "2"):
        make_section(course=sections["past"].course, name=name, term=older, teachers=[teacher])
    make_section(name="of others", term=older)

    response = page.get(PAST)

    assert past_names(response) == [("Summer", ["past"]), ("Spring", ["2", "10"])]
    assert "Summer 28 Jul 2026 – 25 Oct 2026" in text_of(response)
    assert "Spring 29 May 2026" in text_of(response)


def test_teacher_who_left_reads_the_past_terms_of_their_time(page, teacher):
    section = make_section(name="left", term=make_term(name="Spring", last_day=datetime.date(2026, 5, 29)))
    make_assignment(section=section, user=teacher, to_date=datetime.date(2026, 4, 1))

    assert past_names(page.get(PAST)) == [("Spring", ["left"])]


def test_page_without_past_terms_says_so(page):
    assert "There are no past terms." in text_of(page.get(PAST))


def test_admin_turns_pages_of_past_terms(sections, monkeypatch):
    monkeypatch.setattr(dashboard, "SECTIONS_PER_PAGE", 2)
    for number in (1, 2):
        make_section(course=sections["past"].course, name=f"old {number}", term=sections["past"].term)
    client = Client()
    client.force_login(make_admin())

    first, second = client.get(PAST), client.get(PAST, {"page": 2})

    assert past_names(first) == [("Summer", ["old 1", "old 2"])]
    assert past_names(second) == [("Summer", ["past"])]
    assert "Sections 1 to 2 of 3" in text_of(first)


@pytest.mark.parametrize("number", [1, 3])
def test_past_terms_take_the_same_queries_for_any_number(
    page, teacher, sections, number, django_assert_num_queries
):
    for one in range(number - 1):
        term = make_term(name=f"Old {one}", last_day=datetime.date(2025, 5, 29 - one))
        make_section(term=term, teachers=[teacher])

    with django_assert_num_queries(4):
        response = page.get(PAST)

    assert len(response.context["found"].terms) == number


def test_past_section_its_sessions_and_registers_can_be_read(page, teacher, sections):
    section = sections["past"]
    session = make_session(section=section, status=SessionStatus.ENDED, at=NOW - 60 * DAY, opened_by=teacher)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT)
    home = f"/teach/sections/{section.pk}/"

    response = page.get(home)

    assert "The term ended on 25 Oct 2026, so this section is only listed under past terms." in text_of(
        response
    )
    assert f'<a class="button" href="{PAST}">' in response.content.decode()
    for address in (
        f"/teach/sessions/{session.public_id}/",
        f"/teach/sessions/{session.public_id}/history/",
        f"{home}timetable/",
        f"{home}meetings/new/",
        f"{home}paper/",
    ):
        assert page.get(address).status_code == 200


def test_session_can_still_be_opened_on_the_page_of_a_past_section(page, sections):
    address = f"/teach/sections/{sections['past'].pk}/"
    assert "Open session" in text_of(page.get(address))

    page.post(f"{address}open/")

    assert QRSession.objects.get().meeting.section == sections["past"]


@pytest.mark.parametrize("name", ["current", "undated", "none"])
def test_other_sections_do_not_say_that_their_term_is_over(page, sections, name):
    response = page.get(f"/teach/sections/{sections[name].pk}/")

    assert "The term ended" not in text_of(response)
    assert f'href="{PAST}"' not in response.content.decode()


# --- Students ---------------------------------------------------------------------------------------------


@pytest.fixture
def student_page(sections):
    """The attendance of a student who was at a class of each section."""
    student = students_of(sections["past"])[0]
    older = make_section(
        course=make_course(code="AA1"),
        name="older",
        term=make_term(name="Spring", last_day=OLDEST - 200 * DAY),
    )
    for section in (*sections.values(), older):
        meeting = make_meeting(section=section, starts_at=NOW - 40 * DAY, ended_at=NOW - 40 * DAY)
        make_record(meeting=meeting, student=student, status=Status.PRESENT)
    client = Client()
    client.force_login(user_of(student))
    return client


def test_students_attendance_has_past_terms_in_a_fold_the_latest_first(
    student_page, django_assert_num_queries
):
    with django_assert_num_queries(8):
        response = student_page.get("/student/attendance/")

    assert {section.name for section in response.context["sections"]} == {"current", "undated", "none"}
    assert [section.name for section in response.context["past"]] == ["past", "older"]
    fold = response.content.decode().partition('<details class="past-terms')[2]
    assert not fold.startswith(" open")
    assert "CS101 · past" in fold
    assert "CS101 · current" not in fold


def test_fold_is_open_if_there_is_nothing_else(student_page, sections):
    with time_machine.travel(NOW, tick=False):
        for name in ("current", "undated", "none"):
            sections[name].meetings.update(state="discarded", ended_at=None)
        response = student_page.get("/student/attendance/")

    assert '<details class="past-terms stack" open>' in response.content.decode()
    assert "No class has ended yet" not in text_of(response)


def test_students_own_records_in_the_api_have_all_and_say_which_are_past(student_page):
    rows = student_page.get("/api/v1/me/records/").json()

    assert {row["name"]: row["is_past"] for row in rows} == {
        "current": False, "undated": False, "none": False, "past": True, "older": True,
    }  # fmt: skip
