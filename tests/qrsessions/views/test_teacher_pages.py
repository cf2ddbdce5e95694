"""The teacher's pages: what they show, what their buttons do, and who may not open them."""

import datetime
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, Method, RecordChange, Status
from qrsessions.models import JoinPolicy, QRSession, RefusedScan, SessionEvent, SessionStatus
from qrsessions.services.lifecycle import StepTaken, WrongState
from tests.support.factories import (
    make_admin,
    make_enrolment,
    make_group_session,
    make_record,
    make_section,
    make_session,
    make_student,
    make_teacher,
    students_of,
)
from tests.support.pages import messages_of, text_of
from tests.support.pages import teacher_address as address

pytestmark = pytest.mark.django_db

SECTIONS = "/teach/"
STEPS = ["lock", "unlock", "start", "end", "reopen"]


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


def refused_scan(session, student):
    RefusedScan.objects.create(
        session=session, student=student, scanned_at=session.created_at, method=Method.QR
    )


# --- Who may see them -------------------------------------------------------------------------------------

PAGES = ["", "mark/", "bulk/", "curve/", "screen/", "screen/qr.svg", "screen/join.svg"]
ACTIONS = ["lock/", "unlock/", "start/", "end/", "reopen/", "mark/", "admit/", "bulk/"]


@pytest.mark.parametrize("rest", PAGES)
def test_page_redirects_to_sign_in(client, section, rest):
    url = address(make_session(section=section), rest)
    assert client.get(url).headers["Location"] == f"{reverse('account_login')}?next={url}"


@pytest.mark.parametrize("rest", PAGES)
def test_page_is_closed_to_students(client, section, rest):
    client.force_login(students_of(section)[0].user)
    assert client.get(address(make_session(section=section), rest)).status_code == 403
    assert client.get(SECTIONS).status_code == 403


@pytest.mark.parametrize("rest", PAGES)
def test_page_of_another_teachers_session_is_not_found(page, rest):
    other = make_session(section=make_section(students=1))
    assert page.get(address(other, rest), {"student": "x"}).status_code == 404


@pytest.mark.parametrize("rest", ACTIONS)
def test_action_on_another_teachers_session_is_not_found_and_changes_nothing(page, rest):
    section = make_section(students=1)
    student = students_of(section)[0]
    session = make_session(section=section)
    before = QRSession.objects.values().get()

    response = page.post(address(session, rest), {"student": student.student_id, "status": "present"})

    assert response.status_code == 404
    assert QRSession.objects.values().get() == before
    assert not AttendanceRecord.objects.exists()


@pytest.mark.parametrize("rest", ACTIONS)
def test_action_by_get_changes_nothing(page, section, rest):
    session = make_session(section=section)
    before = QRSession.objects.values().get()
    student = students_of(section)[0]

    page.get(address(session, rest), {"student": student.student_id, "status": "present"})

    assert QRSession.objects.values().get() == before
    assert not AttendanceRecord.objects.exists()


@pytest.mark.parametrize("rest", ACTIONS)
def test_action_without_csrf_token_is_refused(teacher, section, rest):
    session = make_session(section=section)
    client = Client(enforce_csrf_checks=True)
    client.force_login(teacher)
    before = QRSession.objects.values().get()

    response = client.post(address(session, rest), {"student": students_of(section)[0].student_id})

    assert response.status_code == 403
    assert QRSession.objects.values().get() == before


def test_admin_sees_all_sections_and_sessions(client):
    session = make_session(section=make_section(name="Elsewhere"))
    client.force_login(make_admin())
    assert "Elsewhere" in text_of(client.get(SECTIONS))
    assert client.get(address(session)).status_code == 200


def test_home_leads_a_teacher_to_the_sections(page):
    assert page.get("/").headers["Location"] == SECTIONS


# --- The list of sections ---------------------------------------------------------------------------------


def test_sections_shows_those_taught_with_their_students(page, section):
    make_section(name="Strange")
    text = text_of(page.get(SECTIONS))
    assert f"{section.course} · A Autumn 2026 · 2 students" in text
    assert "Strange" not in text


def test_teacher_without_sections_sees_what_to_do(page):
    assert "Ask an administrator to add you ( asha ) as a teacher" in text_of(page.get(SECTIONS))


