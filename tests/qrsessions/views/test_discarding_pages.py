"""The teacher's pages that ask: before a session without marks ends, before one is discarded, and before a second one."""

import datetime

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from attendance.models import Meeting, MeetingState, Status
from qrsessions.models import GroupSession, QRSession, SessionStatus
from qrsessions.services import auto_end
from qrsessions.services.discarding import HasMarks
from tests.support.factories import (
    make_group_session,
    make_record,
    make_rule,
    make_section,
    make_session,
    make_teacher,
    students_of,
)
from tests.support.pages import messages_of, teacher_address, text_of

pytestmark = pytest.mark.django_db

# A Monday.
MONDAY = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
ASKS = "Open a second session today?"


@pytest.fixture(autouse=True)
def on_a_monday():
    with time_machine.travel(MONDAY, tick=True):
        yield


@pytest.fixture
def teacher():
    return make_teacher(username="asha")


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


@pytest.fixture
def section(teacher):
    return make_section(students=2, teachers=[teacher], name="A")


def of_group(group: GroupSession, rest: str = "") -> str:
    return f"/teach/groups/{group.public_id}/{rest}"


def held(section, *, at=MONDAY - 2 * HOUR, minutes: int = 2) -> QRSession:
    session = make_session(section=section, status=SessionStatus.ENDED, at=at)
    session.meeting.ended_at = at + datetime.timedelta(minutes=minutes)
    session.meeting.save()
    return session


# --- Ending and discarding -----------------------------------------------------------------------------------


def test_end_without_marks_asks_and_changes_nothing_until_confirmed(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)

    asked = page.post(teacher_address(session, "end/"))

    assert asked.status_code == 200
    assert "Nobody has been marked." in text_of(asked)
    assert f'formaction="{teacher_address(session, "end/")}"' in asked.content.decode()
    assert f'action="{teacher_address(session, "discard/")}"' in asked.content.decode()
    assert QRSession.objects.get().status == SessionStatus.ACTIVE

    page.post(teacher_address(session, "end/"), {"confirmed": "1"})
    assert QRSession.objects.get().status == SessionStatus.ENDED


def test_end_with_a_mark_does_not_ask(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.EXCUSED)

    assert page.post(teacher_address(session, "end/")).status_code == 302
    assert QRSession.objects.get().status == SessionStatus.ENDED


def test_end_of_a_group_asks_only_if_no_section_has_a_mark(page, teacher, section):
    sections = [section, make_section(students=1, teachers=[teacher])]
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    assert "Nobody has been marked." in text_of(page.post(of_group(group, "end/")))
    member = QRSession.objects.get(meeting__section=section)
    make_record(meeting=member.meeting, status=Status.PRESENT)

    assert page.post(of_group(group, "end/")).status_code == 302
    assert set(QRSession.objects.values_list("status", flat=True)) == {"ended"}


def test_dialog_offers_to_discard_only_while_nobody_is_marked(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    button = f'formaction="{teacher_address(session, "discard/")}" data-nobody-marked'
    assert f"{button}>" in page.get(teacher_address(session)).content.decode()

    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT)

    assert f"{button} hidden>" in page.get(teacher_address(session)).content.decode()


def test_discarding_asks_by_get_and_acts_by_post(page, section):
    session = make_session(section=section)
    assert "Discard the session?" in text_of(page.get(teacher_address(session, "discard/")))
    assert Meeting.objects.get().state == MeetingState.OPEN

    response = page.post(teacher_address(session, "discard/"))

    assert response.headers["Location"] == f"/teach/sections/{section.pk}/"
    assert messages_of(response) == ["The session was discarded. It does not count for anybody."]
    assert Meeting.objects.get().state == MeetingState.DISCARDED
    shown = page.get(f"/teach/sections/{section.pk}/")
    assert "1 discarded session" in text_of(shown)
    assert teacher_address(session, "history/") in shown.content.decode()
    assert teacher_address(session) not in shown.content.decode().replace(
        teacher_address(session, "history/"), ""
    )
    history = page.get(teacher_address(session, "history/"))
    assert "Discarded" in text_of(history)
    assert "Back to section" in text_of(history)


def test_discarding_twice_leads_to_the_history(page, section):
    session = make_session(section=section)
    address = f"/teach/sessions/{session.public_id}/discard/"
    page.post(address)

    again = page.post(address)

    assert (again.status_code, again.headers["Location"]) == (
        302,
        f"/teach/sessions/{session.public_id}/history/",
    )


