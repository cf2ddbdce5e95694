"""``python -m bench.studies.registers.seals``: what seals cost at the end of a large group, at a correction, and when verified.

Everything is done in this process. The same end is timed with and without its seals. See bench/README.md.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

from bench.site.empty_site import empty_site

SECTIONS, STUDENTS = 100, 600
MEETINGS_OF_A_TERM = 100
REPEATS = 5

SECTION_ROWS = """
    WITH course AS (INSERT INTO attendance_course (code, title) VALUES ('SEALS', 'Seals') RETURNING id)
    INSERT INTO attendance_section (course_id, name, external_id, late_after_minutes)
    SELECT course.id, number::text, '', NULL FROM course, generate_series(1, %(sections)s) AS number
"""
STUDENT_ROWS = """
    INSERT INTO attendance_student (student_id, name, email)
    SELECT 'S' || number, 'Student ' || number, '' FROM generate_series(1, %(students)s) AS number
"""
ENROLMENT_ROWS = """
    INSERT INTO attendance_enrolment (section_id, student_id, roll_number, from_date)
    SELECT section.id, student.id, student.student_id, '2020-01-01'
      FROM attendance_section section, attendance_student student
"""
HELD_ROWS = """
    WITH held AS (
        INSERT INTO attendance_meeting
               (section_id, public_id, state, starts_at, date, opened_at, ended_at, roster_fixed_at)
        SELECT %(section)s, '1' || lpad(number::text, 7, '0'), 'held', at, at::date, at, at, at
          FROM (SELECT number, now() - number * interval '1 day' AS at
                  FROM generate_series(1, %(meetings)s) AS number) AS days
        RETURNING id, starts_at)
    INSERT INTO attendance_attendancerecord
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, device)
    SELECT held.id, student.id, student.student_id, starts_at, starts_at, 'present', 'qr', ''
      FROM held, attendance_student student
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.registers.seals", description=__doc__)
    parser.add_argument("--sections", type=int, default=SECTIONS, help=f"sections of the group ({SECTIONS})")
    wanted = parser.parse_args()
    with empty_site():
        measure(wanted.sections)


def measure(sections: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from attendance.models import Section, Status, Student, User  # noqa: PLC0415
    from attendance.records.seals import seal  # noqa: PLC0415
    from attendance.registers.verification.verify import verify  # noqa: PLC0415
    from qrsessions.services import corrections, groups, lifecycle  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(SECTION_ROWS, {"sections": sections})
        cursor.execute(STUDENT_ROWS, {"students": STUDENTS})
        cursor.execute(ENROLMENT_ROWS)
        cursor.execute("ANALYZE")
    taught = list(Section.objects.select_related("course").order_by("pk"))
    teacher = User.objects.create(username="teacher", is_teacher=True)

    own: list[float] = []

    def timed_seal(*args: Any, **kwargs: Any) -> int:
        own.append(seconds(partial(seal, *args, **kwargs)))
        return 0

    def end_of_group(*, sealed: bool) -> float:
        group = groups.open_group(sections=taught, by=teacher, at=timezone.now())
        with patch.object(lifecycle, "seal", timed_seal if sealed else lambda *args, **kwargs: 0):
            return seconds(
                lambda: groups.take_group_step(group_session=group, step="end", by=teacher, at=timezone.now())
            )

    for sealed in (False, True) * 2:
        end_of_group(sealed=sealed)
    ends = {True: list[float](), False: list[float]()}
    for _ in range(REPEATS):
        # Alternately, because the machine's speed varies.
        for sealed in (False, True):
            ends[sealed].append(end_of_group(sealed=sealed))
    for sealed, words in ((False, "without seals"), (True, "with seals")):
        say(f"end of {sections} sections with {STUDENTS} students each, {words}", ends[sealed])
    say("of which sealing", own[-REPEATS:])

    section, session = taught[0], lifecycle.open_session(section=taught[0], by=teacher, at=timezone.now())
    lifecycle.take_step(session=session, step="end", by=teacher, at=timezone.now())
    session.refresh_from_db()
    students = list(Student.objects.order_by("pk")[: 2 * 20])

    def correct(student: Student) -> None:
        corrections.correct(
            session=session, student=student, status=Status.LATE, by=teacher, at=timezone.now()
        )

    say("correction of an ended register", [seconds(partial(correct, one)) for one in students])
    with connection.cursor() as cursor:
        cursor.execute(HELD_ROWS, {"section": section.pk, "meetings": MEETINGS_OF_A_TERM})
        cursor.execute("ANALYZE")
    say(f"seal_registers, {MEETINGS_OF_A_TERM} meetings", [seconds(lambda: call_command("seal_registers"))])
    words = f"verifying {MEETINGS_OF_A_TERM} meetings of {STUDENTS} students"
    say(words, [seconds(lambda: verify(section)) for _ in range(REPEATS)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_column_size(content)) / count(*) FROM attendance_registerseal WHERE length(content) > 10000"
        )
        sys.stdout.write(f"a seal of a whole register: {cursor.fetchone()[0]:,.0f} bytes\n")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def say(words: str, times: list[float]) -> None:
    sys.stdout.write(f"{words}: {statistics.median(times) * 1000:,.1f} ms\n")


if __name__ == "__main__":
    main()
