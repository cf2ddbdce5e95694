"""A session that ends while its roster is being imported: the register and every number fit one order of the two."""

import datetime
import functools
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from attendance.models import AttendanceRecord, Enrolment, GroupSeat, RosterEntry
from attendance.rosters.importing import import_roster
from tests.support import factories
from tests.support.live_sets import assert_sets_match_database
from tests.support.postgres.database import a_backend_waits_for_a_lock
from tests.support.races import make_school, run_concurrently
from tests.support.waiting import wait_until

ROUNDS = 4


def roster_file(folder, hall, newcomers):
    """All students of the sections, with the newcomers in each, enrolled since last week."""
    path = folder / "roster.csv"
    since = timezone.localdate() - datetime.timedelta(days=7)
    lines = ["course,section,term,student_id,name,roll_number,from"]
    for section in hall.sections:
        numbers = dict(section.enrolments.values_list("student", "roll_number"))
        for place, student in enumerate([*factories.students_of(section), *newcomers], start=1):
            number = numbers.get(student.pk, f"N{place}")
            lines.append(
                f"{section.course.code},{section.name},{section.term},{student.student_id},{student.name},{number},{since}"
            )
    path.write_text("\n".join(lines))
    return path


def assert_fixed(hall, newcomers):
    """Each register has everybody of before, absent, and all numbers follow from it."""
    register = hall.register()
    enrolled_before = {(section, student) for section, student in hall.enrolled() if student not in newcomers}
    assert enrolled_before <= set(register) <= hall.enrolled()
    assert {status for _, status, _ in register.values()} == {"absent"}
    roster = RosterEntry.objects.filter(meeting__session__in=hall.sessions)
    assert roster.count() == len(register)
    students = {student for _, student in register}
    assert roster.counted().count() == len(students)
    assert hall.stats()["total_students"] == len(students)
    assert_sets_match_database(hall.sessions)


@pytest.mark.parametrize("sections", [1, 3])
def test_register_fits_an_end_before_or_after_the_import(tmp_path, sections):
    school = make_school(sections=sections, students=6, in_every_section=2 if sections > 1 else 0)
    for _ in range(ROUNDS):
        hall = school.open()
        newcomers = [factories.make_student() for _ in range(2)]
        path = roster_file(tmp_path, hall, newcomers)

        answer, _ = run_concurrently(
            functools.partial(hall.step, "end"),
            functools.partial(import_roster, source=path, on=timezone.localdate()),
            spread_seconds=0.1,
        )

        assert answer.status_code == 200
        assert_fixed(hall, {student.student_id for student in newcomers})
        Enrolment.objects.filter(student__in=newcomers).delete()


def test_import_that_commits_while_the_end_waits_is_in_all_of_the_register_or_in_none(tmp_path):
    school = make_school(sections=2, students=4, in_every_section=1)
    hall = school.open()
    newcomer = factories.make_student()
    path = roster_file(tmp_path, hall, [newcomer])

    imported = threading.Event()

    def keep_the_end_waiting():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE attendance_attendancerecord IN SHARE MODE")
            assert imported.wait(30)

    def import_meanwhile():
        wait_until(a_backend_waits_for_a_lock)
        import_roster(source=path, on=timezone.localdate())
        imported.set()

    run_concurrently(keep_the_end_waiting, functools.partial(hall.step, "end"), import_meanwhile)

    numbers = AttendanceRecord.objects.filter(student=newcomer).count()
    assert numbers in (0, 2)
    assert GroupSeat.objects.filter(student=newcomer).exists() is (numbers == 2)
    assert_fixed(hall, {newcomer.student_id})