def test_group_is_discarded_from_its_page(page, teacher, section):
    group = make_group_session(sections=[section, make_section(teachers=[teacher])])

    response = page.post(of_group(group, "discard/"))

    assert response.headers["Location"] == "/teach/"
    assert set(Meeting.objects.values_list("state", flat=True)) == {MeetingState.DISCARDED}
    assert page.get(of_group(group)).status_code == 404


def test_refused_discard_says_why(page, section):
    session = make_session(section=section)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.EXCUSED)

    response = page.post(teacher_address(session, "discard/"))

    assert response.headers["Location"] == teacher_address(session)
    assert messages_of(response) == [str(HasMarks.detail)]
    assert Meeting.objects.get().state == MeetingState.OPEN


def test_others_do_not_discard(client, page, section):
    session = make_session(section=make_section(students=1))
    assert page.get(teacher_address(session, "discard/")).status_code == 404
    assert page.post(teacher_address(session, "discard/")).status_code == 404
    client.force_login(students_of(session.meeting.section)[0].user)
    assert client.post(teacher_address(session, "discard/")).status_code == 403
    assert Meeting.objects.get().state == MeetingState.OPEN


def test_ended_session_without_marks_offers_to_discard_it(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    page.post(teacher_address(session, "end/"), {"confirmed": "1"})

    shown = page.get(teacher_address(session))

    assert "Nobody was marked The session ended at" in text_of(shown)
    assert f'href="{teacher_address(session, "discard/")}"' in shown.content.decode()


def test_ended_session_with_marks_offers_no_discard(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT)
    page.post(teacher_address(session, "end/"))
    assert teacher_address(session, "discard/") not in page.get(teacher_address(session)).content.decode()


def test_register_not_taken_offers_to_mark_those_who_joined(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE, at=MONDAY - 7 * HOUR)
    make_record(meeting=session.meeting, student=students_of(section)[0], roll_number="01")
    auto_end.end_forgotten(at=timezone.now(), after=6 * HOUR)

    shown = page.get(teacher_address(session))
    assert "Register not taken" in text_of(shown)
    assert "nobody was recorded as absent" in text_of(shown)
    assert f'<a class="button primary" href="{teacher_address(session, "bulk/")}?of=joined">' in (
        shown.content.decode()
    )
    home = text_of(page.get("/teach/"))
    assert "nobody was marked, but 1 student joined" in home
    asked = text_of(page.get(teacher_address(session, "bulk/"), {"of": "joined"}))
    assert "Everyone else is recorded as absent." in asked

    page.post(teacher_address(session, "bulk/"), {"of": "joined"})

    records = session.meeting.records.order_by("roll_number")
    assert list(records.values_list("status", flat=True)) == ["present", "absent"]
    assert "Register not taken" not in text_of(page.get(teacher_address(session)))


def test_register_taken_in_part_by_hand_can_be_completed(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE, at=MONDAY - 7 * HOUR)
    make_record(meeting=session.meeting, student=students_of(section)[0], roll_number="01")
    auto_end.end_forgotten(at=timezone.now(), after=6 * HOUR)
    page.post(
        teacher_address(session, "mark/"),
        {"student": students_of(section)[0].student_id, "status": "present"},
    )
    assert "Mark the rest absent 1" in text_of(page.get(teacher_address(session)))

    page.post(teacher_address(session, "bulk/"), {"of": "unmarked"})

    records = session.meeting.records.order_by("roll_number")
    assert list(records.values_list("status", flat=True)) == ["present", "absent"]
    assert "Mark the rest absent" not in text_of(page.get(teacher_address(session)))


# --- Classes in which nobody was marked --------------------------------------------------------------------------


def test_classes_without_marks_are_listed_for_their_teacher(page, teacher, section):
    old = held(section, at=MONDAY - datetime.timedelta(days=60))
    make_record(meeting=old.meeting, student=students_of(section)[0], roll_number="01")
    marked = held(section, at=MONDAY - datetime.timedelta(days=59))
    make_record(meeting=marked.meeting, student=students_of(section)[0], status=Status.LATE)
    # A section of a group in which others were marked is a class that everybody missed.
    others = [section, make_section(teachers=[teacher])]
    group = make_group_session(sections=others, status=SessionStatus.ENDED, at=MONDAY - 90 * 24 * HOUR)
    make_record(meeting=Meeting.objects.get(group=group.group, section=others[1]), status=Status.PRESENT)

    home = page.get("/teach/")
    listed = page.get(f"/teach/sections/{section.pk}/").content.decode()

    assert "nobody was marked in 1 class" in text_of(home)
    assert f'href="/teach/sections/{section.pk}/#without-marks"' in home.content.decode()
    part = listed[listed.index('id="without-marks"') :]
    assert teacher_address(old, "discard/") in part
    assert "1 student joined" in part
    assert part.count("<li>") == 1


def test_group_without_marks_is_discarded_by_those_who_may_run_all_of_it(page, teacher, section):
    at = MONDAY - 90 * 24 * HOUR
    own = make_group_session(
        sections=[section, make_section(teachers=[teacher])], status=SessionStatus.ENDED, at=at
    )
    mixed = make_group_session(sections=[section, make_section()], status=SessionStatus.ENDED, at=at - HOUR)

    listed = page.get(f"/teach/sections/{section.pk}/").content.decode()

    part = listed[listed.index('id="without-marks"') :]
    assert of_group(own, "discard/") in part
    assert mixed.public_id not in part
    assert part.count("<li>") == 2


@pytest.mark.parametrize("rows", [1, 3])
def test_section_needs_the_same_queries_however_many_sessions(page, section, rows, django_assert_num_queries):
    for day in range(1, rows + 1):
        held(section, at=MONDAY - day * 24 * HOUR)
    # Its label weights are read too. A test before may have emptied the tables.
    make_rule()
    # sign-in session, user; section; rule; who teaches; sessions and their number, the open one, without marks,
    # discarded, without session; whether its register may be read
    with django_assert_num_queries(13):
        page.get(f"/teach/sections/{section.pk}/")


# --- A second session on one day ------------------------------------------------------------------------------


def test_home_says_when_a_section_met_today(page, section):
    session = held(section)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT)

    home = page.get("/teach/")

    start, end = (timezone.localtime(at).strftime("%H:%M") for at in (session.created_at, session.ended_at))
    assert f"met today {start}–{end}" in text_of(home)
    assert "last session" not in text_of(home)


