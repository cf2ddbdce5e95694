"""The pages of reports: what they show, and of which sections."""

import datetime
import html
import re

import pytest
import time_machine
from django.test import Client

from attendance.lib.rate_limits import Limit
from attendance.reports import size
from qrsessions.views.reports import pages
from tests.support import factories
from tests.support.pages import text_of
from tests.support.registers.letters import section_with

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 6, 12, tzinfo=datetime.UTC)
PAGES = ("/teach/reports/", "/teach/reports/at-risk/")


@pytest.fixture(autouse=True)
def now(empty_redis):
    with time_machine.travel(NOW, tick=False):
        yield NOW


@pytest.fixture
def teacher():
    return factories.make_teacher()


def section_of(teacher, *letters, **fields):
    """A section with a class a day; each text has the letters of one student."""
    first = NOW - datetime.timedelta(days=40)
    return section_with(*letters, first=first, teachers=[teacher], by_phone=True, **fields)


def browser_of(user):
    browser = Client()
    browser.force_login(user)
    return browser


def test_reports_show_the_figures_of_each_section_with_sums(teacher):
    course = factories.make_course(code="CS101", title="Computing", department="Science")
    section_of(teacher, "PPPP", "PPAA", course=course, name="A")
    section_of(teacher, "AAAA", course=course, name="B")
    other = section_of(factories.make_teacher(), "PPPP")

    page = browser_of(teacher).get("/teach/reports/")

    rows = re.findall(r"<tr.*?</tr>", page.content.decode(), flags=re.DOTALL)
    cells = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    assert [one for one in cells if "CS101" in one] == [
        "CS101 · A Autumn 2026 2 4 0 75.0% 1 0 1 0 1 at risk, CS101 · A",
        "CS101 · B Autumn 2026 1 4 0 0.0% 0 0 1 0 1 at risk, CS101 · B",
        "All of CS101 3 8 0 50.0% 1 0 2 0 2",
    ]
    words = text_of(page)
    assert "Rule: Required: 75%. Excused classes do not count." in words
    assert "50% mean of 3 students, after 8 classes" in words
    assert other.course.code not in words


def test_rule_stands_beside_each_section_if_they_differ(teacher):
    section_of(teacher, "PPPP")
    section_of(teacher, "PPPP", minimum_percentage=60)

    words = text_of(browser_of(teacher).get("/teach/reports/"))

    assert "Required: 75%. Excused classes do not count." in words
    assert "Required: 60%. Excused classes do not count." in words
    assert "Rule:" not in words


def test_students_at_risk_are_named_with_reasons_rule_and_forecast(teacher):
    section = section_of(teacher, "PPPP", "PAAA", name="A")
    student = section.enrolments.get(roll_number="02").student

    words = text_of(browser_of(teacher).get("/teach/reports/at-risk/"))

    assert "1 student Rule: Required: 75%. Excused classes do not count." in words
    assert (
        f"{student.name} 02 · {section.course.code} · A 25% 1 of 4 classes below 75% absent at the last 3 classes"
        " Reaches 75% by attending the next 8 classes."
    ) in words
    assert "the last 4 classes are at least 30 points below the ones before" in words


def test_number_of_absences_in_a_row_can_be_chosen(teacher):
    section_of(teacher, "PPPPPAA", minimum_percentage=0)
    browser = browser_of(teacher)

    assert "Nobody is at risk" in text_of(browser.get("/teach/reports/at-risk/"))
    assert "absent at the last 2 classes" in text_of(browser.get("/teach/reports/at-risk/?absences=2"))


def test_report_of_a_section_has_charts_students_and_missing_registers(teacher):
    section = section_of(teacher, "PLPP", "PAAA", name="A")
    factories.make_planned(section=section, starts_at=NOW - datetime.timedelta(days=3))

    words = text_of(browser_of(teacher).get(f"/teach/reports/sections/{section.pk}/"))

    for part in (
        "62.5% mean of 2 students, after 4 classes",
        "1 register not taken",
        "4 classes. Lowest: 50%, on 28 Sep. Highest: 100%, on 27 Sep. Without excused students and those without a status.",
        "2 with a percentage. 1 below the minimum of 75%, the dashed line.",
        "Presence by day and hour",
        "Arrivals at the latest class",
        "below 75%",
        "Take now",
    ):
        assert part in words, part


