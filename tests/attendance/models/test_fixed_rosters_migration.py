"""The migration that fixes the rosters of ended meetings, on the rows of a database that is in use."""

from importlib import import_module

import pytest
from django.db import connection

from tests.support.postgres.database import database_at, migrate_to

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("attendance", "0015_traces_of_scans"), ("qrsessions", "0008_scans_by_programs")]
AFTER = [("attendance", "0016_fixed_rosters")]

# Sections 1 to 3, students 1 to 6, and meetings whose id is ten times that of their section, plus a number.
ROWS = """
    INSERT INTO attendance_course (id, code, title) VALUES (1, 'CS101', 'Computing');
    INSERT INTO attendance_section (id, name, term, external_id, course_id)
         SELECT number, 'S' || number, '', '', 1 FROM generate_series(1, 3) AS number;
    INSERT INTO attendance_student (id, student_id, name, email)
         SELECT number, 'T' || number, 'Student ' || number, '' FROM generate_series(1, 6) AS number;
    INSERT INTO attendance_meetinggroup (id, public_id, title, created_at)
         VALUES (1, 'G0000001', 'Lecture', '2026-10-05 08:00Z');
"""


def execute(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def rows(query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def add_meeting(pk, *, section, state="held", group=None):
    """A meeting of 5 October, 8 to 9. An open one was reopened."""
    execute(
        "INSERT INTO attendance_meeting (id, public_id, section_id, group_id, state, starts_at, opened_at, date,"
        " ended_at, roster_fixed_at)"
        " VALUES (%s, %s, %s, %s, %s, '2026-10-05 08:00Z', '2026-10-05 08:00Z', '2026-10-05', %s, '2026-10-05 09:00Z')",
        [pk, f"{pk:08}", section, group, state, None if state == "open" else "2026-10-05 09:00Z"],
    )


def add_record(meeting, student, status=None, method="qr", *, at="2026-10-05 08:30Z", joined=True):
    execute(
        "INSERT INTO attendance_attendancerecord (meeting_id, student_id, roll_number, joined_at, marked_at, status,"
        " method, device) VALUES (%s, %s, %s, %s, %s, %s, %s, '')",
        [
            meeting,
            student,
            f"0{student}",
            "2026-10-05 08:01Z" if joined else None,
            at if status else None,
            status,
            method if status else None,
        ],
    )


def absent(meeting, student):
    add_record(meeting, student, "absent", "end", at="2026-10-05 09:00Z", joined=False)


def enrol(section, *students):
    for student in students:
        execute(
            "INSERT INTO attendance_enrolment (section_id, student_id, roll_number, from_date)"
            " VALUES (%s, %s, %s, '2026-09-01')",
            [section, student, f"0{student}"],
        )


def roster(columns="meeting_id, student_id"):
    return rows(f"SELECT {columns} FROM attendance_roster ORDER BY meeting_id, student_id")


def totals():
    """How many students count, joined and are present, by meeting."""
    return rows(
        "SELECT roster.meeting_id, count(*), count(record.joined_at),"
        "       count(*) FILTER (WHERE record.status IN ('present', 'late'))"
        "  FROM attendance_roster roster"
        "  LEFT JOIN attendance_attendancerecord record ON record.id = roster.record_id"
        " WHERE counts GROUP BY 1 ORDER BY 1"
    )


@pytest.fixture
def before(monkeypatch):
    monkeypatch.setattr(import_module("attendance.migrations.0016_fixed_rosters"), "BATCH_SIZE", 2)
    with database_at(BEFORE):
        execute(ROWS)
        yield


def test_backdated_student_leaves_the_register_and_no_record_changes(before):
    enrol(1, 1, 2)
    add_meeting(10, section=1)
    add_record(10, 1, "present")
    absent(10, 2)
    enrol(1, 3)
    records = rows("SELECT * FROM attendance_attendancerecord ORDER BY id")
    assert roster() == [(10, 1), (10, 2), (10, 3)]

    migrate_to(AFTER)

    assert roster() == [(10, 1), (10, 2)]
    assert rows("SELECT * FROM attendance_attendancerecord ORDER BY id") == records


def test_numbers_of_an_ended_group_stay_whatever_is_enrolled_afterwards(before):
    # Student 1 is in sections 2 and 3, student 2 in 2, student 3 in 3, where it joined; 4 had joined 3 and is in 2 too.
    enrol(2, 1, 2, 4)
    enrol(3, 1, 3, 4)
    for section in (1, 2, 3):
        add_meeting(section * 10, section=section, group=1)
    for meeting, student in [(20, 1), (30, 1), (20, 2), (30, 3), (20, 4), (30, 4)]:
        add_record(meeting, student, "present", joined=(meeting, student) in [(20, 1), (30, 3), (30, 4)])
    execute("INSERT INTO attendance_groupseat (group_id, student_id, meeting_id) VALUES (1, 4, 30)")
    numbers = totals()
    assert numbers == [(20, 2, 1, 2), (30, 2, 2, 2)]

    migrate_to(AFTER)

    assert totals() == numbers
    assert rows("SELECT student_id, meeting_id FROM attendance_groupseat ORDER BY 1") == [(1, 20), (4, 30)]
    # Section 1 has the lowest id.
    enrol(1, 1, 2, 3, 4)
    assert totals() == numbers


def test_student_backdated_into_a_lower_section_of_a_group_counts_where_marked(before):
    enrol(2, 1, 2)
    for section in (1, 2):
        add_meeting(section * 10, section=section, group=1)
    add_record(20, 1, "present")
    add_record(20, 2, "present")
    enrol(1, 1)
    assert totals() == [(10, 1, 0, 0), (20, 1, 1, 1)]

    migrate_to(AFTER)

    assert totals() == [(20, 2, 2, 2)]


def test_register_that_was_not_taken_keeps_its_students(before):
    enrol(1, 1, 2, 3)
    add_meeting(10, section=1)
    add_record(10, 1)
    # By hand, the day after.
    add_record(10, 2, "present", "manual", at="2026-10-06 08:00Z", joined=False)
    numbers = totals()

    migrate_to(AFTER)

    assert roster() == [(10, 1), (10, 2), (10, 3)]
    assert totals() == numbers
    assert rows(
        "SELECT roll_number, joined_at, status FROM attendance_attendancerecord WHERE student_id = 3"
    ) == [("03", None, None)]


def test_reopened_session_keeps_the_students_whose_absences_were_deleted(before):
    enrol(1, 1, 2)
    add_meeting(10, section=1, state="open")
    add_record(10, 1, "present")

    migrate_to(AFTER)

    assert roster("student_id, record_id IS NULL") == [(1, False), (2, False)]


def test_session_that_ended_without_students_stays_without(before):
    add_meeting(10, section=1)
    enrol(1, 1)

    migrate_to(AFTER)

    assert roster() == []


def test_migration_can_be_run_again_and_taken_back(before):
    enrol(1, 1, 2)
    add_meeting(10, section=1)
    add_record(10, 1, "present")
    module = import_module("attendance.migrations.0016_fixed_rosters")
    with connection.schema_editor(atomic=False) as editor:
        module.write_seats(None, editor)
        module.write_empty_records(None, editor)

    migrate_to(AFTER)
    assert roster() == [(10, 1)]
    migrate_to(BEFORE[:1])

    assert roster() == [(10, 1), (10, 2)]