def test_second_session_of_a_day_is_opened_after_asking(page, section):
    held(section)

    asked = page.post(f"/teach/sections/{section.pk}/open/", {"join_policy": "open"})

    assert asked.status_code == 200
    assert ASKS in text_of(asked)
    assert '<input type="hidden" name="join_policy" value="open">' in asked.content.decode()
    assert QRSession.objects.count() == 1

    page.post(f"/teach/sections/{section.pk}/open/", {"join_policy": "open", "again": "1"})

    assert QRSession.objects.open().get().join_policy == "open"


@pytest.mark.parametrize("at", [MONDAY - 24 * HOUR, None])
def test_first_session_of_a_day_is_opened_at_once(page, section, at):
    if at:
        held(section, at=at)
    else:
        # A discarded one does not count.
        page.post(teacher_address(make_session(section=section), "discard/"))

    assert page.post(f"/teach/sections/{section.pk}/open/").status_code == 302
    assert QRSession.objects.open().count() == 1


def test_open_session_is_gone_to_without_asking(page, section):
    held(section)
    running = make_session(section=section)
    response = page.post(f"/teach/sections/{section.pk}/open/")
    assert response.headers["Location"] == teacher_address(running)


def test_group_with_a_section_that_met_today_is_opened_after_asking(page, teacher, section):
    other = make_section(teachers=[teacher])
    held(other)
    sent = {"sections": [section.pk, other.pk], "title": "Hall <1>", "join_policy": "strict"}

    asked = page.post("/teach/groups/new/", sent)

    assert ASKS in text_of(asked)
    for value in (section.pk, other.pk):
        assert f'<input type="hidden" name="sections" value="{value}">' in asked.content.decode()
    assert 'name="title" value="Hall &lt;1&gt;"' in asked.content.decode()
    assert not GroupSession.objects.exists()

    page.post("/teach/groups/new/", {**sent, "again": "1"})
    assert GroupSession.objects.get().group.title == "Hall <1>"


def test_section_that_met_today_is_added_to_a_group_after_asking(page, teacher, section):
    other = make_section(teachers=[teacher])
    held(other)
    group = make_group_session(sections=[section])

    asked = page.post(of_group(group, "sections/"), {"section": other.pk})

    assert ASKS in text_of(asked)
    assert group.group.meetings.count() == 1
    page.post(of_group(group, "sections/"), {"section": other.pk, "again": "1"})
    assert group.group.meetings.count() == 2