def test_sections_puts_the_running_session_on_top_with_its_counts(page, teacher, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.LATE)
    make_section(teachers=[teacher], name="B")

    response = page.get(SECTIONS)

    text = text_of(response)
    assert text.index("Running now") < text.index("Other sections")
    assert "1 attended · 1 joined of 2" in text
    assert f'<a class="button primary" href="{address(session)}">' in response.content.decode()
    assert "Open session" in text[text.index("Other sections") :]


def test_sections_leads_back_to_the_last_session(page, section):
    day = timezone.now() - datetime.timedelta(days=2)
    for at in (day - datetime.timedelta(days=7), day):
        last = make_session(section=section, status=SessionStatus.ENDED, at=at)
        make_record(meeting=last.meeting, status=Status.PRESENT)
    links = re.findall(r'href="(/teach/sessions/[^"]+)"', page.get(SECTIONS).content.decode())
    assert links == [address(last)]


@pytest.mark.parametrize("rows", [1, 3])
def test_sections_needs_the_same_queries_however_many_there_are(
    page, teacher, rows, django_assert_num_queries
):
    for _ in range(rows):
        running = make_section(students=2, teachers=[teacher])
        make_session(section=running, status=SessionStatus.ENDED)
        make_session(section=running, status=SessionStatus.ACTIVE)
        make_section(students=2, teachers=[teacher])
    # user; sections, open and ended sessions, those of this weekday, of today and without marks; running groups and the
    # last one; counts for unverified sets; six for alerts; whether the teacher is new.
    with django_assert_num_queries(21):
        page.get(SECTIONS)


# --- Opening ----------------------------------------------------------------------------------------------


def test_open_creates_a_strict_session_and_redirects_to_it(page, teacher, section):
    response = page.post(reverse("qrsessions:open-session", args=[section.pk]))
    session = QRSession.objects.get()
    assert response.headers["Location"] == address(session)
    assert (session.meeting.section, session.status) == (section, SessionStatus.CREATED)
    assert (session.join_policy, session.opened_by) == (JoinPolicy.STRICT, teacher)


def test_open_takes_the_policy_that_was_chosen(page, section):
    page.post(reverse("qrsessions:open-session", args=[section.pk]), {"join_policy": "open"})
    assert QRSession.objects.get().join_policy == JoinPolicy.OPEN


def test_open_with_an_unknown_policy_opens_nothing(page, section):
    response = page.post(reverse("qrsessions:open-session", args=[section.pk]), {"join_policy": "loose"})
    assert response.headers["Location"] == SECTIONS
    assert messages_of(response) == ["Choose who can be marked, then open the session again."]
    assert not Meeting.objects.exists()


def test_open_redirects_to_the_running_session(page, section):
    running = make_session(section=section, opened_by=make_teacher())
    response = page.post(reverse("qrsessions:open-session", args=[section.pk]))
    assert response.headers["Location"] == address(running)
    assert messages_of(response) == ["This section already has an open session."]
    assert QRSession.objects.count() == 1


@pytest.mark.parametrize("of", ["another teacher", "nobody"])
def test_open_for_a_section_of_others_is_not_found(page, of):
    number = make_section().pk if of == "another teacher" else 2**70
    assert page.post(f"/teach/sections/{number}/open/").status_code == 404
    assert not Meeting.objects.exists()


# --- The session ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "now", "primary", "others"),
    [
        (SessionStatus.CREATED, "Joining", "lock", {"end", "start"}),
        (SessionStatus.LOCKED, "Locked", "start", {"end", "unlock"}),
        (SessionStatus.ACTIVE, "Taking attendance", "end", set()),
        (SessionStatus.ENDED, "Ended", None, {"reopen"}),
    ],
)
def test_session_offers_the_buttons_of_its_state(page, section, status, now, primary, others):
    session = make_session(section=section, status=status)
    html = page.get(address(session)).content.decode()
    buttons = html[html.index('<div class="acts ') : html.index('id="live"')]
    offered = dict(re.findall(r'(?s)action="/teach/sessions/\w+/(\w+)/".*?<button class="([^"]+)"', buttons))
    assert re.findall(r'<li aria-current="step">([^<]+)', html) == [now]
    assert [step for step, kind in offered.items() if "primary" in kind] == ([primary] if primary else [])
    assert set(offered) - {primary} == others


