"""The audit log: who did what to a session and its records. Only its teachers can read it."""

import datetime

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client

from attendance.models import Method, Status
from qrsessions.models import Action, QRSession, RefusedScan, SessionEvent
from qrsessions.refusals import InGroup
from qrsessions.services import admitting, audit_log, corrections, groups, joining, lifecycle
from qrsessions.services.lifecycle import SessionOpen, WrongState
from tests.support.classes import client_of
from tests.support.factories import make_admin, make_section, make_student, make_teacher, students_of
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def teacher():
    return make_teacher(username="asha")


@pytest.fixture
def section(teacher):
    return make_section(students=3, teachers=[teacher], name="A")


@pytest.fixture
def session(section, teacher) -> QRSession:
    return lifecycle.open_session(section=section, by=teacher, at=NOON)


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


def trail(session: QRSession) -> list[tuple[str, str | None, datetime.datetime, str]]:
    """Oldest first."""
    return [
        (event.action, event.done_by.username if event.done_by else None, event.done_at, event.detail)
        for event in SessionEvent.objects.filter(meeting=session.meeting)
        .select_related("done_by")
        .order_by("id")
    ]


def history_of(session: QRSession, rest: str = "") -> str:
    return f"/teach/sessions/{session.public_id}/history/{rest}"


# --- What is written --------------------------------------------------------------------------------------


def test_each_step_is_logged_with_user_and_time(session):
    steps = ["lock", "unlock", "start", "end", "reopen"]
    colleague = make_teacher(username="bo")
    for place, step in enumerate(steps, start=1):
        lifecycle.take_step(session=session, step=step, by=colleague, at=NOON + place * MINUTE)

    assert trail(session) == [
        ("open", "asha", NOON, ""),
        *((step, "bo", NOON + place * MINUTE, "") for place, step in enumerate(steps, start=1)),
    ]


def test_refused_step_and_refused_opening_write_nothing(session, section, teacher):
    with pytest.raises(WrongState):
        lifecycle.take_step(session=session, step="reopen", by=teacher, at=NOON + MINUTE)
    with pytest.raises(SessionOpen):
        lifecycle.open_session(section=section, by=teacher, at=NOON + MINUTE)
    assert trail(session) == [("open", "asha", NOON, "")]
    assert SessionEvent.objects.count() == 1


def test_group_writes_for_each_of_its_sessions(teacher):
    sections = [make_section(teachers=[teacher]) for _ in range(3)]
    group = groups.open_group(sections=sections[:2], by=teacher, at=NOON, title="Lecture")
    added = groups.add_section(group_session=group, section=sections[2], by=teacher, at=NOON + MINUTE)
    groups.take_group_step(group_session=group, step="lock", by=teacher, at=NOON + 2 * MINUTE)
    left = QRSession.objects.get(meeting__section=sections[0])
    groups.leave_group(session=left, by=teacher, at=NOON + 3 * MINUTE)
    groups.take_group_step(group_session=group, step="start", by=teacher, at=NOON + 4 * MINUTE)

    opened, locked = ("open", "asha", NOON, "Lecture"), ("lock", "asha", NOON + 2 * MINUTE, "")
    started = ("start", "asha", NOON + 4 * MINUTE, "")
    assert trail(left) == [opened, locked, ("leave_group", "asha", NOON + 3 * MINUTE, "Lecture")]
    assert trail(QRSession.objects.get(meeting__section=sections[1])) == [opened, locked, started]
    assert trail(added) == [
        ("open", "asha", NOON + MINUTE, "Lecture"),
        ("join_group", "asha", NOON + MINUTE, "Lecture"),
        locked,
        started,
    ]


def test_refused_step_of_a_group_member_logs_nothing(teacher):
    groups.open_group(sections=[make_section(teachers=[teacher])], by=teacher, at=NOON)
    member = QRSession.objects.get()
    with pytest.raises(InGroup):
        lifecycle.take_step(session=member, step="lock", by=teacher, at=NOON)
    assert [action for action, *_rest in trail(member)] == ["open"]


def test_admitting_writes_how_many_of_each_session(teacher):
    sections = [make_section(students=2, teachers=[teacher]) for _ in range(3)]
    groups.open_group(sections=sections, by=teacher, at=NOON)
    members = [QRSession.objects.get(meeting__section=section) for section in sections]
    for place, number in ((0, 2), (1, 1)):
        for student in students_of(sections[place])[:number]:
            RefusedScan.objects.create(
                session=members[place], student=student, scanned_at=NOON, method=Method.QR
            )

    assert admitting.admit(sessions=members, student_ids=None, by=teacher, at=NOON + MINUTE) == 3
    assert admitting.admit(sessions=members, student_ids=None, by=teacher, at=NOON + 2 * MINUTE) == 0

    assert [trail(member)[1:] for member in members] == [
        [("admit", "asha", NOON + MINUTE, "2")],
        [("admit", "asha", NOON + MINUTE, "1")],
        [],
    ]


