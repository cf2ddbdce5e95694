"""The list to print: who may see it, and whose names are on it."""

import datetime
import re

import pypdfium2
import pytest
from django.test import Client

from attendance.models import MeetingState, Status
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 10, 5, 8, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def section(teacher):
    course = factories.make_course(code="CS101", title="Computing")
    students = [factories.make_student(name=name) for name in ("अनिता शर्मा", "Ben Miller", "محمد حسن")]
    return factories.make_section(course=course, name="A", teachers=[teacher], students=students)


@pytest.fixture
def signed_in(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


def addresses(meeting) -> list[str]:
    return [
        f"/teach/sessions/{meeting.public_id}/paper/",
        f"/teach/sessions/{meeting.public_id}/paper.pdf",
        f"/teach/sections/{meeting.section_id}/paper/",
        f"/teach/sections/{meeting.section_id}/paper.pdf",
    ]


def rows_of(page) -> list[tuple[str, str, str]]:
    """Number, name and ticked status of each student on the page."""
    body = re.findall(
        r"<tr>\s*<td>(.*?)</td>\s*<th scope=\"row\"><bdi>(.*?)</bdi></th>(.*?)</tr>", page, flags=re.DOTALL
    )
    return [
        (number, name, "".join(re.findall(r'visually-hidden">(\w+)<', boxes))) for number, name, boxes in body
    ]


def pdf_lines(response) -> list[str]:
    assert response["Content-Type"] == "application/pdf"
    document = pypdfium2.PdfDocument(response.content)
    try:
        return [line for page in document for line in page.get_textpage().get_text_range().split("\r\n")]
    finally:
        document.close()


def test_list_of_a_running_session_has_its_roster_and_what_is_known(signed_in, section):
    session = factories.make_session(section=section, status=SessionStatus.ACTIVE, at=NOW)
    first = factories.students_of(section)[0]
    factories.make_record(meeting=session.meeting, student=first, roll_number="01", status=Status.LATE)
    page, pdf, *_others = addresses(session.meeting)

    shown, printed = signed_in.get(page), signed_in.get(pdf)

    assert rows_of(shown.content.decode()) == [
        ("01", "अनिता शर्मा", "late"),
        ("02", "Ben Miller", ""),
        ("03", "محمد حسن", ""),
    ]
    assert "CS101 Computing · A · Autumn 2026 1 of 1 Monday, 5 October 2026 · 08:00 · Asha" in text_of(shown)
    lines = pdf_lines(printed)
    assert {"01 अनिता शर्मा", "02 Ben Miller"} <= set(lines)
    assert any("محمد حسن" in line for line in lines)
    assert printed["Content-Disposition"] == 'attachment; filename="CS101 A 2026-10-05.pdf"'


def test_list_of_a_planned_meeting_has_those_enrolled_on_its_date(signed_in, section):
    planned = factories.make_planned(section=section, starts_at=NOW + DAY, room="H 1")
    left = factories.students_of(section)[1]
    left.enrolments.update(to_date="2026-10-06")
    page, pdf, *_others = addresses(planned)

    shown = signed_in.get(page)

    assert [name for _number, name, _status in rows_of(shown.content.decode())] == ["अनिता शर्मा", "محمد حسن"]
    assert "Tuesday, 6 October 2026 · 08:00–09:00 · H 1" in text_of(shown)
    assert not any("Ben Miller" in line for line in pdf_lines(signed_in.get(pdf)))


@pytest.mark.parametrize(
    ("date", "names"),
    [
        ("", ["अनिता शर्मा", "Ben Miller", "محمد حسن"]),
        ("2026-10-06", ["अनिता शर्मा", "محمد حسن"]),
        ("2026-06-31", ["अनिता शर्मा", "Ben Miller", "محمد حسن"]),
        ("nonsense", ["अनिता शर्मा", "Ben Miller", "محمد حسن"]),
        ("1999-01-01", []),
    ],
)
def test_list_of_a_section_has_those_enrolled_on_the_date(signed_in, section, date, names):
    factories.students_of(section)[1].enrolments.update(to_date="2026-10-06")

    shown = signed_in.get(f"/teach/sections/{section.pk}/paper/", {"date": date})
    printed = signed_in.get(f"/teach/sections/{section.pk}/paper.pdf", {"date": date})

    assert [name for _number, name, _status in rows_of(shown.content.decode())] == names
    assert ("Nobody is enrolled on this date." in text_of(shown)) is (not names)
    assert len([line for line in pdf_lines(printed) if re.search(r"\b0[123]\b", line)]) == len(names)


@pytest.mark.parametrize(("size", "width"), [("a4", 210), ("letter", 216), ("", 210), ("a0", 210)])
def test_pdf_has_the_size_that_was_asked_for(signed_in, section, size, width):
    response = signed_in.get(f"/teach/sections/{section.pk}/paper.pdf", {"size": size})

    document = pypdfium2.PdfDocument(response.content)
    assert round(document[0].get_width() / 72 * 25.4) == width
    document.close()


def test_page_is_split_after_40_names(signed_in, teacher):
    section = factories.make_section(teachers=[teacher], students=41)

    page = signed_in.get(f"/teach/sections/{section.pk}/paper/").content.decode()

    tables = re.findall(r"<tbody>.*?</tbody>", page, flags=re.DOTALL)
    assert [len(rows_of(table)) for table in tables] == [40, 1]


def test_number_of_queries_does_not_grow(signed_in, teacher, django_assert_num_queries):
    for number in (1, 3):
        section = factories.make_section(teachers=[teacher], students=number)
        planned = factories.make_planned(section=section, starts_at=NOW)
        for address in addresses(planned):
            # The sign-in, its user, the section or meeting, the roster and the teachers.
            with django_assert_num_queries(5):
                signed_in.get(address)


def test_list_is_found_only_by_those_who_may_see_its_section(section):
    planned = factories.make_planned(section=section, starts_at=NOW)
    student = factories.students_of(section)[0].user

    for user, status in (
        (None, 302),
        (student, 403),
        (factories.make_teacher(), 404),
        (factories.make_admin(), 200),
    ):
        client = Client()
        if user:
            client.force_login(user)
        assert [client.get(address).status_code for address in addresses(planned)] == [status] * 4


def test_former_teacher_prints_only_the_meetings_of_their_time(section):
    former = factories.make_teacher()
    factories.make_assignment(section=section, user=former, from_date="2026-09-01", to_date="2026-10-01")
    own = factories.make_planned(section=section, starts_at=NOW - 10 * DAY)
    later = factories.make_planned(section=section, starts_at=NOW)
    client = Client()
    client.force_login(former)

    assert [client.get(address).status_code for address in addresses(own)] == [200, 200, 403, 403]
    assert [client.get(address).status_code for address in addresses(later)] == [404, 404, 403, 403]


def test_discarded_meeting_and_group_have_no_list(signed_in, section):
    discarded = factories.make_meeting(section=section, state=MeetingState.DISCARDED)
    group = factories.make_group_session(sections=[section], opened_by=section.teachers.get()).group

    assert signed_in.get(addresses(discarded)[0]).status_code == 404
    assert signed_in.get(addresses(discarded)[1]).status_code == 404
    assert signed_in.get(f"/teach/sessions/{group.public_id}/paper/").status_code == 404
    assert signed_in.get(addresses(group.meetings.get())[0]).status_code == 200


def test_section_session_and_meeting_lead_to_their_lists(signed_in, section):
    planned = factories.make_planned(section=section, starts_at=NOW + DAY)
    session = factories.make_session(section=section, at=NOW)
    of_meeting, _pdf, of_section, _pdf_of_section = addresses(session.meeting)

    assert f'href="{of_section}"' in signed_in.get(f"/teach/sections/{section.pk}/").content.decode()
    assert f'href="{of_meeting}"' in signed_in.get(f"/teach/sessions/{session.public_id}/").content.decode()
    assert (
        f'href="{addresses(planned)[0]}"'
        in signed_in.get(f"/teach/meetings/{planned.public_id}/").content.decode()
    )


def test_list_of_a_meeting_names_its_substitute(signed_in, section):
    given, other = (factories.make_planned(section=section, starts_at=NOW + days * DAY) for days in (0, 1))
    substitute = factories.make_teacher(first_name="Bo", last_name="Shah")
    factories.make_assignment(section=section, user=substitute, role="substitute", meeting=given)

    for meeting, is_named in ((given, True), (other, False)):
        page = text_of(signed_in.get(f"/teach/sessions/{meeting.public_id}/paper/"))
        assert ("Bo Shah" in page) is is_named
