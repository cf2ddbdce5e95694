"""Registers that lock some days after their meeting: what is refused then, what passes, and unlocking."""

import datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, MeetingState, Method, RecordChange, Status
from qrsessions.models import Action, GroupSession, QRSession, RefusedScan, SessionEvent, SessionStatus
from qrsessions.services import meetings
from tests.support import factories
from tests.support.classes import client_of, token_of
from tests.support.pages import text_of
from tests.support.postgres.database import everything_written
from tests.support.races import run_concurrently

pytestmark = pytest.mark.usefixtures("empty_redis")

DAYS = 7
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _locks(settings):
    settings.REGISTER_LOCK_DAYS = DAYS


def held(section, *, days_ago=DAYS + 1, **fields):
    """A session that ended this many days ago, with a record for each student: one present, the others absent."""
    at = timezone.now() - days_ago * DAY
    session = factories.make_session(section=section, status=SessionStatus.ENDED, at=at, **fields)
    for number, student in enumerate(factories.students_of(section)):
        status, method = (Status.PRESENT, Method.QR) if number == 0 else (Status.ABSENT, Method.END)
        roll = f"{number + 1:02}"
        factories.make_record(
            meeting=session.meeting, student=student, status=status, method=method, roll_number=roll
        )
    return session


@pytest.fixture
def locked(taught_class):
    return held(taught_class.section)


def everything():
    return everything_written(), list(Meeting.objects.values()), list(SessionEvent.objects.values())


def refusal(session):
    """What every change of a locked register is answered with."""
    meeting = session.meeting
    day = f"{meeting.date.day} {meeting.date:%b %Y}"
    return {
        "code": "register_locked",
        "detail": f"The register of {meeting.section} on {day} is locked, so nothing was changed. "
        "An administrator can unlock it.",
        "meeting": meeting.public_id,
    }


def browser_of(user):
    browser = Client()
    browser.force_login(user)
    return browser


def put(taught_class, session, number, status):
    address = f"/api/v1/sessions/{session.public_id}/records/{taught_class.students[number].student_id}/"
    return taught_class.as_teacher.put(address, {"status": status}, format="json")


def post(taught_class, address, body=None):
    return taught_class.as_teacher.post(f"/api/v1/{address}", body or {}, format="json")


def test_register_can_be_changed_until_the_last_day_and_not_on_the_next(taught_class):
    last = held(taught_class.section, days_ago=DAYS)
    late = held(taught_class.section, days_ago=DAYS + 1)

    assert put(taught_class, last, 1, "present").status_code == 200
    answer = put(taught_class, late, 1, "present")
    assert (answer.status_code, answer.json()) == (409, refusal(late))


def test_registers_never_lock_without_the_setting(taught_class, settings):
    settings.REGISTER_LOCK_DAYS = 0
    old = held(taught_class.section, days_ago=900)

    assert put(taught_class, old, 1, "present").status_code == 200
    assert old.meeting.locks_on is None


def correction(taught_class, session):
    return put(taught_class, session, 1, "present")


def removal(taught_class, session):
    return put(taught_class, session, 0, None)


def addition(taught_class, session):
    student = factories.make_student()
    factories.make_enrolment(section=taught_class.section, student=student, roll_number="77")
    taught_class.students.append(student)
    return put(taught_class, session, -1, "present")


def undoing(taught_class, session):
    record = AttendanceRecord.objects.get(meeting=session.meeting_id, roll_number="02")
    change = RecordChange.objects.create(
        record=record,
        changed_by=taught_class.teacher,
        changed_at=record.marked_at,
        to_status=record.status,
        to_method=record.method,
    )
    return post(taught_class, f"sessions/{session.public_id}/undo/", {"change": change.pk})


def marking_many(taught_class, session):
    body = {"of": "unmarked", "status": "present"}
    return post(taught_class, f"sessions/{session.public_id}/records/bulk/", body)


def admitting(taught_class, session):
    RefusedScan.objects.create(
        session=session, student=taught_class.students[1], scanned_at=timezone.now(), method=Method.QR
    )
    body = {"admit": "all"}
    return post(taught_class, f"sessions/{session.public_id}/waiting/", body)


def reopening(taught_class, session):
    return post(taught_class, f"sessions/{session.public_id}/reopen/")


def cancelling(taught_class, session):
    return post(taught_class, f"meetings/{session.public_id}/cancel/", {"reason": "strike"})


