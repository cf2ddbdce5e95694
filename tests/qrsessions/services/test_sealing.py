"""Whatever changes an ended register seals it in the same transaction."""

import datetime

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, RegisterSeal, Status
from attendance.records import seals
from attendance.registers.verification.verify import Outcome, verify
from qrsessions.models import QRSession
from qrsessions.services import auto_end, groups, scanning
from tests.support import factories
from tests.support.classes import token_of
from tests.support.registers.seals import assert_sealed, numbers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(taught_class):
    """A class that was held: the first of three students present."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    taught_class.step(session, "end")
    return QRSession.objects.with_names().get(pk=session.pk)


def put(taught_class, session, number, status):
    student = taught_class.students[number].student_id
    return taught_class.as_teacher.put(
        f"/api/v1/sessions/{session.public_id}/records/{student}/", {"status": status}, format="json"
    )


def correct(taught_class, session):
    return put(taught_class, session, 1, "late")


def take_back(taught_class, session):
    return put(taught_class, session, 0, None)


def undo(taught_class, session):
    change = put(taught_class, session, 1, "late").json()["change"]
    address = f"/api/v1/sessions/{session.public_id}/undo/"
    return taught_class.as_teacher.post(address, {"change": change}, format="json")


def reopen_and_end(taught_class, session):
    assert taught_class.step(session, "reopen").status_code == 200
    verify_open(taught_class)
    return taught_class.step(session, "end")


def verify_open(taught_class):
    assert verify(taught_class.section).outcome == Outcome.AS_SEALED


def mark_the_rest(taught_class, session):
    assert put(taught_class, session, 1, None).status_code == 200
    address = f"/api/v1/sessions/{session.public_id}/records/bulk/"
    return taught_class.as_teacher.post(address, {"of": "unmarked", "status": "excused"}, format="json")


def show_code(taught_class, session):
    number = factories.students_of(taught_class.section)[2].student_id
    address = f"/api/v1/sessions/{session.public_id}/personal-codes/"
    return taught_class.as_teacher.post(address, {"number": number}, format="json")


def add_student(taught_class, session):
    student = factories.make_enrolment(section=taught_class.section, from_date=timezone.localdate()).student
    address = f"/api/v1/sessions/{session.public_id}/records/{student.student_id}/"
    return taught_class.as_teacher.put(address, {"status": "present"}, format="json")


def cancel(taught_class, session):
    return taught_class.as_teacher.post(
        f"/api/v1/meetings/{session.public_id}/cancel/", {"reason": "Strike"}, format="json"
    )


def cancel_and_restore(taught_class, session):
    assert cancel(taught_class, session).status_code == 200
    return taught_class.as_teacher.post(f"/api/v1/meetings/{session.public_id}/restore/")


@pytest.mark.parametrize(
    "change",
    [
        correct,
        take_back,
        undo,
        reopen_and_end,
        mark_the_rest,
        show_code,
        add_student,
        cancel,
        cancel_and_restore,
    ],
)
def test_every_change_of_an_ended_register_seals_it(taught_class, session, change):
    before = numbers(taught_class.section)
    assert before == [1]

    assert change(taught_class, session).status_code in (200, 201)

    assert_sealed(taught_class.section)
    assert len(numbers(taught_class.section)) > len(before)


def test_claim_that_arrives_after_the_end_is_sealed(taught_class):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    user = factories.user_of(taught_class.students[1])
    claim = scanning.arrive(
        token=token_of(session), user=user, student=taught_class.students[1], at=timezone.now()
    )
    taught_class.mark(session, 0)
    taught_class.step(session, "end")

    scanning.mark_by_claim(claim=claim, user=user, student=taught_class.students[1], at=timezone.now())

    assert AttendanceRecord.objects.get(student=taught_class.students[1]).status == Status.PRESENT
    assert_sealed(taught_class.section)
    assert numbers(taught_class.section) == [1, 2]


def test_admitted_scan_is_sealed(taught_class):
    session = taught_class.open()
    taught_class.join(session, 0)
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    taught_class.mark(session, 1)
    taught_class.step(session, "end")

    answer = taught_class.as_teacher.post(f"/api/v1/sessions/{session.public_id}/waiting/", {}, format="json")

    assert answer.status_code == 200
    assert AttendanceRecord.objects.get(student=taught_class.students[1]).status == Status.PRESENT
    assert_sealed(taught_class.section)
    assert numbers(taught_class.section) == [1, 2]


def test_end_by_itself_is_sealed_and_marking_those_who_joined_afterwards(taught_class):
    session = taught_class.open()
    taught_class.join(session, 0)
    later = timezone.now() + datetime.timedelta(hours=9)
    auto_end.end_forgotten(at=later, after=datetime.timedelta(hours=8))
    assert numbers(taught_class.section) == [1]

    address = f"/api/v1/sessions/{session.public_id}/records/bulk/"
    taught_class.as_teacher.post(address, {"of": "joined", "status": "present"}, format="json")

    assert_sealed(taught_class.section)
    assert numbers(taught_class.section) == [1, 2]


def test_typed_register_is_sealed_when_it_is_finished_and_corrected(taught_class):
    at = timezone.now() - datetime.timedelta(hours=2)
    planned = factories.make_planned(section=taught_class.section, starts_at=at)
    finish = f"/api/v1/meetings/{planned.public_id}/finish/"
    assert taught_class.as_teacher.post(finish, {"rest": "absent"}, format="json").status_code == 200

    assert put(taught_class, planned, 0, "late").status_code == 200

    assert_sealed(taught_class.section)
    assert numbers(taught_class.section) == [1, 2]


def test_discarded_session_is_sealed_as_discarded(taught_class):
    session = taught_class.open()
    taught_class.step(session, "end")
    assert taught_class.step(session, "discard").status_code == 204

    assert numbers(taught_class.section) == [1, 2]
    assert verify(taught_class.section).outcome == Outcome.AS_SEALED


def test_register_typed_after_its_session_was_discarded_is_sealed_as_a_whole(taught_class):
    at = timezone.now() - datetime.timedelta(minutes=5)
    planned = factories.make_planned(section=taught_class.section, starts_at=at)
    session = taught_class.open()
    assert session.pk == planned.pk
    taught_class.step(session, "end")
    taught_class.step(session, "discard")
    Meeting.objects.filter(pk=planned.pk).update(state="held", ended_at=at, roster_fixed_at=at)
    planned.refresh_from_db()
    factories.fill_register(planned)

    with transaction.atomic():
        seals.seal([planned], at=at, students=[])

    assert_sealed(taught_class.section)
    assert RegisterSeal.objects.get(number=3).is_whole


def test_session_that_never_ended_gets_no_seal(taught_class):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    put(taught_class, session, 1, "excused")
    put(taught_class, session, 0, None)
    assert taught_class.step(session, "lock").status_code == 409

    assert not RegisterSeal.objects.exists()


def test_group_is_sealed_section_by_section_in_three_statements(django_assert_num_queries):
    teacher = factories.make_teacher()
    counts = []
    for number in (2, 5):
        sections = [factories.make_section(students=2, teachers=[teacher]) for _ in range(number)]
        group = groups.open_group(sections=sections, by=teacher, at=timezone.now())
        with seal_statements() as statements:
            groups.take_group_step(group_session=group, step="end", by=teacher, at=timezone.now())
        counts.append(len(statements))
        for section in sections:
            assert_sealed(section)

    assert counts == [2, 2]


def test_correction_in_a_group_seals_each_register_that_it_changed(taught_class):
    shared = taught_class.students[0]
    other = factories.make_section(students=[shared], teachers=[taught_class.teacher])
    at = timezone.now()
    group = groups.open_group(sections=[taught_class.section, other], by=taught_class.teacher, at=at)
    groups.take_group_step(group_session=group, step="end", by=taught_class.teacher, at=at)
    session = QRSession.objects.get(meeting__section=other)

    assert put(taught_class, session, 0, "present").status_code == 200

    for section in (taught_class.section, other):
        assert_sealed(section)
        assert numbers(section) == [1, 2]


def test_without_its_seal_a_change_is_not_made(taught_class, session, monkeypatch):
    def broken(*args, **kwargs):
        raise DatabaseError

    monkeypatch.setattr(seals.RegisterSeal.objects, "bulk_create", broken)
    with pytest.raises(DatabaseError):
        put(taught_class, session, 1, "late")
    monkeypatch.undo()

    assert AttendanceRecord.objects.get(student=taught_class.students[1]).status == Status.ABSENT
    assert_sealed(taught_class.section)


# --- Registers from before there were seals --------------------------------------------------------------------


def test_command_seals_what_has_ended_and_finds_nothing_the_second_time(taught_class, session, capsys):
    at = timezone.now()
    old = [factories.make_meeting(section=factories.make_section(students=1), ended_at=at) for _ in range(25)]
    for meeting in old:
        factories.fill_register(meeting)
    factories.make_meeting()

    call_command("seal_registers")
    call_command("seal_registers")

    assert capsys.readouterr().out.splitlines() == ["25 registers sealed.", "0 registers sealed."]
    for meeting in [*old, session.meeting]:
        assert_sealed(meeting.section)
    assert RegisterSeal.objects.count() == 26


def test_correction_of_an_unsealed_register_seals_all_of_it(taught_class, session):
    other = factories.make_section(students=taught_class.students, teachers=[taught_class.teacher])
    unsealed = factories.make_session(section=other, status=factories.SessionStatus.ENDED)
    factories.fill_register(unsealed.meeting)

    assert put(taught_class, unsealed, 1, "late").status_code == 200

    assert_sealed(other)
    assert RegisterSeal.objects.get(section=other).is_whole


def seal_statements():
    """The statements that read or write seals, while the block runs."""
    return _Statements()


class _Statements(list[str]):
    def __enter__(self):
        self._wrapper = connection.execute_wrapper(self._note)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *args):
        self._wrapper.__exit__(*args)

    def _note(self, execute, sql, params, many, context):
        if "attendance_registerseal" in sql:
            self.append(sql)
        return execute(sql, params, many, context)
