"""The page and the call that verify an exported register."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import TeachingAssignment, TeachingRole
from attendance.registers.term_register import term_register
from attendance.registers.verification.codes import VERIFICATIONS
from attendance.registers.verification.export_codes import hold_still, make_code, shown_code
from tests.support import factories
from tests.support.classes import client_of, correct
from tests.support.factories import user_of
from tests.support.pages import browser_of
from tests.support.registers.seals import tamper

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1/registers/verify/"
PAGE = "/verify/"


@pytest.fixture
def session(taught_class, empty_redis):
    """A class that was held: the first of three students present."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    taught_class.step(session, "end")
    session.meeting.refresh_from_db()
    return session


@pytest.fixture
def code(taught_class, session):
    with transaction.atomic():
        hold_still(taught_class.section)
        register = term_register(taught_class.section, today=timezone.localdate())
        return shown_code(make_code(register, at=timezone.now()))


def as_browser(user):
    browser = Client()
    browser.force_login(user)
    return browser


def page(user, code):
    return as_browser(user).get(PAGE, {"code": code})


def test_api_says_as_sealed_then_what_changed_since(taught_class, session, code):
    answer = taught_class.as_teacher.get(API, {"code": code.lower()})
    exported_at = answer.json()["exported_at"]
    assert answer.json() == {
        "code": code,
        "outcome": "as_sealed",
        "exported_at": exported_at,
        "section": taught_class.section.pk,
        "first_difference": None,
        "changes": [],
        "unsealed": [],
        "held_since": [],
    }

    correct(taught_class, session, "excused", 1)

    answer = taught_class.as_teacher.get(API, {"code": code}).json()
    assert answer["outcome"] == "changed"
    (change,) = answer["changes"]
    assert change.pop("at")
    assert change == {
        "by": taught_class.teacher.display_name,
        "meeting": session.public_id,
        "student_id": taught_class.students[1].student_id,
        "before": "absent",
        "after": "excused",
    }


def test_api_names_the_first_altered_row(taught_class, session, code):
    student = taught_class.students[1]
    tamper("UPDATE attendance_attendancerecord SET status = 'present' WHERE student_id = %s", student.pk)

    answer = taught_class.as_teacher.get(API, {"code": code}).json()

    assert answer["outcome"] == "altered"
    found = answer["first_difference"]
    assert (found["what"], found["meeting"], found["student_id"]) == (
        "record_changed",
        session.public_id,
        student.student_id,
    )
    assert (found["sealed"]["status"], found["now"]["status"]) == ("absent", "present")


def test_page_says_it_in_words(taught_class, session, code):
    text = page(taught_class.teacher, code).content.decode()
    assert "The register is as it was when it was exported" in text

    later = taught_class.open()
    taught_class.step(later, "end")
    assert taught_class.as_teacher.get(API, {"code": code}).json()["held_since"] == [later.public_id]
    text = page(taught_class.teacher, code).content.decode()
    assert "1 class has been held since the export and is not part of it:" in text

    correct(taught_class, session, "excused", 1)
    text = page(taught_class.teacher, code).content.decode()
    assert "changed since" in text
    assert taught_class.students[1].name in text

    tamper("UPDATE attendance_attendancerecord SET status = 'late' WHERE status = 'present'")
    text = page(taught_class.teacher, code).content.decode()
    assert "The register was altered outside Rollcall" in text
    assert taught_class.students[0].name in text


def test_page_compares_a_file(taught_class, session):
    section, student = taught_class.section, taught_class.students[0]
    start = f"{timezone.localtime(session.meeting.starts_at):%Y-%m-%d %H:%M}"
    head = f"course,section,term,student_id,{start}\n"
    row = f"{section.course.code},{section.name},{section.term.name},{student.student_id},"
    browser = as_browser(taught_class.teacher)

    def send(content):
        return browser.post(PAGE, {"file": SimpleUploadedFile("register.csv", content.encode())})

    true, forged = send(f"{head}{row}P\n"), send(f"{head}{row}A\n")

    assert "Every mark in the file is as it is now" in true.content.decode()
    assert "2 students of the register are not in the file." in true.content.decode()
    assert "The file is not what Rollcall recorded" in forged.content.decode()
    other = send("name,points\nx,1\n")
    assert other.status_code == 400
    assert "This is not a register that was exported as CSV." in other.content.decode()


@pytest.mark.parametrize("code", ["AAAAA-AAAAA", "12", "\x00"])
def test_unknown_code_is_told_beside_the_field(taught_class, code):
    answer = taught_class.as_teacher.get(API, {"code": code})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_code")
    assert taught_class.as_teacher.get(API).status_code == 404

    shown = page(taught_class.teacher, code)
    assert shown.status_code in (400, 404)
    assert 'aria-invalid="true"' in shown.content.decode()


# --- Who -------------------------------------------------------------------------------------------------------


def test_only_teachers_and_admins_verify(taught_class, code):
    student = user_of(taught_class.students[0])
    assert client_of(student).get(API, {"code": code}).status_code == 403
    assert browser_of(taught_class.students[0]).get(PAGE).status_code == 403
    assert Client().get(API, {"code": code}).status_code == 401
    assert Client().get(PAGE).status_code == 302
    assert client_of(factories.make_admin()).get(API, {"code": code}).json()["section"]


@pytest.mark.parametrize("is_substitute", [False, True])
def test_teacher_who_does_not_see_the_whole_register_hears_no_names(
    taught_class, session, code, is_substitute
):
    other = factories.make_teacher()
    later = taught_class.open()
    if is_substitute:
        factories.make_assignment(
            section=taught_class.section, user=other, role=TeachingRole.SUBSTITUTE, meeting=later.meeting
        )
        assert TeachingAssignment.objects.filter(user=other).exists()
    correct(taught_class, session, "excused", 1)

    answer = client_of(other).get(API, {"code": code}).json()

    assert (answer["outcome"], answer["section"], answer["changes"]) == ("changed", None, [])
    text = page(other, code).content.decode()
    assert "You do not teach this section, so only this is shown." in text
    assert taught_class.students[1].name not in text
    assert taught_class.section.course.code not in text


def test_files_of_other_sections_are_unknown(taught_class, session):
    section = taught_class.section
    content = f"course,section,term,student_id,2026-01-01 10:00\n{section.course.code},{section.name},{section.term.name},1,P\n"
    browser = as_browser(factories.make_teacher())

    answer = browser.post(PAGE, {"file": SimpleUploadedFile("register.csv", content.encode())})

    assert answer.status_code == 404
    assert "You teach no section" in answer.content.decode()


def test_codes_cannot_be_tried_out(taught_class, code):
    for _ in range(VERIFICATIONS.times):
        taught_class.as_teacher.get(API, {"code": "AAAAA-AAAAA"})

    assert taught_class.as_teacher.get(API, {"code": code}).status_code == 429
    limited = page(taught_class.teacher, code)
    assert limited.status_code == 429
    assert limited["Retry-After"]


def test_history_of_a_class_links_to_it(taught_class, session):
    text = as_browser(taught_class.teacher).get(reverse("qrsessions:history", args=[session.public_id]))
    assert f'href="{PAGE}"' in text.content.decode()