def test_session_steps_lead_through_its_whole_life(page, section):
    session = make_session(section=section)
    make_record(meeting=session.meeting, status=Status.PRESENT)
    statuses = []
    for step in ["lock", "unlock", "lock", "start", "end", "reopen", "end"]:
        response = page.post(address(session, f"{step}/"))
        assert response.headers["Location"] == address(session)
        assert messages_of(response) == []
        session.refresh_from_db()
        statuses.append(session.status)
    assert statuses == ["locked", "created", "locked", "active", "ended", "active", "ended"]


def test_impossible_step_shows_a_message_and_changes_nothing(page, section):
    session = make_session(section=section)
    response = page.post(address(session, "reopen/"))
    session.refresh_from_db()
    assert session.status == SessionStatus.CREATED
    assert messages_of(response) == [str(WrongState.detail)]


def test_session_step_clicked_twice_is_no_error(page, section):
    session = make_session(section=section)
    page.post(address(session, "lock/"))
    assert messages_of(page.post(address(session, "lock/"))) == []


@pytest.mark.parametrize(("step", "back"), [("lock", "unlock"), ("end", "reopen")])
@pytest.mark.parametrize("is_group", [False, True])
def test_step_sent_again_after_it_was_undone_is_refused(page, section, time_machine, step, back, is_group):
    time_machine.move_to(timezone.now(), tick=False)
    if is_group:
        opened = make_group_session(sections=[section], opened_by=section.teachers.get())
        session, url = QRSession.objects.get(meeting__section=section), f"/teach/groups/{opened.public_id}/"
    else:
        session = make_session(section=section)
        url = address(session)
    make_record(meeting=session.meeting, status=Status.PRESENT)
    sent = {"seen_at": re.findall(r'name="seen_at" value="([^"]+)"', page.get(url).content.decode())[0]}
    for name in (step, back):
        time_machine.shift(1)
        page.post(f"{url}{name}/")
    session.refresh_from_db()
    status, events = session.status, SessionEvent.objects.count()

    assert messages_of(page.post(f"{url}{step}/", sent)) == [str(StepTaken.detail)]

    session.refresh_from_db()
    assert (session.status, SessionEvent.objects.count()) == (status, events)
    # The page shows what happened, and may take the step.
    page.get(url)
    assert messages_of(page.post(f"{url}{step}/", {"seen_at": timezone.now().isoformat()})) == []
    session.refresh_from_db()
    assert session.status != status


def test_step_with_a_moment_that_makes_no_sense_is_taken(page, section):
    session = make_session(section=section)

    page.post(address(session, "lock/"), {"seen_at": "yesterday"})

    session.refresh_from_db()
    assert session.status == SessionStatus.LOCKED


def test_reopen_while_another_session_runs_shows_a_message(page, section):
    ended = make_session(section=section, status=SessionStatus.ENDED)
    make_session(section=section)
    response = page.post(address(ended, "reopen/"))
    ended.refresh_from_db()
    assert ended.status == SessionStatus.ENDED
    assert "already has an open session" in messages_of(response)[0]


def test_session_lists_the_roster_in_natural_order_with_states(page, teacher):
    section = make_section(teachers=[teacher])
    names = ["Ten", "Two", "One", "Three", "Four"]
    for name, roll_number in zip(names, ["10", "2", "1", "3", "4"], strict=True):
        make_enrolment(section=section, student=make_student(name=name), roll_number=roll_number)
    at = datetime.datetime(2026, 10, 5, 10, 4, 12, tzinfo=datetime.UTC)
    session = make_session(section=section, status=SessionStatus.ACTIVE, at=at)
    students = {enrolment.roll_number: enrolment.student for enrolment in section.enrolments.all()}
    make_record(meeting=session.meeting, student=students["1"], status=Status.PRESENT, roll_number="1")
    make_record(
        meeting=session.meeting,
        student=students["2"],
        status=Status.LATE,
        method=Method.CODE,
        roll_number="2",
    )
    make_record(meeting=session.meeting, student=students["3"], roll_number="3")
    make_record(
        meeting=session.meeting,
        student=students["4"],
        status=Status.PRESENT,
        method=Method.CLAIM,
        roll_number="4",
    )

    text = text_of(page.get(address(session)))

    assert text.count("Mark Ten") == 1
    assert (
        "1 One present 10:04 Change One "
        "2 Two late 10:04 typed code Change Two "
        "3 Three joined 10:04 Mark Three "
        "4 Four present 10:04 scanned before sign-in Change Four "
        "10 Ten not joined Mark Ten"
    ) in text
    assert "3 attended 1 late 4 joined 5 enrolled 60 % attendance" in text


