"""The pages of the week, of registers not taken, and of one meeting whose register is typed."""

import datetime

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, MeetingState, Status
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.factories import make_planned, user_of
from tests.support.pages import browser_of, messages_of, text_of

pytestmark = pytest.mark.django_db

# A Wednesday.
NOON = datetime.datetime(2026, 10, 7, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def section(teacher):
    course = factories.make_course(code="CS101")
    return factories.make_section(course=course, name="A", students=3, teachers=[teacher])


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


def address(meeting: Meeting, rest: str = "") -> str:
    return f"/teach/meetings/{meeting.public_id}/{rest}"


def statuses(meeting: Meeting) -> list[str | None]:
    by_roll = dict(AttendanceRecord.objects.filter(meeting=meeting).values_list("roll_number", "status"))
    return [by_roll.get(f"{number:02}") for number in (1, 2, 3)]


def typed(section, *values: str) -> dict[str, str]:
    """What the form sends for the students in order; a student without a choice is not sent, as by a browser."""
    students = factories.students_of(section)
    return {
        f"status-{student.student_id}": value
        for student, value in zip(students, values, strict=False)
        if value
    }


# --- Home, week and registers not taken -------------------------------------------------------------------


def test_home_lists_the_meetings_of_today_in_order(page, section):
    make_planned(section=section, starts_at=NOON + 2 * HOUR, room="H2")
    make_planned(section=section, starts_at=NOON - 3 * HOUR, room="H1")
    make_planned(section=section, starts_at=NOON + DAY, room="H3")

    text = text_of(page.get("/teach/"))

    assert text.index("11:00") < text.index("H1") < text.index("16:00") < text.index("H2")
    assert "H3" not in text
    assert "1 register not taken" in text


def test_button_of_a_planned_meeting_opens_the_session_at_it(page, section):
    nearer = make_planned(section=section, starts_at=NOON)
    wanted = make_planned(section=section, starts_at=NOON + 2 * HOUR)

    answer = page.post(f"/teach/sections/{section.pk}/open/", {"meeting": wanted.public_id})

    assert answer.headers["Location"] == f"/teach/sessions/{wanted.public_id}/"
    nearer.refresh_from_db()
    assert nearer.state == MeetingState.PLANNED


def test_button_of_a_meeting_that_is_gone_opens_a_session_now(page, section):
    answer = page.post(f"/teach/sections/{section.pk}/open/", {"meeting": "00000000"})

    meeting = Meeting.objects.get()
    assert answer.headers["Location"] == f"/teach/sessions/{meeting.public_id}/"
    assert meeting.ends_at is None


def test_second_planned_meeting_of_a_day_is_opened_without_asking(page, section):
    factories.make_session(section=section, status=SessionStatus.ENDED)
    assert "met today" in text_of(page.post(f"/teach/sections/{section.pk}/open/", {}))
    make_planned(section=section, starts_at=NOON)

    answer = page.post(f"/teach/sections/{section.pk}/open/", {})

    assert answer.status_code == 302


def test_week_has_seven_days_and_leads_to_the_weeks_beside_it(page, section):
    make_planned(section=section, starts_at=NOON - 2 * DAY)
    make_planned(section=section, starts_at=NOON + DAY, state=MeetingState.CANCELLED, cancel_reason="ill")
    make_planned(section=section, starts_at=NOON + 7 * DAY, room="next week")

    answer = page.get("/teach/week/")
    text = text_of(answer)

    assert "Monday 5 Oct 14:00–15:00 CS101 · A register not taken" in text
    assert "cancelled: ill" in text
    assert "next week" not in text
    assert 'href="/teach/week/?day=2026-09-28"' in answer.content.decode()
    assert "next week" in text_of(page.get("/teach/week/?day=2026-10-14"))


@pytest.mark.parametrize("day", ["", "today", "2026-13-40", "9999-12-31", "0001-01-01"])
def test_week_of_no_day_is_this_week(page, section, day):
    answer = page.get("/teach/week/", {"day": day})

    assert answer.status_code == 200
    assert "5 Oct – 11 Oct 2026" in text_of(answer)


def test_registers_not_taken_offer_to_take_them_or_to_cancel(page, section):
    meeting = make_planned(section=section, starts_at=NOON - DAY)

    html = page.get("/teach/not-taken/").content.decode()

    assert address(meeting) in html
    assert address(meeting, "cancel/") in html


def test_nothing_missing_is_said(page, section):
    assert "Nothing is missing" in text_of(page.get("/teach/not-taken/"))


@pytest.mark.parametrize("number", [1, 3])
def test_lists_need_the_same_queries_however_many_meetings(
    page, section, teacher, number, django_assert_num_queries
):
    for n in range(number):
        other = factories.make_section(teachers=[teacher])
        make_planned(section=other, starts_at=NOON - DAY, room=str(n))
        factories.make_meeting(section=other, starts_at=NOON - HOUR, ended_at=NOON)
    page.get("/teach/week/")
    with django_assert_num_queries(5):
        page.get("/teach/week/")
    with django_assert_num_queries(3):
        page.get("/teach/not-taken/")


# --- One meeting ------------------------------------------------------------------------------------------


def test_register_is_typed_and_saved_later(page, section):
    meeting = make_planned(section=section, starts_at=NOON - DAY)

    answer = page.post(address(meeting), typed(section, "present", "late"))

    assert messages_of(answer) == ["2 entries saved."]
    assert statuses(meeting) == ["present", "late", None]
    meeting.refresh_from_db()
    assert meeting.state == MeetingState.PLANNED


def test_saving_the_register_asks_about_students_without_a_status(page, section):
    meeting = make_planned(section=section, starts_at=NOON - DAY)

    asked = page.post(address(meeting), typed(section, "present") | {"finish": ""})

    assert asked.status_code == 400
    assert "2 students have no status." in text_of(asked)
    # What was typed is kept.
    assert statuses(meeting) == ["present", None, None]

    page.post(address(meeting), typed(section, "present") | {"finish": "absent"})
    assert statuses(meeting) == ["present", "absent", "absent"]
    meeting.refresh_from_db()
    assert meeting.state == MeetingState.HELD


def test_wrong_status_changes_nothing(page, section):
    meeting = make_planned(section=section, starts_at=NOON - DAY)

    answer = page.post(address(meeting), typed(section, "present", "asleep"))

    assert "Choose one of the four statuses for each student." in text_of(answer)
    assert statuses(meeting) == [None, None, None]


def test_meeting_with_a_session_leads_to_it(page, section):
    session = factories.make_session(section=section)

    answer = page.get(address(session.meeting))

    assert answer.headers["Location"] == f"/teach/sessions/{session.public_id}/"


def test_meeting_is_cancelled_restored_and_made_up(page, section):
    meeting = make_planned(section=section, starts_at=NOON + DAY)

    without_reason = page.post(address(meeting, "cancel/"), {"reason": " "})
    assert without_reason.status_code == 400
    assert "Say why the class is cancelled." in text_of(without_reason)

    page.post(address(meeting, "cancel/"), {"reason": "Strike"})
    text = text_of(page.get(address(meeting)))
    assert "Cancelled: Strike" in text

    page.post(
        f"/teach/sections/{section.pk}/meetings/new/",
        {"makes_up": meeting.public_id, "date": "2026-10-12", "start": "10:00", "end": "11:00", "room": "H9"},
    )
    made_up = Meeting.objects.get(makes_up=meeting)
    assert timezone.localtime(made_up.starts_at).isoformat() == "2026-10-12T10:00:00+02:00"
    assert "Instead of the class on Thursday 8 Oct, 14:00." in text_of(page.get(address(made_up)))

    page.post(address(meeting, "restore/"))
    meeting.refresh_from_db()
    assert meeting.state == MeetingState.PLANNED


@pytest.mark.parametrize("date", ["0001-01-01", "9999-12-31"])
def test_year_that_makes_no_sense_is_refused(page, section, date):
    meeting = make_planned(section=section, starts_at=NOON + DAY)
    times = {"date": date, "start": "10:00", "end": "11:00", "room": ""}

    for path in (f"/teach/sections/{section.pk}/meetings/new/", address(meeting, "move/")):
        refused = page.post(path, times)
        assert (refused.status_code, "Check the year." in text_of(refused)) == (400, True)
    assert Meeting.objects.count() == 1


def test_cancelled_class_is_called_so_among_the_sessions_of_its_section(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ENDED, at=NOON - HOUR)
    assert "ended at" in text_of(page.get(f"/teach/sections/{section.pk}/"))

    page.post(address(session.meeting, "cancel/"), {"reason": "Fire alarm"})

    text = text_of(page.get(f"/teach/sections/{section.pk}/"))
    assert "ended at" not in text
    assert "13:00 cancelled History" in text


def test_ended_session_is_cancelled_and_restored(page, section):
    session = factories.make_session(section=section, status=SessionStatus.ENDED, at=NOON - HOUR)
    session_page = f"/teach/sessions/{session.public_id}/"
    assert address(session.meeting, "cancel/") in page.get(session_page).content.decode()
    asked = page.get(address(session.meeting, "cancel/"))
    assert "Cancel the class" in text_of(asked)
    # Its register is on the page of the session.
    assert 'id="register"' not in asked.content.decode()

    page.post(address(session.meeting, "cancel/"), {"reason": "Fire alarm"})
    text = text_of(page.get(session_page))
    assert "Cancelled: Fire alarm" in text
    assert "Reopen session" not in text

    page.post(address(session.meeting, "restore/"))
    text = text_of(page.get(session_page))
    assert "Cancelled:" not in text
    assert "Reopen session" in text


def test_register_below_the_form_for_cancelling_is_saved(page, section):
    """Somebody follows "Cancelled" in the list of missing registers, and types the register after all."""
    meeting = make_planned(section=section, starts_at=NOON - DAY)

    shown = page.get(address(meeting, "cancel/")).content.decode()

    form = shown[: shown.index('id="register"')].rpartition("<form")[2]
    assert f'action="{address(meeting)}"' in form


def test_meeting_is_moved(page, section):
    meeting = make_planned(section=section, starts_at=NOON + DAY)

    page.post(
        address(meeting, "move/"), {"date": "2026-10-26", "start": "09:30", "end": "10:30", "room": "H2"}
    )

    meeting.refresh_from_db()
    # After the clock change of 25 October.
    assert timezone.localtime(meeting.starts_at).isoformat() == "2026-10-26T09:30:00+01:00"
    assert (meeting.room, meeting.edited) == ("H2", True)


def test_history_says_from_when_a_class_was_moved_and_why_it_was_cancelled(page, section):
    meeting = make_planned(section=section, starts_at=NOON + DAY)
    times = {"date": "2026-10-26", "start": "09:30", "end": "10:30", "room": ""}
    page.post(address(meeting, "move/"), times)
    page.post(address(meeting, "cancel/"), {"reason": "Fire alarm"})

    history = text_of(page.get(f"/teach/sessions/{meeting.public_id}/history/"))

    assert "Class moved from 2026-10-08 14:00" in history
    assert "Class cancelled (Fire alarm)" in history


@pytest.mark.parametrize(
    "times", [{"start": "10:00", "end": "10:00"}, {"start": "25:00", "end": "26:00"}, {"date": "tomorrow"}]
)
def test_wrong_times_are_refused_with_what_was_typed(page, section, times):
    meeting = make_planned(section=section, starts_at=NOON + DAY)
    before = Meeting.objects.values().get()

    answer = page.post(
        address(meeting, "move/"),
        {"date": "2026-10-26", "start": "09:30", "end": "10:30", "room": "H7"} | times,
    )

    assert answer.status_code == 400
    assert 'value="H7"' in answer.content.decode()
    assert Meeting.objects.values().get() == before


def test_student_is_excused_before_the_class_and_the_excuse_taken_back(page, section):
    meeting = make_planned(section=section, starts_at=NOON + DAY)
    student = factories.students_of(section)[1]
    assert "Nobody is excused yet." in text_of(page.get(address(meeting)))

    answer = page.post(address(meeting), {"student": student.student_id, "note": "chess"}, follow=True)

    assert messages_of(answer) == [f"{student.name} is excused."]
    assert f"02 {student.name} chess" in text_of(answer)
    # It has an entry now, so it cannot be moved.
    assert "Move the class" not in text_of(answer)
    assert statuses(meeting) == [None, "excused", None]

    answer = page.post(address(meeting), {"student": student.student_id, "take_back": "1"}, follow=True)
    assert messages_of(answer) == [f"{student.name} is no longer excused."]
    assert statuses(meeting) == [None, None, None]


@pytest.mark.parametrize("student", ["", "nobody"])
def test_excuse_of_nobody_on_the_roster_is_refused(page, section, student):
    meeting = make_planned(section=section, starts_at=NOON + DAY)

    answer = page.post(address(meeting), {"student": student, "note": "chess"})

    assert answer.status_code == 400
    assert 'value="chess"' in answer.content.decode()
    assert not AttendanceRecord.objects.exists()


def test_register_is_not_typed_before_the_class(page, section):
    meeting = make_planned(section=section, starts_at=NOON + DAY)

    answer = page.post(address(meeting), typed(section, "excused", "present"))

    assert messages_of(answer) == [
        "This class has not begun yet. Until it does, students can only be excused."
    ]
    assert statuses(meeting) == [None, None, None]


def test_pages_are_for_the_section_s_teachers(section):
    meeting = make_planned(section=section, starts_at=NOON - DAY)
    before = Meeting.objects.values().get()
    student = user_of(factories.students_of(section)[0])
    for user, status in ((factories.make_teacher(), 404), (student, 403)):
        client = Client()
        client.force_login(user)
        for path in (
            address(meeting),
            address(meeting, "cancel/"),
            address(meeting, "move/"),
            address(meeting, "restore/"),
            f"/teach/sections/{section.pk}/meetings/new/",
        ):
            for verb in (client.get, client.post):
                assert verb(path, {"reason": "x"}).status_code == status, path
    assert Meeting.objects.values().get() == before
    assert not AttendanceRecord.objects.filter(status=Status.PRESENT).exists()


# --- The student ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/student/", "/student/attendance/"])
def test_students_see_their_next_classes_and_why_one_is_cancelled(section, path):
    student = factories.students_of(section)[0]
    make_planned(section=section, starts_at=NOON + DAY, room="H1")
    make_planned(
        section=section, starts_at=NOON + 2 * DAY, state=MeetingState.CANCELLED, cancel_reason="Strike"
    )
    make_planned(section=section, starts_at=NOON + 9 * DAY, room="in nine days")
    make_planned(section=factories.make_section(), starts_at=NOON + DAY, room="of others")

    text = text_of(browser_of(student).get(path))

    assert "Thu 8 Oct, 14:00 · CS101 · A · H1" in text
    assert "Fri 9 Oct, 14:00 · CS101 · A Cancelled Strike" in text
    assert "in nine days" not in text
    assert "of others" not in text
