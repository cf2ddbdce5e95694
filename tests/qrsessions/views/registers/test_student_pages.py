"""The pages about one student: in a section, over all courses, and the search."""

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import Status
from qrsessions.models import SessionStatus
from qrsessions.services import corrections
from tests.support import factories
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def teacher():
    return factories.make_teacher(first_name="Klara", last_name="Fein")


@pytest.fixture
def asha():
    # Some institutions have slashes, spaces and question marks in their ids.
    return factories.make_student(student_id="2026/A 7?", name="Asha Rao", user=factories.make_user())


@pytest.fixture
def section(teacher, asha):
    """One class attended, one missed a week later and then excused."""
    section = factories.make_section(students=[asha], teachers=[teacher], minimum_percentage=75)
    for days, status in ((10, Status.LATE), (3, Status.ABSENT)):
        at = timezone.now() - days * DAY
        session = factories.make_session(
            section=section, status=SessionStatus.ENDED, at=at, opened_by=teacher
        )
        factories.make_record(meeting=session.meeting, student=asha, status=status, roll_number="01")
    corrections.correct(
        session=session, student=asha, status=Status.EXCUSED, by=teacher, at=timezone.now(), note="was ill"
    )
    return section


def in_section(section, student_id="2026/A%207%3F"):
    return f"/teach/sections/{section.pk}/students/{student_id}/"


OVER_COURSES = "/teach/students/2026/A%207%3F/"


def test_page_explains_the_percentage(teacher, section):
    page = text_of(signed_in(teacher).get(in_section(section)))

    assert "Attendance 100% on track 1 of 1 class = 100% May not miss the next class." in page
    assert "Required: 75%. Excused classes do not count." in page
    assert "excused – does not count Excused, so it does not count was ill" in page
    assert "absent → changed to excused was ill Klara Fein" in page


def test_days_are_in_the_address_and_a_wrong_one_is_explained(teacher, section):
    browser, day = signed_in(teacher), timezone.localdate() - 5 * DAY

    assert "late" not in text_of(browser.get(in_section(section), {"from": day})).split("Each class")[1]
    assert "No class was held on these days." in text_of(
        browser.get(in_section(section), {"from": day, "to": day})
    )
    for wrong, words in (
        ({"from": "soon"}, "Enter a valid date."),
        ({"from": day, "to": day - DAY}, "The last day cannot be before the first."),
    ):
        for address in (in_section(section), OVER_COURSES):
            answer = browser.get(address, wrong)
            assert (answer.status_code, words in text_of(answer)) == (400, True)


def test_teacher_of_some_classes_only_is_told_so(section, asha):
    substitute = factories.make_teacher()
    factories.make_assignment(
        section=section, user=substitute, role="substitute", meeting=section.meetings.first()
    )
    answer = signed_in(substitute).get(in_section(section))

    assert answer.status_code == 403
    assert "only some of this section" in text_of(answer)
    assert signed_in(substitute).get(OVER_COURSES).status_code == 404
    assert "Asha" not in text_of(signed_in(substitute).get("/teach/students/"))


def test_students_of_others_are_not_found(section, asha, client):
    stranger, classmate = factories.make_teacher(), factories.make_student(student_id="S2")
    factories.make_section(students=[classmate], teachers=[stranger])

    for address in (in_section(section), OVER_COURSES, "/teach/students/"):
        assert client.get(address)["Location"].startswith("/accounts/login/")
        assert signed_in(asha.user).get(address).status_code == 403
    for address in (in_section(section), OVER_COURSES):
        assert signed_in(stranger).get(address).status_code == 404
    assert signed_in(section.teachers.get()).get(in_section(section, "S2")).status_code == 404
    page = text_of(signed_in(stranger).get("/teach/students/"))
    assert ("S2" in page, "Asha" in page) == (True, False)


def test_over_courses_shows_sections_that_the_teacher_sees_and_all_to_an_admin(teacher, section, asha):
    other = factories.make_section(students=[asha], course=section.course, name="B")
    at = timezone.now() - DAY
    session = factories.make_session(section=other, status=SessionStatus.ENDED, at=at)
    factories.make_record(meeting=session.meeting, student=asha, status=Status.ABSENT)

    as_teacher = text_of(signed_in(teacher).get(OVER_COURSES))
    as_admin = text_of(signed_in(factories.make_admin()).get(OVER_COURSES))

    assert f"Section {section.name} 100% on track 1 of 1 class = 100%" in as_teacher
    assert ("Section B" in as_teacher, "Together" in as_teacher) == (False, False)
    assert "Section B 0%" in as_admin
    assert "Together 50% 1 + 0 = 1 of 2 classes = 50%" in as_admin
    assert "1 late 1 excused" in as_teacher


def test_admin_sees_also_a_student_in_no_section():
    factories.make_student(student_id="S9", name="Nobody’s")

    page = text_of(signed_in(factories.make_admin()).get("/teach/students/S9/"))

    assert "This student is in no section." in page
    assert signed_in(factories.make_admin()).get("/teach/students/S10/").status_code == 404


def test_search_finds_by_name_and_id_and_has_pages(teacher):
    students = [
        factories.make_student(student_id=f"S{number:03}", name=f"Ben {number}") for number in range(60)
    ]
    factories.make_section(students=students, teachers=[teacher])
    browser = signed_in(teacher)

    first, second = (browser.get("/teach/students/", {"q": "ben", "page": page}) for page in (1, 2))
    assert ("60 students" in text_of(first), "Page 1 of 2" in text_of(first)) == (True, True)
    assert (len(first.context["page"]), len(second.context["page"])) == (50, 10)
    assert "q=ben&amp;page=2" in first.content.decode()
    found = browser.get("/teach/students/", {"q": "BEN s007"})
    assert [one.student_id for one in found.context["page"]] == ["S007"]
    assert "No student matches your search." in text_of(browser.get("/teach/students/", {"q": "zoë"}))


@pytest.mark.parametrize("rows", [1, 3])
def test_pages_need_the_same_queries_for_any_number_of_rows(
    teacher, asha, section, django_assert_num_queries, rows
):
    for number in range(rows):
        other = factories.make_section(students=[asha, factories.make_student()], teachers=[teacher])
        for one in (section, other):
            at = timezone.now() - (20 + number) * DAY
            session = factories.make_session(section=one, status=SessionStatus.ENDED, at=at)
            factories.make_record(meeting=session.meeting, student=asha, status=Status.PRESENT)
    browser = signed_in(teacher)

    with django_assert_num_queries(13):
        browser.get(in_section(section))
    with django_assert_num_queries(11):
        browser.get(OVER_COURSES)
    with django_assert_num_queries(4):
        browser.get("/teach/students/")
