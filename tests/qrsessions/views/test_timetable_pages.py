"""The page of a section's timetable: weekly classes, and the import of a file."""

import re

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attendance.models import Meeting, MeetingPattern
from qrsessions.services import meetings
from tests.support.factories import (
    make_pattern,
    make_record,
    make_section,
    make_teacher,
    make_term,
    students_of,
    user_of,
)
from tests.support.pages import messages_of, text_of
from tests.support.timetable.calendars import MONDAYS, calendar, changed, sample
from tests.support.timetable.timetables import BEFORE, MONDAY, days, mondays, planned

pytestmark = pytest.mark.django_db


@pytest.fixture
def section(settings):
    """Its term has four Mondays: 5, 12, 19 and 26 October 2026."""
    settings.TIME_ZONE = "Europe/Berlin"
    term = make_term(first_day=MONDAY, last_day=MONDAY + days(25))
    return make_section(term=term, students=1, teachers=[make_teacher()])


@pytest.fixture
def page(section):
    client = Client()
    client.force_login(section.teachers.get())
    with time_machine.travel(BEFORE, tick=False):
        yield client


def address(section, rest: str = "") -> str:
    return f"/teach/sections/{section.pk}/timetable/{rest}"


def rows(*classes: dict[str, object], **further: str) -> dict[str, object]:
    """What the browser sends of the form with these classes."""
    defaults = {"weekday": 0, "start": "10:00", "end": "11:00", "every_weeks": 1}
    fields = {
        f"classes-{index}-{name}": value
        for index, row in enumerate(classes)
        for name, value in (defaults | row).items()
    }
    return {"classes-TOTAL_FORMS": len(classes), "classes-INITIAL_FORMS": 0, **fields, **further}


def upload(content: bytes, **further: str) -> dict[str, object]:
    return {"file": SimpleUploadedFile("calendar.ics", content), **further}


def hidden_fields(answer) -> dict[str, str]:
    """What the form of a preview sends."""
    inputs = re.findall(r'<input type="hidden"[^>]*>', answer.content.decode())
    found = {}
    for tag in inputs:
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            found[name[1]] = value[1] if value else ""
    return found


# --- Weekly classes ---------------------------------------------------------------------------------------


def test_classes_are_shown_first_and_then_planned(section, page):
    preview = page.post(address(section), rows({"room": "H1"}))
    assert "Mon 5 Oct 2026, 10:00–11:00 · H1" in text_of(preview)
    assert not Meeting.objects.exists()

    answer = page.post(address(section), hidden_fields(preview) | {"apply": "1"})

    assert answer.headers["Location"] == address(section)
    assert planned(section) == mondays(5, 12, 19, 26)


def test_page_shows_the_classes_and_sends_them_unchanged(section, page):
    make_pattern(section=section, room="H1")
    shown = page.get(address(section))
    assert 'value="10:00"' in shown.content.decode()
    assert 'value="H1"' in shown.content.decode()
    page.post(address(section), rows({"room": "H1"}, apply="1"), follow=True)
    before = list(MeetingPattern.objects.values()), list(Meeting.objects.order_by("pk").values())

    answer = page.post(address(section), rows({"room": "H1"}), follow=True)

    assert messages_of(answer) == ["Nothing was changed."]
    assert (list(MeetingPattern.objects.values()), list(Meeting.objects.order_by("pk").values())) == before


def test_preview_leads_back_to_the_form_with_what_was_typed(section, page):
    preview = page.post(address(section), rows({"room": "H7"}))
    back = page.post(address(section), hidden_fields(preview) | {"edit": "1"})
    assert back.status_code == 200
    assert 'value="H7"' in back.content.decode()
    assert not MeetingPattern.objects.exists()


def test_removed_class_takes_its_free_meetings(section, page):
    page.post(address(section), rows({}, {"weekday": 2}, apply="1"))
    make_record(meeting=section.meetings.get(date="2026-10-12"), student=students_of(section)[0])
    page.post(address(section), rows({"DELETE": "on"}, {"weekday": 2}, apply="1"))
    assert [date for date, _start, _state in planned(section)] == [
        "2026-10-07", "2026-10-12", "2026-10-14", "2026-10-21", "2026-10-28",
    ]  # fmt: skip


def test_preview_names_the_meetings_that_stay_and_why(section, page):
    page.post(address(section), rows({}, {"weekday": 2}, apply="1"))
    first, second, third, _fourth = section.meetings.filter(pattern__weekday=0).order_by("starts_at")
    by = {"by": section.teachers.get(), "at": BEFORE}
    meetings.cancel(meeting=first, reason="Strike", **by)
    times = {"starts_at": second.starts_at + days(1), "ends_at": second.ends_at + days(1)}
    meetings.move(meeting=second, room="H7", **times, **by)
    make_record(meeting=third, student=students_of(section)[0])

    text = text_of(page.post(address(section), rows({"DELETE": "on"}, {"weekday": 2})))

    assert "Removed 1 Mon 26 Oct 2026, 10:00–11:00" in text
    assert (
        "These stay as they are"
        " Mon 5 Oct 2026, 10:00–11:00: cancelled: Strike"
        " Tue 13 Oct 2026, 10:00–11:00 · H7: moved here from Mon 12 Oct"
        " Mon 19 Oct 2026, 10:00–11:00: has entries in its register"
    ) in text


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"end": "09:00"}, "A class cannot end before it begins."),
        ({"weekday": ""}, "Choose a day."),
        ({"first_day": "2026-10-06", "last_day": "2026-10-05"}, "The last day cannot be before the first."),
        ({"last_day": "2028-10-05"}, "A weekly class can be planned for at most 400 days."),
    ],
)
def test_wrong_class_says_what_is_wrong_and_nothing_is_written(section, page, row, text):
    answer = page.post(address(section), rows(row, apply="1"))
    assert answer.status_code == 400
    assert text in text_of(answer)
    assert not MeetingPattern.objects.exists()


