"""The pages of an admin, who sees every section of the institution: searched and paged on the server, without a script."""

import datetime
import re

import pytest
import time_machine
from django.test import Client

from attendance.models import Section
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.queries import dashboard
from tests.support.factories import (
    make_admin,
    make_course,
    make_group_session,
    make_meeting,
    make_section,
    make_session,
    make_teacher,
)
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

MONDAY = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
WEEK = datetime.timedelta(weeks=1)
TEACH = "/teach/"
OPEN = "/teach/groups/new/"


@pytest.fixture(autouse=True)
def on_a_monday():
    with time_machine.travel(MONDAY, tick=True):
        yield


@pytest.fixture
def page() -> Client:
    client = Client()
    client.force_login(make_admin())
    return client


@pytest.fixture
def pages_of_three(monkeypatch):
    monkeypatch.setattr(dashboard, "SECTIONS_PER_PAGE", 3)


@pytest.fixture
def course():
    return make_course(code="CS101", title="Computer Science")


def listed(response) -> list[str]:
    """The names of the sections on the page, in its order."""
    taught = response.context["taught"]
    return [one.section.name for one in [*taught.running_alone, *taught.due_today, *taught.not_due]]


def picks(response) -> list[tuple[str, bool]]:
    return [(one.section.name, is_picked) for one, is_picked in response.context["picks"]]


def test_page_of_4000_sections_is_short(page, course, django_assert_num_queries):
    Section.objects.bulk_create(Section(course=course, name=f"{number}") for number in range(4000))
    with django_assert_num_queries(15):
        home = page.get(TEACH)
    with django_assert_num_queries(6):
        opening = page.get(OPEN)

    assert "Sections 1 to 100 of 4000" in text_of(home)
    assert "100 of 4000 sections are listed." in text_of(opening)
    for response in (home, opening):
        assert response.content.count(b"data-item=") == 100
        assert len(response.content) < 250_000


def test_pages_have_open_sessions_then_those_of_today_then_the_others(page, course, pages_of_three):
    made = {name: make_section(course=course, name=name) for name in ("1", "2", "3", "10", "11", "20", "21")}
    make_session(section=made["21"])
    for name, hour in (("20", 1), ("11", 0)):
        starts_at = MONDAY - WEEK + datetime.timedelta(hours=hour)
        make_meeting(section=made[name], starts_at=starts_at, ended_at=starts_at)

    first = page.get(TEACH)
    assert listed(first) == ["21", "11", "20"]
    assert "Sections 1 to 3 of 7" in text_of(first)
    assert 'rel="next" href="?page=2"' in first.content.decode()
    assert 'rel="prev"' not in first.content.decode()
    assert listed(page.get(TEACH, {"page": 2})) == ["1", "2", "3"]
    last = page.get(TEACH, {"page": 3})
    assert listed(last) == ["10"]
    assert 'rel="prev" href="?page=2"' in last.content.decode()
    assert 'rel="next"' not in last.content.decode()


@pytest.mark.parametrize(("number", "expected"), [("x", ["1"]), ("0", ["4"]), ("99", ["4"]), ("-1", ["4"])])
def test_page_that_does_not_exist_is_another_one(page, course, pages_of_three, number, expected):
    for name in ("1", "2", "3", "4"):
        make_section(course=course, name=name)

    response = page.get(TEACH, {"page": number})

    assert response.status_code == 200
    assert listed(response)[:1] == expected


