"""A student's percentage is the same wherever it is shown: on pages, in the API, in reports and in files."""

import csv
import datetime
import io
import json
import re
from typing import Any

import openpyxl
import pypdfium2
import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import LabelColour, MeetingState, Status, StatusLabel, Student
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.classes import Class
from tests.support.pages import browser_of

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)
# Five classes attended, one late, one online and two missed: 5 + 0.5 + 0.9 of 9. The others do not count.
ONLINE = object()
MARKS: list[Any] = [Status.PRESENT] * 5 + [
    Status.LATE,
    ONLINE,
    Status.ABSENT,
    Status.ABSENT,
    Status.EXCUSED,
    None,
]
SHOWN = "71.1"


@pytest.fixture
def student(taught_class) -> Student:
    """The first student of a section in which late counts half, a label 90 %, and 75 % are required."""
    online = StatusLabel.objects.create(
        name="online", letter="O", colour=LabelColour.BLUE, meaning=Status.PRESENT
    )
    rule = factories.make_rule(section=taught_class.section, minimum_percentage=75, late_counts=50)
    rule.label_weights.create(label=online, counts=90)
    first = taught_class.students[0]
    for days_ago, mark in enumerate([*MARKS, Status.PRESENT], start=1):
        at = timezone.now() - days_ago * DAY
        session = factories.make_session(
            section=taught_class.section, status=SessionStatus.ENDED, at=at, opened_by=taught_class.teacher
        )
        label, status = (online, Status.PRESENT) if mark is ONLINE else (None, mark)
        factories.make_record(
            meeting=session.meeting, student=first, status=status, label=label, roll_number="01"
        )
        factories.fill_register(session.meeting)
    # The last one was cancelled afterwards.
    session.meeting.state = MeetingState.CANCELLED
    session.meeting.save()
    return first


@pytest.fixture
def teacher(taught_class) -> Client:
    """The teacher's browser."""
    browser = Client()
    browser.force_login(taught_class.teacher)
    return browser


def content(browser: Client, address: str) -> bytes:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return b"".join(answer) if answer.streaming else answer.content


def percentages(browser: Client, address: str) -> set[str]:
    """All percentages of a page that are not whole. Those of the rule and of single marks are."""
    page = re.sub(
        r"<(template|script|option).*?</\1>|<[^>]+>", " ", content(browser, address).decode(), flags=re.DOTALL
    )
    return set(re.findall(r"(\d+\.\d+)%", page))


def test_every_page_shows_the_same_percentage(taught_class: Class, teacher: Client, student: Student):
    section = f"/teach/sections/{taught_class.section.pk}"
    pages = {
        f"{section}/register/": teacher,
        f"{section}/register/print/": teacher,
        f"{section}/register/students/{student.student_id}/": teacher,
        f"{section}/students/{student.student_id}/": teacher,
        f"/teach/students/{student.student_id}/": teacher,
        "/teach/reports/at-risk/": teacher,
        "/student/attendance/": browser_of(student),
    }

    shown = {address: percentages(browser, address) for address, browser in pages.items()}

    assert shown == {address: {SHOWN} for address in pages}


def test_every_answer_of_the_api_has_the_same_percentage(
    taught_class: Class, teacher: Client, student: Student
):
    def answer(address: str, browser: Client = teacher):
        return json.loads(content(browser, f"/api/v1/{address}"))

    section = f"sections/{taught_class.section.pk}"
    (own,) = answer("me/records/", browser_of(student))
    (course,) = answer(f"students/{student.student_id}/courses/")
    found = {
        "register": answer(f"{section}/register/")["students"][0]["percentage"],
        "explanation": answer(f"{section}/explain/{student.student_id}/")["result"]["percentage"],
        "courses": course["sections"][0]["result"]["percentage"],
        "at risk": answer("reports/at-risk/")["results"][0]["percentage"],
        "own records": own["present_percentage"],
    }

    assert found == dict.fromkeys(found, float(SHOWN))


def test_every_file_has_the_same_percentage(taught_class: Class, teacher: Client, student: Student):
    def file(name: str) -> bytes:
        return content(teacher, f"/api/v1/sections/{taught_class.section.pk}/{name}")

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(file(name).decode("utf-8-sig"))))

    sheet = openpyxl.load_workbook(io.BytesIO(file("register.xlsx"))).worksheets[0]
    heads, first = [[cell.value for cell in row] for row in list(sheet.iter_rows())[1:3]]
    pdf = pypdfium2.PdfDocument(file("register.pdf"))
    title = f"Attendance {taught_class.section.course.code} {taught_class.section.name}"
    found = {
        "csv": rows("register.csv")[0]["percentage"],
        "xlsx": str(dict(zip(heads, first, strict=True))["Percentage"]),
        "json": str(json.loads(file("register.json"))["students"][0]["percentage"]),
        "moodle": rows("marks.csv?platform=moodle")[0][title],
        # After the row of points.
        "canvas": rows("marks.csv?platform=canvas")[1][title],
    }

    assert found == dict.fromkeys(found, SHOWN)
    assert re.search(rf"\b{SHOWN}\b", pdf[0].get_textpage().get_text_range())
