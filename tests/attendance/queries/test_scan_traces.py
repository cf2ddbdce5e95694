"""What is unusual about scans is found in one query, and names only students of the class."""

import datetime

import pytest

from attendance.models import Method, Status
from attendance.queries.scan_traces import Flag, ScanTraces, scan_traces
from attendance.queries.shared_devices import Sharer
from tests.support import factories

PHONE = "a" * 32
OTHER_PHONE = "b" * 32
NOW = datetime.datetime(2026, 10, 5, 8, 0, tzinfo=datetime.UTC)


@pytest.fixture
def section(db):
    return factories.make_section(students=3)


def meeting_of(section, *, days_ago: float = 0, group=None):
    starts_at = NOW - datetime.timedelta(days=days_ago)
    ended_at = starts_at + datetime.timedelta(hours=1) if days_ago else None
    return factories.make_meeting(section=section, starts_at=starts_at, ended_at=ended_at, group=group)


def scan(meeting, student, device=PHONE, *, status=Status.PRESENT, **fields):
    return factories.make_record(meeting=meeting, student=student, status=status, device=device, **fields)


def traces_of(record):
    return scan_traces(record.meeting).get(record.pk, ScanTraces())


def test_usual_scans_have_no_traces(section, django_assert_num_queries):
    ada, bob, _ = factories.students_of(section)
    for days_ago in (7, 0):
        meeting = meeting_of(section, days_ago=days_ago)
        scan(meeting, ada, PHONE)
        scan(meeting, bob, OTHER_PHONE)

    with django_assert_num_queries(1):
        assert scan_traces(meeting) == {}


@pytest.mark.parametrize("method", [Method.QR, Method.CODE, Method.CLAIM])
@pytest.mark.parametrize(
    ("device", "by_program", "flags"),
    [("", False, [Flag.NO_DEVICE]), ("", True, [Flag.BY_PROGRAM]), (PHONE, False, [])],
)
def test_program_and_unknown_phone_are_flagged(section, method, device, by_program, flags):
    record = scan(
        meeting_of(section), factories.students_of(section)[0], device, method=method, by_program=by_program
    )

    assert list(traces_of(record).flags) == flags


@pytest.mark.parametrize("method", [Method.MANUAL, Method.IMPORT, Method.END])
def test_only_scans_are_flagged(section, method):
    record = scan(meeting_of(section), factories.students_of(section)[0], "", method=method)

    assert traces_of(record) == ScanTraces()


def test_phone_is_new_if_the_student_was_marked_from_another_one_before(section):
    ada, bob, _ = factories.students_of(section)
    earlier, meeting = meeting_of(section, days_ago=7), meeting_of(section)
    scan(earlier, ada, OTHER_PHONE)
    first = scan(meeting, ada, PHONE)
    # Bob's first scan of all, and none of a phone.
    scan(earlier, bob, "")
    scan(meeting, bob, "c" * 32)

    assert scan_traces(meeting) == {first.pk: ScanTraces((Flag.NEW_DEVICE,))}


def test_no_phone_is_new_on_the_first_day_of_an_institution(section):
    """Nor in the second class of that day."""
    students = factories.students_of(section)
    for hours in (4, 0):
        meeting = meeting_of(section, days_ago=hours / 24)
        for number, student in enumerate(students):
            scan(meeting, student, f"{number:032}")

        assert scan_traces(meeting) == {}


def test_known_phone_is_not_new_again(section):
    ada = factories.students_of(section)[0]
    for days_ago, device in ((14, PHONE), (7, OTHER_PHONE)):
        scan(meeting_of(section, days_ago=days_ago), ada, device)

    assert traces_of(scan(meeting_of(section), ada, PHONE)).flags == ()


def test_phone_that_marked_a_classmate_on_another_day_names_them(section):
    ada, bob, _ = factories.students_of(section)
    earlier = scan(meeting_of(section, days_ago=7), bob)
    factories.fill_register(earlier.meeting)
    record = scan(meeting_of(section), ada)

    assert traces_of(record).other_days == (Sharer(bob.student_id, "02", bob.name),)
    # Both days show it.
    assert traces_of(earlier).other_days == (Sharer(ada.student_id, "01", ada.name),)


def test_phone_that_marked_a_student_of_another_class_names_nobody(section):
    stranger = factories.make_student()
    scan(meeting_of(factories.make_section(students=[stranger]), days_ago=7), stranger)
    record = scan(meeting_of(section), factories.students_of(section)[0])

    assert traces_of(record) == ScanTraces((Flag.DEVICE_OF_OTHERS,))


@pytest.mark.parametrize(
    ("days_ago", "status"), [(31, Status.PRESENT), (7, Status.ABSENT), (7, Status.EXCUSED)]
)
def test_old_marks_and_absences_of_a_phone_do_not_matter(section, days_ago, status):
    ada, bob, _ = factories.students_of(section)
    scan(meeting_of(section, days_ago=days_ago), bob, status=status)

    assert traces_of(scan(meeting_of(section), ada)) == ScanTraces()


def test_sections_of_one_group_are_one_class(section):
    """``shared_devices`` finds them already."""
    group = factories.make_group()
    ada, bob, _ = factories.students_of(section)
    here = meeting_of(section, group=group)
    there = meeting_of(factories.make_section(students=[bob]), group=group)
    scan(here, ada)
    scan(there, bob)

    assert scan_traces(here) == scan_traces(there) == {}