# --- Import -----------------------------------------------------------------------------------------------


def test_file_is_shown_first_and_then_imported_without_choosing_it_again(section, page):
    preview = page.post(address(section, "import/"), upload(calendar(MONDAYS)))
    assert "Classes: 4 added, 0 changed, 0 removed, 0 unchanged." in text_of(preview)
    assert "Mon 26 Oct 2026, 10:00–11:00" in text_of(preview)
    assert not Meeting.objects.exists()

    answer = page.post(address(section, "import/"), hidden_fields(preview) | {"apply": "1"}, follow=True)

    assert messages_of(answer) == ["Classes: 4 added, 0 changed, 0 removed, 0 unchanged."]
    assert planned(section) == mondays(5, 12, 19, 26)
    assert "CS101-A Lecture" in text_of(answer)
    again = page.post(address(section, "import/"), upload(calendar(MONDAYS)))
    assert "Nothing to change: all 4 classes in the file are already planned." in text_of(again)
    assert 'name="apply"' not in again.content.decode()


def test_unknown_zone_is_asked_for(section, page):
    event = changed(
        MONDAYS,
        DTSTART="DTSTART;TZID=Campus Time:20261005T100000",
        DTEND="DTEND;TZID=Campus Time:20261005T110000",
    )
    asked = page.post(address(section, "import/"), upload(calendar(event)))
    assert "The time zone “Campus Time” is not known." in text_of(asked)
    kept = {"kept": hidden_fields(asked)["kept"], "zone": "Europe/London"}

    assert "4 added" in text_of(page.post(address(section, "import/"), kept))
    page.post(address(section, "import/"), kept | {"apply": "1"})

    assert planned(section)[0] == ("2026-10-05", "05 11:00", "planned")


def test_only_events_with_a_text_and_from_a_day_on_are_imported(section, page):
    lunch = changed(MONDAYS, UID="UID:lunch", SUMMARY="SUMMARY:Lunch")
    chosen = {"title_contains": "CS101", "first_day": "2026-10-12", "apply": "1"}
    page.post(address(section, "import/"), upload(calendar(lunch, MONDAYS), **chosen))
    assert planned(section) == mondays(12, 19, 26)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({}, "Choose a file."),
        ({"kept": "forged"}, "The preview is too old. Choose the file again."),
        (upload(b""), "The file is empty."),
        (upload(b"BEGIN:VCALENDAR"), "The file is not a complete calendar"),
        (upload(b"x" * 900_001), "The file is larger than 900 kB."),
        (upload(b"PK\x03\x04\0\0"), "The column “start” is missing."),
    ],
)
def test_file_that_cannot_be_imported_says_why(section, page, sent, text):
    if "file" in sent:
        sent["file"].seek(0)
    answer = page.post(address(section, "import/"), sent | {"apply": "1"})
    assert answer.status_code == 400
    assert text in text_of(answer)
    assert not MeetingPattern.objects.exists()


def test_import_without_a_meeting_says_so(section, page):
    lunch = calendar(changed(MONDAYS, SUMMARY="SUMMARY:Lunch"))
    answer = page.post(
        address(section, "import/"), upload(lunch, title_contains="CS101", apply="1"), follow=True
    )
    assert messages_of(answer) == ["No class was planned from this file. The notes and problems say why."]


def test_imported_class_is_removed_with_its_meetings(section, page):
    page.post(address(section, "import/"), upload(sample("campus.ics"), apply="1"), follow=True)
    programming = section.patterns.filter(meetings__title="Programming")
    assert programming.count() == 5

    answer = page.post(
        address(section, "series/remove/"), {"series": [pattern.pk for pattern in programming]}, follow=True
    )

    assert messages_of(answer) == ["5 classes removed."]
    assert not section.meetings.filter(title="Programming").exists()
    assert section.meetings.exists()


# --- Who may do it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", ["", "import/", "series/remove/"])
def test_only_teachers_of_the_section_may_open_and_change_its_timetable(section, page, rest):
    page.post(address(section, "import/"), upload(calendar(MONDAYS), apply="1"))
    before = list(Meeting.objects.order_by("pk").values())
    series = section.patterns.get().pk
    for user, status in ((make_teacher(), 404), (user_of(students_of(section)[0]), 403)):
        client = Client()
        client.force_login(user)
        for sent in (rows({}, apply="1"), {"series": series}, upload(sample("google.ics"), apply="1")):
            assert client.post(address(section, rest), sent).status_code == status
        assert client.get(address(section, rest)).status_code == status
    assert list(Meeting.objects.order_by("pk").values()) == before


def test_series_of_another_section_is_not_removed(section, page):
    other = MeetingPattern.objects.create(section=make_section(), external_id="uid")
    page.post(address(section, "series/remove/"), {"series": other.pk})
    assert MeetingPattern.objects.filter(pk=other.pk).exists()


def test_page_takes_as_many_queries_for_many_classes_as_for_one(section, page, django_assert_max_num_queries):
    make_pattern(section=section)
    page.get(address(section))
    with django_assert_max_num_queries(20) as one:
        page.get(address(section))
    page.post(address(section, "import/"), upload(sample("campus.ics"), apply="1"), follow=True)
    make_pattern(section=section, weekday=3)
    with django_assert_max_num_queries(20) as many:
        page.get(address(section))
    assert len(many) == len(one)
