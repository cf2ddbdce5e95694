"""A new record gets the student's roll number, or the student id if a student who left has a record with that number."""

import datetime

import pytest
from django.db import transaction
from django.utils import timezone

from attendance.models import AttendanceRecord, Meeting, Method, RosterEntry, Status
from attendance.records import added_section, by_hand, fixed_rosters, scans
from tests.support import factories

pytestmark = pytest.mark.django_db


def enter_by_hand(meeting, student, teacher):
    by_hand.mark_by_hand(
        meeting=meeting, student=student, status=Status.PRESENT, by=teacher, at=timezone.now()
    )


def enter_many(meeting, student, teacher):
    entries = list(meeting.roster.filter(student=student).select_related("student", "record"))
    by_hand.mark_many(entries, status=Status.PRESENT, by=teacher, at=timezone.now())


def scan(meeting, student, teacher):
    entry = RosterEntry.objects.find(meeting=meeting, student=student)
    scans.write_marks([scans.NewMark(entry, meeting, student, at=timezone.now(), method=Method.QR)])


def join(meeting, student, teacher):
    entry = RosterEntry.objects.find(meeting=meeting, student=student)
    scans.write_joins([scans.NewJoin(entry, meeting, student, at=timezone.now())])


def end(meeting, student, teacher):
    fixed_rosters.fix_rosters([meeting])


def add_to_a_fixed_roster(meeting, student, teacher):
    Meeting.objects.filter(pk=meeting.pk).update(roster_fixed_at=timezone.now())
    fixed_rosters.add_student(meeting=meeting, student=student)


def copy_from_another_section(meeting, student, teacher):
    other = factories.make_meeting(section=factories.make_section(students=[student]))
    factories.make_record(meeting=other, student=student, status=Status.PRESENT)
    added_section.copy_marks(to=meeting, others=[other])


WRITERS = [enter_by_hand, enter_many, scan, join, end, add_to_a_fixed_roster, copy_from_another_section]


@pytest.fixture
def meeting():
    """A meeting with one student on its roster, who has roll number 07 and no record."""
    section = factories.make_section()
    factories.make_enrolment(section=section, student=factories.make_student(), roll_number="07")
    return factories.make_meeting(section=section)


def write(writer, meeting) -> AttendanceRecord:
    student = meeting.section.enrolments.get().student
    with transaction.atomic():
        writer(meeting, student, factories.make_teacher())
    return AttendanceRecord.objects.get(meeting=meeting, student=student)


@pytest.mark.parametrize("writer", WRITERS)
def test_new_record_has_the_roll_number_of_the_enrolment(meeting, writer):
    assert write(writer, meeting).roll_number == "07"


@pytest.mark.parametrize("writer", WRITERS)
def test_new_record_has_the_student_id_if_the_roll_number_is_taken(meeting, writer):
    factories.make_record(meeting=meeting, roll_number="07", status=Status.EXCUSED)

    record = write(writer, meeting)

    assert record.roll_number == record.student.student_id


@pytest.mark.parametrize("writer", WRITERS)
def test_existing_record_keeps_its_roll_number(meeting, writer):
    student = meeting.section.enrolments.get().student
    factories.make_record(meeting=meeting, student=student, roll_number="old", joined_at=None)

    assert write(writer, meeting).roll_number == "old"


def test_copied_mark_has_the_moment_method_and_device_of_the_scan():
    student = factories.make_student()
    sections = [factories.make_section(students=[student]) for _ in range(2)]
    other, added = (factories.make_meeting(section=section) for section in sections)
    at = datetime.datetime(2026, 10, 5, 8, 0, 48, 123456, tzinfo=datetime.UTC)
    factories.make_record(
        meeting=other, student=student, status=Status.LATE, marked_at=at, method=Method.CODE, device="a" * 32
    )

    added_section.copy_marks(to=added, others=[other])

    record = AttendanceRecord.objects.get(meeting=added)
    assert (record.status, record.method, record.marked_at, record.device, record.joined_at) == (
        Status.PRESENT,
        Method.CODE,
        at,
        "a" * 32,
        None,
    )