def test_event_falls_with_its_transaction(session, teacher):
    def fail():
        with transaction.atomic():
            audit_log.record(session=session, action=Action.BULK, by=teacher, at=NOON)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(trail(session)) == 1


def test_event_is_never_changed(session):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE qrsessions_sessionevent SET detail = 'x'")


def test_long_detail_is_cut(session, teacher):
    audit_log.record(session=session, action=Action.BULK, by=teacher, at=NOON, detail="x" * 600)
    assert len(trail(session)[1][3]) == 500


# --- The page ---------------------------------------------------------------------------------------------


def mark(session: QRSession, student, status, minutes: int, note: str = "") -> None:
    corrections.correct(
        session=session,
        student=student,
        status=status,
        by=session.opened_by,
        at=NOON + minutes * MINUTE,
        note=note,
    )


def test_page_lists_steps_and_changes_together_newest_first(page, session, section, teacher):
    first, second, _ = students_of(section)
    joining.join(session_or_group=session, student=first, at=NOON)
    lifecycle.take_step(session=session, step="start", by=teacher, at=NOON + MINUTE)
    mark(session, first, Status.PRESENT, 2)
    mark(session, first, Status.LATE, 3, note="came with the bus")
    lifecycle.take_step(session=session, step="end", by=teacher, at=NOON + 4 * MINUTE)
    mark(session, second, Status.EXCUSED, 5)

    text = text_of(page.get(history_of(session)))

    lines = [
        f"20 Nov, 12:05:00 {second.name} 02 absent end of session → changed to excused by hand Asha",
        "20 Nov, 12:04:00 Ended Asha",
        f"20 Nov, 12:03:00 {first.name} 01 present by hand 12:02:00 → changed to late by hand came with the bus Asha",
        f"20 Nov, 12:02:00 {first.name} 01 not marked → changed to present by hand Asha",
        "20 Nov, 12:01:00 Attendance started Asha",
        "20 Nov, 12:00:00 Opened Asha",
    ]
    places = [text.find(line) for line in lines]
    assert -1 not in places, text
    assert places == sorted(places)


def test_page_of_one_student_lists_steps_and_that_students_changes(page, session, section):
    first, second, third = students_of(section)
    mark(session, first, Status.PRESENT, 1)
    mark(session, second, Status.EXCUSED, 2)

    text = text_of(page.get(history_of(session), {"student": first.student_id}))

    assert f"History of {first.name}" in text
    assert "12:01:00" in text
    assert "12:02:00" not in text
    assert "Opened Asha" in text
    quiet = page.get(history_of(session), {"student": third.student_id})
    assert quiet.status_code == 200
    assert f'<option value="{third.student_id}" selected>' in quiet.content.decode()


@pytest.mark.parametrize("student_id", ["nobody", "\x00", "x" * 3000])
def test_page_of_a_student_outside_the_roster_is_not_found(page, session, student_id):
    assert page.get(history_of(session), {"student": student_id}).status_code == 404


@pytest.mark.parametrize("number", ["0", "-1", "99", "x", "\x00"])
def test_page_of_any_number_is_shown(page, session, number):
    assert page.get(history_of(session), {"page": number}).status_code == 200


def test_page_describes_settings_and_admitted_scans(page, session, teacher):
    for action, detail in (
        (Action.SETTINGS, "code_enabled=off, names_on_screen=on"),
        (Action.SETTINGS, "late_after_minutes=10"),
        (Action.ADMIT, "2"),
        (Action.BULK, "joined as present: 12"),
    ):
        audit_log.record(session=session, action=action, by=teacher, at=NOON, detail=detail)
    audit_log.record(session=session, action=Action.END, by=None, at=NOON)
    text = text_of(page.get(history_of(session)))
    for words in (
        "Typed code turned off, names on the screen turned on",
        "Late after 10 minutes",
        "2 scans admitted",
        "Several students marked together (joined as present: 12)",
        "Ended automatically",
    ):
        assert words in text