def test_charts_have_their_numbers_as_text(teacher):
    section = section_of(teacher, "PL", "PA", "EA", name="A")

    page = browser_of(teacher).get(f"/teach/reports/sections/{section.pk}/").content.decode()

    charts = re.findall(r'<svg [^>]*role="img" aria-labelledby="([^"]+)"', page)
    assert len(charts) == 4
    for labels in charts:
        for label in labels.split():
            assert f'id="{label}"' in page
    # Each has a table, except that the numbers of the first need two decimals less.
    tables = [
        " ".join(re.sub(r"<[^>]+>", " ", one).split())
        for one in re.findall(r"<table.*?</table>", page, re.DOTALL)
    ]
    assert len(tables) == 4
    assert "Sun 27 Sep 2026, 12:00 100% 2 0 1 0 0" in html.unescape(tables[0])
    assert "Mon 28 Sep 2026, 12:00 33.3% 0 1 0 2 0" in html.unescape(tables[0])
    assert "0–9.9% 1" in tables[1]
    assert "90–100% 1" in tables[1]
    assert "50–59.9% 1" in tables[1]
    assert "Monday 12:00 33.3% 1 Sunday 12:00 100% 1" in tables[2]


def test_section_without_classes_says_so(teacher):
    section = factories.make_section(students=1, teachers=[teacher])

    words = text_of(browser_of(teacher).get(f"/teach/reports/sections/{section.pk}/"))

    assert "– no class has counted yet" in words
    assert "No class was held" in words
    assert "Nobody is at risk." in words


def test_teacher_without_sections_is_told_what_will_be_here(teacher):
    browser = browser_of(teacher)

    assert "Sections that you teach appear here" in text_of(browser.get("/teach/reports/"))
    assert "No sections here" in text_of(browser.get("/teach/reports/at-risk/"))


def test_sections_are_chosen_by_department_course_and_term(teacher):
    term = factories.make_term(name="Spring 2020", last_day=datetime.date(2020, 6, 1))
    science, arts = (factories.make_course(code=code, department=code) for code in ("SCI", "ART"))
    factories.make_section(teachers=[teacher], course=science, name="current")
    factories.make_section(teachers=[teacher], course=arts, name="current")
    factories.make_section(teachers=[teacher], course=science, name="past", term=term)

    def listed(query):
        page = browser_of(teacher).get(f"/teach/reports/{query}").content.decode()
        return re.findall(r'sections/\d+/">(\w+ · \w+)</a>', page)

    assert listed("") == ["ART · current", "SCI · current"]
    assert listed("?department=SCI") == ["SCI · current"]
    assert listed("?course=ART") == ["ART · current"]
    assert listed(f"?term={term.pk}") == ["SCI · past"]
    assert listed(f"?term={term.pk}&course=ART") == []


def test_admin_chooses_among_all_sections():
    factories.make_section(course=factories.make_course(code="SCI", department="Science"))

    page = browser_of(factories.make_admin()).get("/teach/reports/?department=Science")

    assert "SCI" in text_of(page)


def test_another_teachers_sections_are_in_no_filter(teacher):
    section_of(teacher, "PAAA")
    course = factories.make_course(code="SECRET", department="Hidden")
    term = factories.make_term(name="Theirs")
    foreign = section_of(factories.make_teacher(), "PAAA", course=course, term=term)
    browser = browser_of(teacher)

    for page in PAGES:
        assert "SECRET" not in browser.get(page).content.decode()
        for query in ("course=SECRET", "department=Hidden", f"term={term.pk}"):
            answer = browser.get(f"{page}?{query}")
            assert answer.status_code == 400
            assert "Select a valid choice" in text_of(answer)
            assert foreign.course.title not in text_of(answer).replace("Computer Science", "")
            assert factories.students_of(foreign)[0].name not in text_of(answer)
    assert browser.get(f"/teach/reports/at-risk/?section={foreign.pk}").status_code == 404
    assert browser.get(f"/teach/reports/sections/{foreign.pk}/").status_code == 404