def test_session_of_an_empty_section_shows_what_to_do(page, teacher):
    session = make_session(section=make_section(teachers=[teacher]))
    text = text_of(page.get(address(session)))
    assert "No students are enrolled in this section" in text
    assert "0 %" in text


@pytest.mark.parametrize("students", [1, 3])
def test_session_needs_the_same_queries_however_many_students(
    page, teacher, students, django_assert_num_queries
):
    section = make_section(students=students, teachers=[teacher])
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    for student in students_of(section):
        make_record(meeting=session.meeting, student=student)
        refused_scan(session, student)
    # the session; counts for unverified sets; shared phones; traces of scans; roster; waiting scans; arrivals; labels
    # and reasons; user
    with django_assert_num_queries(13):
        page.get(address(session))


def test_session_escapes_names(page, teacher):
    student = make_student(name="<b>Bo</b>", student_id="a/b & c?")
    session = make_session(section=make_section(students=[student], teachers=[teacher], name="<i>A</i>"))
    html = page.get(address(session)).content.decode()
    assert "<b>Bo" not in html
    assert "<i>A" not in html
    assert "?student=a%2Fb%20%26%20c%3F" in html


# --- Marking by hand --------------------------------------------------------------------------------------


def test_mark_enters_a_status_with_its_author_and_note(page, teacher, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    student = students_of(section)[0]

    response = page.post(
        address(session, "mark/"), {"student": student.student_id, "status": "late", "note": "bus"}
    )

    assert response.headers["Location"] == address(session)
    assert messages_of(response) == [f"{student.name}: late."]
    record = AttendanceRecord.objects.get()
    assert (record.student, record.status, record.method) == (student, Status.LATE, Method.MANUAL)
    assert (record.marked_by, record.joined_at) == (teacher, None)
    change = RecordChange.objects.get()
    assert (change.changed_by, change.to_status, change.note) == (teacher, Status.LATE, "bus")


def test_mark_can_be_taken_back_after_the_end(page, section):
    session = make_session(section=section, status=SessionStatus.ENDED)
    student = students_of(section)[0]
    make_record(meeting=session.meeting, student=student, status=Status.PRESENT)
    page.post(address(session, "mark/"), {"student": student.student_id, "status": "none"})
    record = AttendanceRecord.objects.get()
    assert (record.status, record.method, record.marked_at) == (None, None, None)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"status": "here"}, 400),
        ({}, 400),
        ({"status": "present", "note": "x" * 501}, 400),
        ({"status": "present", "note": "\0"}, 400),
        ({"status": "present", "student": "nobody"}, 404),
        ({"status": "present", "student": "\0"}, 404),
        ({"status": "present", "student": ""}, 404),
        ({"status": "present", "student": "x" * 101}, 404),
    ],
)
def test_invalid_mark_changes_nothing(page, section, data, status):
    session = make_session(section=section)
    student = students_of(section)[0]
    response = page.post(address(session, "mark/"), {"student": student.student_id, **data})
    assert response.status_code == status
    assert not AttendanceRecord.objects.exists()


def test_mark_of_a_student_of_another_section_is_not_found(page, section):
    session = make_session(section=section)
    stranger = students_of(make_section(students=1))[0]
    data = {"student": stranger.student_id, "status": "present"}
    assert page.get(address(session, "mark/"), data).status_code == 404
    assert page.post(address(session, "mark/"), data).status_code == 404
    assert not AttendanceRecord.objects.exists()


def test_mark_page_shows_the_student_and_the_choices(page, section):
    session = make_session(section=section)
    student = students_of(section)[0]
    response = page.get(address(session, "mark/"), {"student": student.student_id})
    assert f"{student.name} 01 · not joined" in text_of(response)
    values = re.findall(r'name="status" value="(\w+)"', response.content.decode())
    assert values == ["present", "late", "excused", "absent", "none"]


# --- Many at once -----------------------------------------------------------------------------------------