def test_group_is_on_the_first_page_and_takes_no_place(page, course, pages_of_three):
    grouped = [make_section(course=course, name=f"G{number}") for number in range(4)]
    make_group_session(sections=grouped)
    for name in ("1", "2", "3", "4"):
        make_section(course=course, name=name)

    first, second = page.get(TEACH), page.get(TEACH, {"page": 2})

    assert (listed(first), len(first.context["taught"].groups)) == (["1", "2", "3"], 1)
    assert (listed(second), len(second.context["taught"].groups)) == (["4"], 0)
    assert listed(page.get(TEACH, {"q": "g2"})) == ["G2"]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("cs101", ["A", "B"]),
        ("science a", ["A"]),
        ("SPRING", ["B"]),
        ("biology", ["C"]),
        ("cs101 biology", []),
        ("%", []),
        ("a\0", ["A", "B", "C"]),
        ("x" * 101, ["A", "B", "C"]),
        ("  ", ["A", "B", "C"]),
    ],
)
def test_search_finds_sections_by_course_name_and_term(page, course, search, names):
    make_section(course=course, name="A", term="Autumn 2026")
    make_section(course=course, name="B", term="Spring 2027")
    make_section(course=make_course(code="BIO1", title="Biology"), name="C", term="")

    response = page.get(TEACH, {"q": search})

    assert sorted(listed(response)) == names
    words = text_of(response)
    assert ("Show all sections" in words) is (len(names) < 3)
    assert "There are no sections yet" not in words
    assert (' id="no-class" hidden' in response.content.decode()) is bool(names)


def test_search_keeps_its_words_on_the_next_page(page, course, pages_of_three):
    for name in ("1", "2", "3", "4", "5"):
        make_section(course=course, name=name)
    make_section(name="other")

    response = page.get(TEACH, {"q": "CS101"})

    assert 'href="?q=CS101&amp;page=2"' in response.content.decode()
    assert 'value="CS101"' in response.content.decode()
    assert listed(page.get(TEACH, {"q": "CS101", "page": 2})) == ["4", "5"]


def test_search_of_a_teacher_finds_only_what_they_teach(course):
    teacher = make_teacher()
    make_section(course=course, name="own", teachers=[teacher])
    make_section(course=course, name="strange")
    client = Client()
    client.force_login(teacher)

    assert listed(client.get(TEACH, {"q": "CS101"})) == ["own"]


def test_short_list_is_left_to_the_script(page, course):
    for number in range(9):
        make_section(course=course, name=f"{number}")

    content = page.get(TEACH).content.decode()

    assert 'data-filter="#classes"' in content
    assert 'role="search"' not in content
    assert '<nav class="row pages"' not in content


def test_picked_sections_stay_while_others_are_searched(page, course, pages_of_three):
    made = {name: make_section(course=course, name=name) for name in ("1", "2", "3", "4", "50", "51")}
    assert picks(page.get(OPEN)) == [("1", False), ("2", False), ("3", False)]

    ids = [made["2"].pk]
    sent = {"sections": ids, "title": "Hall", "join_policy": "open", "find": "1", "q": "5"}
    found = page.post(OPEN, sent)

    assert found.status_code == 200
    assert not GroupSession.objects.exists()
    assert picks(found) == [("2", True), ("50", False), ("51", False)]
    assert 'value="Hall"' in found.content.decode()
    assert re.search(r'value="open"[^>]* checked', found.content.decode())
    page.post(OPEN, {"sections": [*ids, made["51"].pk], "title": "Hall", "join_policy": "open", "q": "5"})
    assert set(QRSession.objects.values_list("meeting__section__name", flat=True)) == {"2", "51"}


def test_search_that_finds_nothing_to_pick_says_so(page, course):
    make_section(course=course)

    response = page.post(OPEN, {"find": "1", "q": "nothing", "sections": "x"})

    assert (response.status_code, picks(response)) == (200, [])
    assert 'id="no-class">' in response.content.decode()


def test_group_of_many_free_sections_offers_those_of_its_courses(page, course, pages_of_three):
    group = make_group_session(sections=[make_section(course=course)], status=SessionStatus.CREATED)
    near = make_section(course=course, name="near")
    for number in range(3):
        make_section(name=f"far {number}")

    response = page.get(f"/teach/groups/{group.public_id}/")

    assert response.context["free_sections"] == [near]
    assert "Only sections of this group's courses are listed." in text_of(response)