def test_teacher_of_some_classes_reads_no_report(teacher):
    section = section_of(factories.make_teacher(), "PAAA")
    factories.make_assignment(
        section=section, user=teacher, role="substitute", meeting=section.meetings.latest("date")
    )
    browser = browser_of(teacher)

    assert "No sections here" in text_of(browser.get("/teach/reports/"))
    for address in (
        f"/teach/reports/at-risk/?section={section.pk}",
        f"/teach/reports/sections/{section.pk}/",
    ):
        answer = browser.get(address)
        assert answer.status_code == 403
        assert "only some of this section" in html.unescape(text_of(answer))


def test_students_and_visitors_read_no_report(teacher):
    section = section_of(teacher, "PAAA")
    student = factories.students_of(section)[0]

    for address in (*PAGES, f"/teach/reports/sections/{section.pk}/"):
        assert browser_of(student.user).get(address).status_code == 403
        assert Client().get(address)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("days", ["from=soon", "to=2026-02-30", "from=2026-10-02&to=2026-10-01"])
def test_wrong_days_are_an_error_beside_the_field(teacher, days):
    section = section_of(teacher, "PAAA")

    for address in (*PAGES, f"/teach/reports/sections/{section.pk}/"):
        answer = browser_of(teacher).get(f"{address}?{days}")
        assert answer.status_code == 400
        assert re.search(r"Enter a valid date\.|The last day cannot be before the first\.", text_of(answer))
        assert section.enrolments.get().student.name not in text_of(answer)


def test_days_are_kept_in_the_links(teacher):
    section = section_of(teacher, "PAAA")
    factories.make_planned(section=section, starts_at=NOW - datetime.timedelta(days=3))

    page = browser_of(teacher).get("/teach/reports/?from=2026-09-01").content.decode()

    assert f"/teach/reports/sections/{section.pk}/?from=2026-09-01" in page
    assert f"/teach/reports/at-risk/?section={section.pk}&amp;from=2026-09-01" in page
    assert f"/teach/reports/sections/{section.pk}/?from=2026-09-01#not-taken" in page


def test_report_that_would_read_too_much_asks_for_less(teacher, monkeypatch):
    section_of(teacher, "PAAA")
    monkeypatch.setattr(size, "MAX_RECORDS", 1)

    for page in PAGES:
        answer = browser_of(teacher).get(page)
        assert answer.status_code == 400
        assert "Choose a department, a course or fewer days." in text_of(answer)


def test_reports_are_limited_before_they_are_read(teacher, monkeypatch, django_assert_max_num_queries):
    section = section_of(teacher, "PAAA")
    browser = browser_of(teacher)
    monkeypatch.setattr(pages, "REPORTS", Limit("reports", times=1, per_seconds=60))
    assert browser.get("/teach/reports/").status_code == 200

    for address in (*PAGES, f"/teach/reports/sections/{section.pk}/"):
        with django_assert_max_num_queries(2):
            answer = browser.get(address)
        assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)


@pytest.mark.parametrize(("page", "queries"), [("/teach/reports/", 15), ("/teach/reports/at-risk/", 12)])
def test_queries_do_not_grow_with_sections_and_students(teacher, page, queries, django_assert_num_queries):
    browser = browser_of(teacher)
    for number in (1, 3):
        for _ in range(number):
            section_of(teacher, *["PAAA"] * number)
        with django_assert_num_queries(queries):
            assert browser.get(page).status_code == 200


def test_queries_of_a_section_do_not_grow(teacher, django_assert_num_queries):
    browser = browser_of(teacher)
    for number in (1, 3):
        section = section_of(teacher, *["PAAA" * number] * number)
        for day in range(number):
            factories.make_planned(section=section, starts_at=NOW - datetime.timedelta(days=day, hours=2))
        with django_assert_num_queries(23):
            assert browser.get(f"/teach/reports/sections/{section.pk}/").status_code == 200