def test_page_escapes_a_note(page, session, section):
    mark(session, students_of(section)[0], Status.PRESENT, 1, note="<b>x</b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in page.get(history_of(session)).content.decode()


def test_page_shows_the_older_ones_on_a_second_page(page, session, teacher):
    for number in range(250):
        audit_log.record(session=session, action=Action.LOCK, by=teacher, at=NOON + (1 + number) * MINUTE)
    first, second = page.get(history_of(session)), page.get(history_of(session), {"page": 2})
    assert [text_of(one).count("Joining locked") for one in (first, second)] == [200, 50]
    assert "Opened" in text_of(second)
    assert 'href="?page=2"' in first.content.decode()


@pytest.mark.parametrize("rows", [1, 3])
def test_page_takes_the_same_queries_however_many_lines(page, teacher, rows, django_assert_num_queries):
    section = make_section(students=rows, teachers=[teacher])
    session = lifecycle.open_session(section=section, by=teacher, at=NOON)
    for number, student in enumerate(students_of(section)):
        mark(session, student, Status.PRESENT, number)
        audit_log.record(session=session, action=Action.LOCK, by=teacher, at=NOON)
    # user, session, events, changes, the students who have some.
    with django_assert_num_queries(6):
        page.get(history_of(session))


# --- Whose it is ------------------------------------------------------------------------------------------


def test_audit_log_is_closed_to_others(client, session, section):
    student = students_of(section)[0]
    api = f"/api/v1/sessions/{session.public_id}/"
    addresses = [history_of(session), f"{api}events/", f"{api}records/{student.student_id}/changes/"]
    outsider, own_student = make_teacher(), student.user
    for address in addresses:
        assert client_of(outsider).get(address).status_code == 404
        assert client_of(own_student).get(address).status_code == 403
        assert client.get(address).status_code in (302, 401)
        assert client_of(make_admin()).get(address).status_code == 200
        assert client_of(make_admin()).post(address).status_code in (403, 405)


# --- The API ----------------------------------------------------------------------------------------------


def test_api_gives_the_events_the_newest_first(session, teacher):
    lifecycle.take_step(session=session, step="lock", by=teacher, at=NOON + MINUTE)
    audit_log.record(session=session, action=Action.END, by=None, at=NOON + 2 * MINUTE)

    answer = client_of(teacher).get(f"/api/v1/sessions/{session.public_id}/events/")

    assert answer.json() == [
        {"action": "end", "done_at": "2026-11-20T12:02:00Z", "done_by": None, "detail": ""},
        {"action": "lock", "done_at": "2026-11-20T12:01:00Z", "done_by": "Asha", "detail": ""},
        {"action": "open", "done_at": "2026-11-20T12:00:00Z", "done_by": "Asha", "detail": ""},
    ]


def test_api_returns_the_changes_of_one_record(session, section, teacher):
    first, second, _ = students_of(section)
    mark(session, first, Status.PRESENT, 1)
    mark(session, first, None, 2, note="was somebody else")
    mark(session, second, Status.LATE, 3)

    address = f"/api/v1/sessions/{session.public_id}/records/{first.student_id}/changes/"
    answer = client_of(teacher).get(address)

    assert answer.json() == [
        {
            "changed_at": "2026-11-20T12:02:00Z",
            "changed_by": "Asha",
            "from_status": "present",
            "from_label": None,
            "from_reason": None,
            "from_method": "manual",
            "from_marked_at": "2026-11-20T12:01:00Z",
            "to_status": None,
            "to_label": None,
            "to_reason": None,
            "to_method": None,
            "note": "was somebody else",
        },
        {
            "changed_at": "2026-11-20T12:01:00Z",
            "changed_by": "Asha",
            "from_status": None,
            "from_label": None,
            "from_reason": None,
            "from_method": None,
            "from_marked_at": None,
            "to_status": "present",
            "to_label": None,
            "to_reason": None,
            "to_method": "manual",
            "note": "",
        },
    ]


def test_api_of_a_student_id_with_a_slash(teacher):
    student = make_student(student_id="2026/07")
    section = make_section(students=[student], teachers=[teacher])
    session = lifecycle.open_session(section=section, by=teacher, at=NOON)
    mark(session, student, Status.PRESENT, 1)
    address = f"/api/v1/sessions/{session.public_id}/records/2026/07/"
    assert len(client_of(teacher).get(f"{address}changes/").json()) == 1
    assert (
        client_of(teacher).get(f"/api/v1/sessions/{session.public_id}/records/no/changes/").status_code == 404
    )


def test_admin_shows_events_read_only(session):
    client = Client()
    client.force_login(make_admin())
    event = SessionEvent.objects.get()
    changed = f"/admin/qrsessions/sessionevent/{event.pk}/change/"
    assert client.get("/admin/qrsessions/sessionevent/").status_code == 200
    assert client.get(changed).status_code == 200
    assert client.post(changed, {"detail": "x"}).status_code == 403
    assert client.get("/admin/qrsessions/sessionevent/add/").status_code == 403
    assert (
        client.post(f"/admin/qrsessions/sessionevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403
    )


def test_deleting_the_meeting_in_the_admin_takes_its_events_along(session):
    client = Client()
    client.force_login(make_admin())
    client.post(f"/admin/attendance/meeting/{session.meeting_id}/delete/", {"post": "yes"})
    assert not SessionEvent.objects.exists()