def test_bulk_asks_and_names_the_number(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    make_record(meeting=session.meeting, student=students_of(section)[0])
    text = text_of(page.get(address(session, "bulk/"), {"of": "joined"}))
    assert "Mark everyone who joined present? Students who joined but are not marked: 1" in text
    assert "Students who are not marked: 2" in text_of(
        page.get(address(session, "bulk/"), {"of": "unmarked"})
    )
    assert not RecordChange.objects.exists()


@pytest.mark.parametrize(
    ("of", "statuses", "said"),
    [
        ("joined", ["present", None], "1 student marked."),
        ("unmarked", ["absent", "absent"], "2 students marked."),
    ],
)
def test_bulk_marks_without_script(page, section, of, statuses, said):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    make_record(meeting=session.meeting, student=students_of(section)[0], roll_number="01")
    response = page.post(address(session, "bulk/"), {"of": of})
    assert (response.headers["Location"], messages_of(response)) == (address(session), [said])
    roster = session.meeting.roster.order_by("roll_number")
    assert list(roster.values_list("record__status", flat=True)) == statuses
    assert messages_of(page.post(address(session, "bulk/"), {"of": of}))[1:] == [
        "There was no one left to mark."
    ]


@pytest.mark.parametrize("of", ["", "all", "\0"])
def test_bulk_without_selection_marks_nobody(page, section, of):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    for response in (
        page.get(address(session, "bulk/"), {"of": of}),
        page.post(address(session, "bulk/"), {"of": of}),
    ):
        assert (response.headers["Location"], messages_of(response)[-1]) == (
            address(session),
            "Choose which students to mark.",
        )
    assert not AttendanceRecord.objects.exists()


# --- The curve, and after the class -----------------------------------------------------------------------


def test_curve_is_sent_only_when_it_changed(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    first, second = students_of(section)
    make_record(meeting=session.meeting, student=first, status=Status.PRESENT)
    response = page.get(address(session, "curve/"))
    assert "1 joined and 1 attended" in text_of(response)
    etag = response.headers["ETag"]
    assert page.get(address(session, "curve/"), headers={"If-None-Match": etag}).status_code == 304
    make_record(meeting=session.meeting, student=second)
    assert "2 joined and 1 attended" in text_of(
        page.get(address(session, "curve/"), headers={"If-None-Match": etag})
    )


def test_ended_session_shows_a_summary_and_students_who_joined_but_never_scanned(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    first, second = students_of(section)
    make_record(meeting=session.meeting, student=first, status=Status.LATE, roll_number="01")
    make_record(meeting=session.meeting, student=second, roll_number="02")
    page.post(address(session, "end/"))
    text = text_of(page.get(address(session)))
    assert "Summary Present 0 Late 1 Excused 0 Absent 1 Joined, but not scanned 1" in text
    assert f"{second.name} 02 absent Change {second.name}" in text


# --- Waiting scans ----------------------------------------------------------------------------------------


def test_admit_one_marks_the_student_with_the_time_of_the_scan(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    first, second = students_of(section)
    refused_scan(session, first)
    refused_scan(session, second)

    response = page.post(address(session, "admit/"), {"student": first.student_id})

    assert messages_of(response) == ["1 student admitted."]
    record = AttendanceRecord.objects.get()
    assert (record.student, record.status, record.marked_at) == (first, Status.PRESENT, session.started_at)
    assert "Waiting to be admitted 1" in text_of(page.get(address(session)))


def test_admit_all_marks_every_waiting_scan(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    for student in students_of(section):
        refused_scan(session, student)
    assert messages_of(page.post(address(session, "admit/"))) == ["2 students admitted."]
    assert AttendanceRecord.objects.filter(status=Status.PRESENT).count() == 2


def test_admit_without_waiting_scans_shows_a_message(page, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    response = page.post(address(session, "admit/"), {"student": "nobody"})
    assert messages_of(response) == ["There was no one left to admit."]
    assert not AttendanceRecord.objects.exists()


# --- All of them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", ["", "screen/"])
@pytest.mark.parametrize("status", SessionStatus)
def test_page_holds_no_inline_script_or_style(page, section, rest, status):
    session = make_session(section=section, status=status)
    for url in (SECTIONS, address(session, rest)):
        html = page.get(url).content.decode()
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", html)
