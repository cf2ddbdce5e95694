"""Rows that somebody alters in the database are named; what the application changes is not."""

import datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, RecordChange, RegisterSeal, Status
from attendance.registers.verification.verify import Outcome, verify
from qrsessions.services import corrections, lifecycle
from tests.support import factories
from tests.support.classes import correct
from tests.support.registers.seals import assert_sealed, numbers, tamper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(taught_class):
    """A class that was held: the first of three students present, then the third excused by hand."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    taught_class.step(session, "end")
    session.meeting.refresh_from_db()
    correct(taught_class, session, "excused", 2)
    return session


def record_of(taught_class, number):
    return AttendanceRecord.objects.get(student=taught_class.students[number])


def first_difference(section):
    found = verify(section)
    assert found.outcome == Outcome.ALTERED
    return found.first_difference


def test_register_is_as_the_application_left_it(taught_class, session):
    assert_sealed(taught_class.section)
    assert numbers(taught_class.section) == [1, 2]


def test_changed_status_is_named_with_both_marks(taught_class, session):
    tamper(
        "UPDATE attendance_attendancerecord SET status = 'present' WHERE id = %s",
        record_of(taught_class, 1).pk,
    )

    found = first_difference(taught_class.section)

    assert (found.what, found.meeting, found.student) == (
        "record_changed",
        session.meeting,
        taught_class.students[1],
    )
    assert (found.sealed.status, found.now.status) == (Status.ABSENT, Status.PRESENT)


@pytest.mark.parametrize(
    ("what", "number", "statement"),
    [
        (
            "record_changed",
            0,
            "UPDATE attendance_attendancerecord SET marked_at = marked_at - interval '1 min' WHERE student_id = %s",
        ),
        (
            "record_changed",
            2,
            "UPDATE attendance_attendancerecord SET marked_by_id = NULL WHERE student_id = %s",
        ),
        ("record_deleted", 1, "DELETE FROM attendance_attendancerecord WHERE student_id = %s"),
        (
            "change_deleted",
            2,
            "DELETE FROM attendance_recordchange WHERE record_id IN"
            " (SELECT id FROM attendance_attendancerecord WHERE student_id = %s)",
        ),
        (
            "change_changed",
            2,
            "UPDATE attendance_recordchange SET changed_at = changed_at - interval '1 day' WHERE record_id IN"
            " (SELECT id FROM attendance_attendancerecord WHERE student_id = %s)",
        ),
        (
            "change_added",
            1,
            "INSERT INTO attendance_recordchange (record_id, changed_at, from_status, from_method, note)"
            " SELECT id, marked_at, 'present', 'qr', '' FROM attendance_attendancerecord WHERE student_id = %s",
        ),
    ],
)
def test_altered_row_is_named(taught_class, session, what, number, statement):
    student = taught_class.students[number]
    tamper(statement, student.pk)

    found = first_difference(taught_class.section)

    assert (found.what, found.meeting, found.student) == (what, session.meeting, student)


def test_added_record_is_named(taught_class, session):
    student = factories.make_student()
    factories.make_record(meeting=session.meeting, student=student, status=Status.PRESENT)

    found = first_difference(taught_class.section)

    assert (found.what, found.student, found.sealed) == ("record_added", student, None)
    assert found.now.status == Status.PRESENT


def test_swapped_marks_are_named(taught_class, session):
    one, other = record_of(taught_class, 0), record_of(taught_class, 1)
    marks = {one.pk: (other.status, other.method), other.pk: (one.status, one.method)}
    for pk, (status, method) in marks.items():
        tamper(
            "UPDATE attendance_attendancerecord SET status = %s, method = %s WHERE id = %s",
            status,
            method,
            pk,
        )

    assert first_difference(taught_class.section).what == "record_changed"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attendance_meeting SET date = date - 1 WHERE id = %s",
        "UPDATE attendance_meeting SET state = 'cancelled' WHERE id = %s",
        "UPDATE attendance_meeting SET state = 'open', ended_at = NULL WHERE id = %s",
    ],
)
def test_changed_class_is_named(taught_class, session, statement):
    tamper(statement, session.pk)

    found = first_difference(taught_class.section)

    assert (found.what, found.meeting) == ("meeting_changed", session.meeting)


def test_deleted_class_is_named(taught_class, session):
    tamper("DELETE FROM attendance_meeting WHERE id = %s", session.pk)

    found = first_difference(taught_class.section)

    assert (found.what, found.meeting) == ("meeting_deleted", None)


def test_the_earliest_class_is_named_first(taught_class, session):
    later = taught_class.open()
    taught_class.step(later, "end")
    tamper("UPDATE attendance_attendancerecord SET marked_by_id = NULL, marked_at = now()")

    assert first_difference(taught_class.section).meeting == session.meeting


# --- Alterations that a later change would cover ---------------------------------------------------------------


def test_altered_mark_is_named_after_another_student_was_corrected(taught_class, session):
    student = taught_class.students[1]
    tamper("UPDATE attendance_attendancerecord SET status = 'late' WHERE student_id = %s", student.pk)
    correct(taught_class, session, "late", 2)

    assert first_difference(taught_class.section).student == student


def test_altered_mark_is_named_after_the_same_student_was_corrected(taught_class, session):
    student = taught_class.students[1]
    tamper("UPDATE attendance_attendancerecord SET status = 'late' WHERE student_id = %s", student.pk)
    correct(taught_class, session, "present", 1)

    found = first_difference(taught_class.section)

    assert (found.what, found.seal, found.student) == ("record_changed", 3, student)
    assert (found.sealed.status, found.now.status) == (Status.ABSENT, Status.LATE)


def test_forged_change_is_named_after_the_same_student_was_corrected(taught_class, session):
    record = record_of(taught_class, 1)
    at = timezone.now()
    tamper(
        "UPDATE attendance_attendancerecord SET status = 'late', method = 'manual', marked_at = %s WHERE id = %s",
        at,
        record.pk,
    )
    RecordChange.objects.create(
        record=record,
        changed_at=at,
        from_status=record.status,
        from_method=record.method,
        from_marked_at=record.marked_at,
        to_status="late",
        to_method="manual",
    )
    correct(taught_class, session, "present", 1)

    found = first_difference(taught_class.section)

    assert (found.what, found.seal, found.student) == ("change_added", 3, taught_class.students[1])


def test_altered_mark_is_named_after_the_session_was_reopened(taught_class, session):
    student = taught_class.students[0]
    tamper("UPDATE attendance_attendancerecord SET status = 'late' WHERE student_id = %s", student.pk)
    taught_class.step(session, "reopen")
    taught_class.step(session, "end")

    found = first_difference(taught_class.section)

    assert (found.what, found.student) == ("record_changed", student)


# --- Seals ------------------------------------------------------------------------------------------------------


def test_deleted_mark_is_named_after_the_session_was_reopened(taught_class, session):
    record = record_of(taught_class, 0)
    tamper("DELETE FROM attendance_attendancerecord WHERE id = %s", record.pk)
    taught_class.step(session, "reopen")
    taught_class.step(session, "end")

    found = first_difference(taught_class.section)

    assert (found.what, found.student) == ("record_deleted", taught_class.students[0])


def test_moved_class_is_named_after_a_student_was_corrected(taught_class, session):
    tamper("UPDATE attendance_meeting SET date = date - 7 WHERE id = %s", session.meeting_id)
    correct(taught_class, session, "late", 1)

    assert first_difference(taught_class.section).what == "meeting_changed"


def test_mark_that_was_added_is_named_after_it_was_corrected(taught_class, session):
    mark = {"session": session, "student": taught_class.students[0], "by": taught_class.teacher}
    corrections.correct(**mark, status=None, at=timezone.now())
    tamper(
        "UPDATE attendance_attendancerecord SET status = 'present', method = 'manual', marked_at = now() WHERE id = %s",
        record_of(taught_class, 0).pk,
    )
    correct(taught_class, session, "late", 0)

    found = first_difference(taught_class.section)

    assert (found.what, found.student) == ("record_changed", taught_class.students[0])


def test_seals_are_neither_changed_nor_deleted(session):
    for write in (lambda: RegisterSeal.objects.update(number=9), lambda: RegisterSeal.objects.all().delete()):
        with pytest.raises(IntegrityError, match="neither changed nor deleted"), transaction.atomic():
            write()

    assert numbers(session.meeting.section) == [1, 2]


@pytest.mark.parametrize("number", [1, 2])
def test_deleted_seal_is_named(taught_class, session, number):
    correct(taught_class, session, "late", 2)
    tamper("DELETE FROM attendance_registerseal WHERE number = %s", number)

    found = first_difference(taught_class.section)

    assert (found.what, found.seal) == ("seal_deleted", number)


def test_deleted_last_seal_leaves_its_change_without_one(taught_class, session):
    correct(taught_class, session, "late", 2)
    tamper("DELETE FROM attendance_registerseal WHERE number = 3")

    found = first_difference(taught_class.section)

    assert (found.what, found.student) == ("record_changed", taught_class.students[2])


@pytest.mark.parametrize(
    "change",
    [
        "content = replace(content, 'absent', 'present')",
        "made_at = made_at - interval '1 day'",
        "is_whole = FALSE",
        "mac = repeat('0', 64)",
    ],
)
def test_changed_seal_is_named(taught_class, session, change):
    tamper(f"UPDATE attendance_registerseal SET {change} WHERE number = 1")

    found = first_difference(taught_class.section)

    assert (found.what, found.seal, found.meeting) == ("seal_changed", 1, session.meeting)


def test_swapped_seals_are_named(taught_class, session):
    tamper("UPDATE attendance_registerseal SET number = number + 10")
    tamper("UPDATE attendance_registerseal SET number = 13 - number")

    found = first_difference(taught_class.section)

    assert (found.what, found.seal) == ("seal_changed", 1)


# --- Keys and names ----------------------------------------------------------------------------------------------


def test_former_key_still_verifies_and_the_new_one_goes_on_with_the_chain(taught_class, session, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    correct(taught_class, session, "late", 2)

    assert_sealed(taught_class.section)
    assert RegisterSeal.objects.values("key_id").distinct().count() == 2


def test_without_the_former_key_nothing_is_called_altered(taught_class, session, settings):
    settings.SECRET_KEY = "another"

    assert verify(taught_class.section).outcome == Outcome.KEY_MISSING


def test_names_can_be_erased(taught_class, session):
    for student in taught_class.students:
        student.name, student.student_id, student.email = "–", f"erased {student.pk}", ""
        student.save()
        student.user.delete()
    taught_class.teacher.first_name = taught_class.teacher.username = "erased"
    taught_class.teacher.save()

    assert_sealed(taught_class.section)


# --- Held meetings stay ---------------------------------------------------------------------------------------


def test_held_meeting_cannot_be_deleted(session):
    for meeting in (session.meeting, factories.make_meeting(ended_at=timezone.now())):
        with pytest.raises(IntegrityError, match="only cancelled"), transaction.atomic():
            meeting.delete()
    assert Meeting.objects.count() == 2


def test_reopened_or_cancelled_meeting_cannot_be_deleted_and_others_can(taught_class, session):
    Meeting.objects.filter(pk=session.pk).update(state="cancelled")
    with pytest.raises(IntegrityError, match="only cancelled"), transaction.atomic():
        session.meeting.delete()
    Meeting.objects.filter(pk=session.pk).update(state="held")
    lifecycle.take_step(session=session, step="reopen", by=taught_class.teacher, at=timezone.now())
    with pytest.raises(IntegrityError, match="only cancelled"), transaction.atomic():
        session.meeting.delete()

    at = timezone.now() + datetime.timedelta(days=1)
    factories.make_planned(section=taught_class.section, starts_at=at).delete()
    factories.make_meeting().delete()

    assert Meeting.objects.get() == session.meeting


def test_correction_that_changes_nothing_adds_no_seal(taught_class, session):
    correct(taught_class, session, "excused", 2)
    correct(taught_class, session, "excused", 2)

    assert numbers(taught_class.section) == [1, 2]


def test_seal_is_not_left_by_a_correction_that_is_rolled_back(taught_class, session):
    with transaction.atomic():
        correct(taught_class, session, "late", 1)
        assert numbers(taught_class.section) == [1, 2, 3]
        transaction.set_rollback(True)

    assert numbers(taught_class.section) == [1, 2]
    assert_sealed(taught_class.section)
