"""The page on which a register is chosen as a file, and its download."""

import csv
import datetime
import io
import re
import zipfile

import openpyxl
import pytest
from django.test import Client
from django.utils import timezone

from attendance.exports.downloads import FILES, ZIPS
from attendance.exports.registers import files
from attendance.exports.registers.files import MAX_SECTIONS
from attendance.exports.registers.table import Column
from attendance.models import SealedExport, Status
from tests.support import factories
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

ALL = {"columns": Column.values, "type": "csv"}


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def section(teacher):
    course = factories.make_course(code="CS101", title="Computing")
    section = factories.make_section(course=course, name="A", teachers=[teacher], students=2)
    held(section, days_ago=20, status=Status.ABSENT)
    held(section, days_ago=1, status=Status.PRESENT)
    return section


def held(section, *, days_ago, status):
    at = timezone.now() - datetime.timedelta(days=days_ago)
    meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
    for student in factories.students_of(section):
        factories.make_record(meeting=meeting, student=student, status=status)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(section) -> str:
    return f"/teach/sections/{section.pk}/register/files/"


def download(client, section, **chosen):
    return client.get(f"{page(section)}download/", {"sections": [section.pk], **ALL, **chosen})


def content_of(response) -> bytes:
    return b"".join(response.streaming_content)


def rows_of(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content_of(response).decode("utf-8-sig"))))


def test_page_offers_files_columns_and_the_sections_of_the_term(teacher, section):
    other = factories.make_section(teachers=[teacher])
    factories.make_section(teachers=[teacher], term="Spring 2020")
    factories.make_section()  # somebody else's

    shown = signed_in(teacher).get(page(section))

    words = text_of(shown)
    for word in (
        "Excel workbook (.xlsx)",
        "Marks for Moodle (.csv)",
        "Roll number",
        "Each class",
        "From",
        "To",
    ):
        assert word in words
    offered = re.findall(r'name="sections" value="(\d+)"[^>]*?(checked)?>', shown.content.decode())
    assert {(int(pk), bool(checked)) for pk, checked in offered} == {(section.pk, True), (other.pk, False)}
    assert shown.content.decode().count("checked") == 1 + len(Column) + 2


def test_admin_is_offered_the_sections_of_the_course(section):
    same = factories.make_section(course=section.course)
    factories.make_section()

    shown = signed_in(factories.make_admin()).get(page(section)).content.decode()

    assert {int(pk) for pk in re.findall(r'name="sections" value="(\d+)"', shown)} == {section.pk, same.pk}


def test_one_section_is_one_file(teacher, section):
    response = download(signed_in(teacher), section, bom="on")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="CS101 A Autumn 2026.csv"'
    assert "no-store" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    content = content_of(response)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[6:9] + row[10:] for row in rows[1:]] == [["1", "2", "50", "A", "P"]] * 2


def test_days_and_columns_limit_the_file(teacher, section):
    today = timezone.localdate()
    days = {"from": today - datetime.timedelta(days=2), "to": today}

    response = download(signed_in(teacher), section, columns=["held", "percentage"], **days)

    assert rows_of(response) == [["held", "percentage"], ["1", "100"], ["1", "100"]]


def test_several_sections_are_a_zip(teacher, section):
    other = factories.make_section(course=section.course, name="B", teachers=[teacher], students=1)

    response = download(signed_in(teacher), section, sections=[section.pk, other.pk], type="xlsx")

    assert response["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(content_of(response))) as archive:
        assert archive.namelist() == ["CS101 A Autumn 2026.xlsx", "CS101 B Autumn 2026.xlsx"]
        sheet = openpyxl.load_workbook(io.BytesIO(archive.read("CS101 B Autumn 2026.xlsx"))).worksheets[0]
    assert sheet["C3"].value == factories.students_of(other)[0].name


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"sections": []}, "Choose at least one section."),
        ({"columns": []}, "Choose at least one column."),
        ({"from": "2026-06-31"}, "Enter a valid date."),
        ({"from": "2026-10-02", "to": "2026-10-01"}, "The last day cannot be before the first."),
        ({"type": "exe"}, "Select a valid choice. exe is not one of the available choices."),
    ],
)
def test_wrong_choice_is_told_beside_the_field(teacher, section, chosen, message):
    response = download(signed_in(teacher), section, **chosen)

    assert response.status_code == 400
    assert message in text_of(response)


def test_section_of_others_cannot_be_chosen(teacher, section):
    foreign = factories.make_section()

    response = download(signed_in(teacher), section, sections=[section.pk, foreign.pk])

    assert response.status_code == 400
    assert "One of the sections can’t be chosen." in text_of(response)


def test_too_many_sections_are_refused(teacher, section):
    others = [factories.make_section(teachers=[teacher]) for _ in range(MAX_SECTIONS)]

    response = download(signed_in(teacher), section, sections=[section.pk, *(one.pk for one in others)])

    assert response.status_code == 400
    assert f"Choose at most {MAX_SECTIONS} sections." in text_of(response)


@pytest.mark.parametrize("others", [0, 1])
def test_pdf_files_of_too_many_pages_are_refused(teacher, section, monkeypatch, others):
    monkeypatch.setattr(files, "MAX_CELLS_IN_PDFS", 1)
    sections = [section, *(factories.make_section(teachers=[teacher]) for _ in range(others))]

    response = download(signed_in(teacher), section, sections=[one.pk for one in sections], type="pdf")

    assert response.status_code == 400
    assert "PDF files with this many pages take too long to make." in text_of(response)
    assert not SealedExport.objects.exists()


def test_address_of_the_download_alone_leads_to_the_page(teacher, section):
    assert signed_in(teacher).get(f"{page(section)}download/")["Location"] == page(section)


def test_files_are_limited_for_each_user(teacher, section):
    client = signed_in(teacher)
    for limit in (FILES, ZIPS):
        for _ in range(limit.times):
            limit.count(str(teacher.pk))

    other = factories.make_section(teachers=[teacher])
    refused = [download(client, section), download(client, section, sections=[section.pk, other.pk])]

    assert [one.status_code for one in refused] == [429, 429]
    assert download(signed_in(factories.make_admin()), section).status_code == 200


def test_number_of_queries_does_not_grow(teacher, django_assert_num_queries):
    client = signed_in(teacher)
    for number in (1, 3):
        section = factories.make_section(teachers=[teacher], students=number)
        for day in range(number):
            held(section, days_ago=day + 1, status=Status.PRESENT)
        # The sign-in, its user, the section and the choices.
        with django_assert_num_queries(4):
            client.get(page(section))
        # The sign-in, its user, the section, the choices, and the register.
        with django_assert_num_queries(13):
            content_of(download(client, section))


def test_register_is_only_for_those_who_see_every_class(section, teacher):
    meeting = section.meetings.first()
    of_one_class = factories.make_teacher()
    factories.make_assignment(section=section, user=of_one_class, role="substitute", meeting=meeting)
    student = factories.students_of(section)[0].user

    for user, status in (
        (None, 302),
        (student, 403),
        (factories.make_teacher(), 404),
        (of_one_class, 403),
        (factories.make_admin(), 200),
        (teacher, 200),
    ):
        client = signed_in(user) if user else Client()
        assert client.get(page(section)).status_code == status
        assert download(client, section).status_code == status