def restoring(taught_class, session):
    Meeting.objects.filter(pk=session.pk).update(state=MeetingState.CANCELLED)
    return post(taught_class, f"meetings/{session.public_id}/restore/")


def discarding(taught_class, session):
    AttendanceRecord.objects.update(status=Status.ABSENT, method=Method.END)
    return post(taught_class, f"sessions/{session.public_id}/discard/")


@pytest.mark.parametrize(
    "change",
    [
        correction,
        removal,
        addition,
        undoing,
        marking_many,
        admitting,
        reopening,
        cancelling,
        restoring,
        discarding,
    ],
)
def test_locked_register_refuses_every_change_and_stays_as_it_is(taught_class, locked, monkeypatch, change):
    before = []
    request = type(taught_class.as_teacher).request

    def remembering(client, **environment):
        before.append(everything())
        return request(client, **environment)

    monkeypatch.setattr(type(taught_class.as_teacher), "request", remembering)

    answer = change(taught_class, locked)

    assert (answer.status_code, answer.json()) == (409, refusal(locked))
    assert before == [everything()]


def test_typed_register_locks_once_it_has_been_saved(taught_class):
    starts_at = timezone.now() - (DAYS + 3) * DAY
    meeting = factories.make_planned(section=taught_class.section, starts_at=starts_at)
    body = {"status": "late"}
    address = f"/api/v1/sessions/{meeting.public_id}/records/{taught_class.students[0].student_id}/"

    # The first taking passes, however late it is.
    assert taught_class.as_teacher.put(address, body, format="json").status_code == 200
    assert post(taught_class, f"meetings/{meeting.public_id}/finish/", {"rest": "absent"}).status_code == 200
    answer = taught_class.as_teacher.put(address, {"status": "present"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "register_locked")
    form = {f"status-{taught_class.students[0].student_id}": "present"}
    page = browser_of(taught_class.teacher).post(f"/teach/meetings/{meeting.public_id}/", form, follow=True)
    assert "is locked, so nothing was changed" in text_of(page)
    assert list(meeting.records.order_by("roll_number").values_list("status", flat=True)) == [
        "late",
        "absent",
        "absent",
    ]


def test_register_that_was_not_taken_can_still_be_taken(taught_class, locked):
    AttendanceRecord.objects.update(status=None, method=None, marked_at=None)

    answer = marking_many(taught_class, locked)

    assert (answer.status_code, answer.json()["changed"]) == (200, 3)
    assert marking_many(taught_class, locked).json()["changed"] == 0
    assert correction(taught_class, locked).json() == refusal(locked)


def test_session_that_is_still_open_is_marked_and_ended_and_locks_then(taught_class):
    at = timezone.now() - (DAYS + 2) * DAY
    session = factories.make_session(section=taught_class.section, status=SessionStatus.ACTIVE, at=at)
    factories.make_record(meeting=session.meeting, student=taught_class.students[0], roll_number="01")
    session = QRSession.objects.with_names().get(pk=session.pk)

    assert taught_class.mark(session, token=token_of(session)).status_code == 201
    assert taught_class.step(session, "end").status_code == 200
    assert correction(taught_class, session).json()["code"] == "register_locked"


@pytest.fixture
def group(taught_class):
    """A group that ended a day before its registers lock. The first student is in both of its sections."""
    other = factories.make_section(students=1, teachers=[taught_class.teacher])
    factories.make_enrolment(section=other, student=taught_class.students[0], roll_number="09")
    group = factories.make_group()
    sessions = [held(section, days_ago=DAYS, group=group) for section in (taught_class.section, other)]
    record = AttendanceRecord.objects.filter(student=taught_class.students[0])
    record.update(status=Status.ABSENT, method=Method.END)
    GroupSession.objects.create(
        group=group, opened_by=taught_class.teacher, created_at=sessions[0].created_at
    )
    return sessions


def test_group_correction_that_meets_a_locked_register_changes_nothing_and_names_it(taught_class, group):
    here, other = group
    Meeting.objects.filter(pk=other.pk).update(date=other.meeting.date - DAY)
    other.meeting.refresh_from_db()
    before = everything()

    answer = put(taught_class, here, 0, "present")

    assert (answer.status_code, answer.json()) == (409, refusal(other))
    assert everything() == before
    # A student who is only here is corrected.
    assert put(taught_class, here, 1, "present").status_code == 200


def test_group_is_reopened_and_marked_in_all_sections_or_in_none(taught_class, group):
    here, other = group
    public_id = here.meeting.group.public_id
    Meeting.objects.filter(pk=other.pk).update(date=other.meeting.date - DAY)
    other.meeting.refresh_from_db()
    before = everything()

    reopened = post(taught_class, f"group-sessions/{public_id}/reopen/")
    body = {"of": "unmarked", "status": "present"}
    marked = post(taught_class, f"group-sessions/{public_id}/records/bulk/", body)

    assert [answer.json() for answer in (reopened, marked)] == [refusal(other)] * 2
    assert everything() == before


def test_administrator_unlocks_a_register_for_as_many_days_again(taught_class, locked, time_machine):
    admin = client_of(factories.make_admin())
    address = f"/api/v1/meetings/{locked.public_id}/unlock-register/"

    refused = taught_class.as_teacher.post(address)
    assert (refused.status_code, refused.json()["code"]) == (403, "admins_only")
    assert not SessionEvent.objects.exists()

    assert admin.post(address).status_code == 200
    assert SessionEvent.objects.get().action == Action.UNLOCK_REGISTER
    assert admin.post(address).json()["code"] == "not_locked"
    assert correction(taught_class, locked).status_code == 200

    time_machine.move_to(timezone.now() + (DAYS + 1) * DAY)
    assert removal(taught_class, locked).json() == refusal(locked)


def test_two_administrators_unlock_a_register_once(taught_class, locked):
    admins = [factories.make_admin() for _ in range(2)]

    def unlock(admin):
        try:
            meetings.unlock_register(meeting=locked.meeting, by=admin, at=timezone.now())
        except meetings.NotLocked:
            return "not locked"
        return "unlocked"

    answers = run_concurrently(*(lambda admin=admin: unlock(admin) for admin in admins))

    assert sorted(answers) == ["not locked", "unlocked"]
    assert SessionEvent.objects.count() == 1


def test_page_of_a_locked_session_says_so_and_offers_no_change(taught_class, locked):
    address = f"/teach/sessions/{locked.public_id}/"
    page = browser_of(taught_class.teacher).get(address)
    day = locked.meeting.date + (DAYS + 1) * DAY

    assert f"locked since {day.day} {day:%b %Y}" in text_of(page)
    for word in ("unlock-register/", "reopen/", f"{locked.public_id}/mark/?", "/cancel/"):
        assert word not in page.content.decode(), word

    admin = browser_of(factories.make_admin())
    assert "Unlock register" in admin.get(address).content.decode()
    page = admin.post(f"/teach/meetings/{locked.public_id}/unlock-register/", follow=True).content.decode()
    assert "The register is unlocked." in page
    assert "reopen/" in page


@pytest.mark.parametrize("address", ["mark/?student={student}", "bulk/?of=unmarked", "admit/"])
def test_forms_that_were_open_say_that_the_register_is_locked(taught_class, locked, address):
    student = taught_class.students[1]
    RefusedScan.objects.create(session=locked, student=student, scanned_at=timezone.now(), method=Method.QR)
    form = {"student": student.student_id, "status": "present", "of": "unmarked"}
    before = everything()

    address = f"/teach/sessions/{locked.public_id}/{address.format(student=student.student_id)}"
    page = browser_of(taught_class.teacher).post(address, form, follow=True)

    assert "is locked, so nothing was changed" in text_of(page)
    assert everything() == before


def test_migrations_keep_meetings_and_their_history(transactional_db):
    session = factories.make_session(status=SessionStatus.ENDED)
    event = SessionEvent.objects.create(meeting=session.meeting, action=Action.OPEN, done_at=timezone.now())
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    try:
        executor.migrate(
            [("qrsessions", "0010_meeting_actions"), ("attendance", "0033_validate_status_labels")]
        )
        with connection.cursor() as cursor:
            columns = connection.introspection.get_table_description(cursor, "attendance_meeting")
        assert "unlocked_at" not in {column.name for column in columns}
    finally:
        MigrationExecutor(connection).migrate(leaves)

    assert Meeting.objects.get().unlocked_at is None
    assert SessionEvent.objects.get() == event
    SessionEvent.objects.create(
        meeting=session.meeting, action=Action.UNLOCK_REGISTER, done_at=timezone.now()
    )
