"""The page that imports an old register: upload, preview, questions, import."""

import datetime
import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, RecordChange
from qrsessions.forms.timetable import TimetableFileForm
from tests.support import factories

pytestmark = pytest.mark.django_db

DAY = timezone.localdate() - datetime.timedelta(days=3)


@pytest.fixture
def section():
    students = [factories.make_student(student_id=f"S{number}") for number in (1, 2)]
    return factories.make_section(students=students, teachers=[factories.make_teacher()])


@pytest.fixture
def browser(section):
    client = Client()
    client.force_login(section.teachers.get())
    return client


def upload(browser, section, content):
    file = SimpleUploadedFile("old.csv", content.encode(), content_type="text/csv")
    return browser.post(reverse("qrsessions:register-import", args=[section.pk]), {"file": file})


def send_again(browser, section, page, *, meanings=None, **fields):
    """Press a button below the preview."""
    text = page.content.decode()
    kept = html.unescape(re.search(r'name="kept" value="([^"]+)"', text)[1])
    words = [html.unescape(word) for word in re.findall(r'name="word" value="([^"]*)"', text)]
    chosen = [(meanings or {}).get(word, "~") for word in words]
    data = {"kept": kept, "word": words, "meaning": chosen, **fields}
    return browser.post(reverse("qrsessions:register-import", args=[section.pk]), data)


def statuses():
    found = AttendanceRecord.objects.order_by("student__student_id")
    return list(found.values_list("student__student_id", "status"))


def test_file_is_shown_first_and_imported_with_the_button_below(browser, section):
    page = upload(browser, section, f"student_id,{DAY} 10:00\nS1,P\nS2,L\n")

    assert page.status_code == 200
    assert (
        "Classes: 1 added, 0 planned ones filled in. Marks: 2 added, 0 changed, 0 unchanged."
        in page.content.decode()
    )
    assert not Meeting.objects.exists()

    answer = send_again(browser, section, page, apply="1")

    assert answer.status_code == 302
    assert statuses() == [("S1", "present"), ("S2", "late")]
    assert set(RecordChange.objects.values_list("note", flat=True)) == {"import of old.csv"}


def test_unknown_words_are_chosen_on_the_page(browser, section):
    page = upload(browser, section, f"student_id,{DAY}\nS1,ill\nS2,there\n")
    text = page.content.decode()
    assert "Say what “ill” means." in text
    assert 'name="apply"' not in text

    page = send_again(browser, section, page, meanings={"ill": "excused"})
    assert "Say what “there” means." in page.content.decode()
    assert "Say what “ill” means." not in page.content.decode()
    page = send_again(browser, section, page, meanings={"ill": "excused", "there": "present"})
    assert 'name="apply"' in page.content.decode()
    # What was chosen is still chosen.
    assert page.content.decode().count(" selected>") == 2
    send_again(browser, section, page, meanings={"ill": "excused", "there": "present"}, apply="1")

    assert statuses() == [("S1", "excused"), ("S2", "present")]


def test_order_of_day_and_month_is_asked(browser, section):
    day = datetime.date(DAY.year - 1, 3, 4)
    page = upload(browser, section, f"student_id,03/04/{day.year}\nS1,P\n")
    assert "Say whether the day or the month comes first" in page.content.decode()

    send_again(browser, section, page, date_order="month_first", apply="1")

    assert Meeting.objects.get().date == day


def test_marks_are_replaced_after_a_look_at_them(browser, section):
    upload_content = f"student_id,{DAY} 10:00\nS1,P\n"
    send_again(browser, section, upload(browser, section, upload_content), apply="1")

    page = upload(browser, section, upload_content.replace("P", "A"))
    assert "Already marked present" in page.content.decode()
    page = send_again(browser, section, page, replace="on")
    assert "Marks replaced" in page.content.decode()
    assert statuses() == [("S1", "present"), ("S2", None)]
    send_again(browser, section, page, replace="on", apply="1")

    assert statuses() == [("S1", "absent"), ("S2", None)]


def test_what_changed_since_the_preview_is_shown_and_nothing_is_imported(browser, section):
    page = upload(browser, section, f"student_id,{DAY}\nS1,P\nS2,A\n")
    section.enrolments.filter(student__student_id="S2").delete()

    page = send_again(browser, section, page, apply="1")

    assert "S2: This student was never enrolled in this section." in page.content.decode()
    assert not Meeting.objects.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose a file."),
        ({"kept": "forged"}, "The preview is too old. Choose the file again."),
        ({"kept": "x", "word": ["a"]}, "The page was incomplete."),
    ],
)
def test_form_without_a_file_is_refused(browser, section, data, words):
    answer = browser.post(reverse("qrsessions:register-import", args=[section.pk]), data)

    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_file_of_another_kind_of_import_is_not_taken(browser, section):
    form = TimetableFileForm({}, {"file": SimpleUploadedFile("x.csv", b"student_id")})
    assert form.is_valid()

    answer = browser.post(
        reverse("qrsessions:register-import", args=[section.pk]), {"kept": form.signed_content()}
    )

    assert "The preview is too old." in answer.content.decode()


def test_page_says_what_a_file_looks_like(browser, section):
    page = browser.get(reverse("qrsessions:register-import", args=[section.pk]))

    assert page.status_code == 200
    assert "student_id,2026-09-07 10:00" in page.content.decode()
