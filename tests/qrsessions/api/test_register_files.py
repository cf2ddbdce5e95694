"""The API of the register of a term: as JSON and as files."""

import csv
import datetime
import io
import json
import zipfile

import openpyxl
import pypdfium2
import pytest
from rest_framework.test import APIClient

from attendance.exports.downloads import FILES, READS, ZIPS
from attendance.exports.registers import files
from attendance.models import Status
from tests.support import factories
from tests.support.classes import client_of

pytestmark = pytest.mark.django_db

AT = datetime.datetime(2026, 9, 7, 10, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
FILES_OF_A_SECTION = (
    "register/",
    "register.csv",
    "register.xlsx",
    "register.pdf",
    "register.json",
    "marks.csv",
)


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def section(teacher):
    course = factories.make_course(code="CS101", title="Computing")
    student = factories.make_student(student_id="S1", name="Asha Rao")
    section = factories.make_section(course=course, name="A", teachers=[teacher], students=[student])
    for number, status in enumerate((Status.PRESENT, Status.ABSENT)):
        at = AT + 7 * number * DAY
        meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
        factories.make_record(meeting=meeting, student=student, status=status, roll_number="01")
    return section


def address(section, file: str) -> str:
    return f"/api/v1/sections/{section.pk}/{file}"


def content_of(response) -> bytes:
    assert response.status_code == 200, response.json()
    return b"".join(response.streaming_content)


def test_register_has_meetings_students_and_a_cell_for_each(teacher, section):
    response = client_of(teacher).get(address(section, "register/"))

    found = json.loads(content_of(response))
    first, second = section.meetings.order_by("starts_at")
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, no-store"
    assert found["section"] == section.pk
    assert found["meetings"] == [
        {"id": first.public_id, "date": "2026-09-07", "starts_at": "2026-09-07T10:00:00Z", "state": "held"},
        {"id": second.public_id, "date": "2026-09-14", "starts_at": "2026-09-14T10:00:00Z", "state": "held"},
    ]
    assert found["students"] == [
        {
            "student_id": "S1",
            "roll_number": "01",
            "name": "Asha Rao",
            "attended": 1.0,
            "held": 2,
            "percentage": 50.0,
            "standing": "ok",
            "may_miss": None,
            "must_attend": None,
            "cells": [
                {"meeting": first.public_id, "status": "present", "label": None, "excused_reason": None},
                {"meeting": second.public_id, "status": "absent", "label": None, "excused_reason": None},
            ],
        }
    ]


def test_days_limit_the_register(teacher, section):
    response = client_of(teacher).get(
        address(section, "register/"), {"from": "2026-09-08", "to": "2026-09-30"}
    )

    found = json.loads(content_of(response))
    assert (found["from"], found["to"]) == ("2026-09-08", "2026-09-30")
    assert [meeting["date"] for meeting in found["meetings"]] == ["2026-09-14"]
    assert found["students"][0]["percentage"] == 0.0


def test_files_are_what_their_address_says_whatever_the_client_accepts(teacher, section):
    client = client_of(teacher)

    found = {
        file: client.get(address(section, file), headers={"Accept": "text/html"})
        for file in FILES_OF_A_SECTION[1:]
    }

    name = "CS101 A Autumn 2026"
    assert [response["Content-Disposition"] for response in found.values()] == [
        f'attachment; filename="{name}{ending}"'
        for ending in (".csv", ".xlsx", ".pdf", ".json", " moodle.csv")
    ]
    contents = {file: content_of(response) for file, response in found.items()}
    rows = list(csv.DictReader(io.StringIO(contents["register.csv"].decode("utf-8-sig"))))
    assert [(row["student_id"], row["percentage"], row["2026-09-14 10:00"]) for row in rows] == [
        ("S1", "50", "A")
    ]
    assert openpyxl.load_workbook(io.BytesIO(contents["register.xlsx"])).worksheets[0]["F3"].value == 50
    document = pypdfium2.PdfDocument(contents["register.pdf"])
    assert "S1 01 Asha Rao 1 2 50.0% On track P A" in document[0].get_textpage().get_text_range()
    document.close()
    assert "section" not in json.loads(contents["register.json"])
    assert contents["marks.csv"].decode().splitlines() == [
        "ID number,Name,Attendance CS101 A",
        "S1,Asha Rao,50",
    ]


def test_columns_byte_order_mark_paper_and_platform_can_be_chosen(teacher, section):
    client = client_of(teacher)

    table = client.get(address(section, "register.csv"), {"columns": ["held", "name"], "bom": "false"})
    paper = client.get(address(section, "register.pdf"), {"size": "letter"})
    canvas = client.get(address(section, "marks.csv"), {"platform": "canvas"})

    assert content_of(table).decode().splitlines() == ["name,held", "Asha Rao,2"]
    document = pypdfium2.PdfDocument(content_of(paper))
    assert round(document[0].get_width()) == 792
    document.close()
    assert content_of(canvas).startswith(b"Student,ID,SIS User ID,")


def test_zip_has_each_section_once(teacher, section):
    other = factories.make_section(course=section.course, name="B", teachers=[teacher])
    wanted = {"section": [other.pk, section.pk, other.pk], "type": "csv"}

    response = client_of(teacher).get("/api/v1/registers.zip", wanted)

    with zipfile.ZipFile(io.BytesIO(content_of(response))) as archive:
        assert archive.namelist() == ["CS101 B Autumn 2026.csv", "CS101 A Autumn 2026.csv"]


@pytest.mark.parametrize(
    ("file", "wanted", "field"),
    [
        ("register/", {"from": "2026-02-30"}, "from"),
        ("register/", {"from": "2026-10-02", "to": "2026-10-01"}, "to"),
        ("register.csv", {"columns": "password"}, "columns"),
        ("register.csv", {"to": "tomorrow"}, "to"),
        ("register.pdf", {"size": "a0"}, "size"),
        ("marks.csv", {"platform": "blackboard"}, "platform"),
    ],
)
def test_wrong_parameter_is_named(teacher, section, file, wanted, field):
    response = client_of(teacher).get(address(section, file), wanted)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("sections", [[], ["x"], [0], [2**63], list(range(1, 52))])
def test_zip_without_sections_or_with_too_many_is_refused(teacher, sections):
    response = client_of(teacher).get("/api/v1/registers.zip", {"section": sections})

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["section"]


@pytest.mark.parametrize("alone", [True, False])
def test_too_many_pages_are_refused(teacher, section, monkeypatch, alone):
    monkeypatch.setattr(files, "MAX_CELLS_IN_PDFS", 1)
    address = f"/api/v1/sections/{section.pk}/register.pdf" if alone else "/api/v1/registers.zip"

    response = client_of(teacher).get(address, {} if alone else {"section": section.pk, "type": "pdf"})

    assert (response.status_code, response.json()["code"]) == (409, "too_many_pages")


def test_registers_are_only_for_those_who_see_every_class(teacher, section):
    of_one_class = factories.make_teacher()
    factories.make_assignment(
        section=section, user=of_one_class, role="substitute", meeting=section.meetings.first()
    )
    own = factories.make_section(teachers=[of_one_class])
    addresses = [*(address(section, file) for file in FILES_OF_A_SECTION)]

    for user, status, code in (
        (None, 401, "not_authenticated"),
        (factories.students_of(section)[0].user, 403, "wrong_role"),
        (factories.make_teacher(), 404, "not_found"),
        (of_one_class, 403, "not_whole"),
    ):
        client = client_of(user) if user else APIClient()
        answers = [client.get(one) for one in addresses]
        answers.append(client.get("/api/v1/registers.zip", {"section": [own.pk, section.pk]}))
        assert {(one.status_code, one.json()["code"]) for one in answers} == {(status, code)}
    for user in (teacher, factories.make_admin()):
        assert {client_of(user).get(one).status_code for one in addresses} == {200}


def test_each_user_may_ask_so_many_times(teacher, section):
    for limit in (FILES, READS, ZIPS):
        for _ in range(limit.times):
            limit.count(str(teacher.pk))
    client = client_of(teacher)

    answers = [client.get(address(section, file)) for file in FILES_OF_A_SECTION]
    answers.append(client.get("/api/v1/registers.zip", {"section": section.pk}))

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(429, "too_often")}
    assert all(answer["Retry-After"] for answer in answers)


def test_number_of_queries_does_not_grow(teacher, django_assert_num_queries):
    client = APIClient()
    client.force_authenticate(teacher)
    for number in (1, 3):
        section = factories.make_section(teachers=[teacher], students=number)
        for day in range(number):
            meeting = factories.make_meeting(
                section=section, starts_at=AT + day * DAY, ended_at=AT + day * DAY
            )
            for student in factories.students_of(section):
                factories.make_record(meeting=meeting, student=student, status=Status.LATE)
        for file in FILES_OF_A_SECTION:
            # The section and the register, in some files the code, which the second export already finds, and before a
            # PDF file two to estimate its pages.
            with_code = file in ("register.xlsx", "register.pdf", "register.json")
            queries = (14 if with_code else 10) + (2 if file == "register.pdf" else 0)
            content_of(client.get(address(section, file)))
            with django_assert_num_queries(queries):
                content_of(client.get(address(section, file)))
