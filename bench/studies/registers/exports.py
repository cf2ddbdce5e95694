"""``python -m bench.studies.registers.exports``: the time and memory of each file of a large register. See docs/scaling.md.

Each file is made in a process of its own, which has loaded the whole site as a web process has.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.site import environment
from bench.site.empty_site import empty_site

STUDENTS, MEETINGS = 600, 100
NAMES = (
    "Asha Rao",
    "Νίκος Παπαδόπουλος",
    "Иван Петров",
    "अनिता शर्मा",
    "محمد حسن",
    "王小明",
    "José Núñez",
    "김민수",
)

PEOPLE = """
    INSERT INTO attendance_student (student_id, name, email)
    SELECT 'S' || lpad(number::text, 6, '0'), (%(names)s::text[])[1 + number %% %(kinds)s] || ' ' || number, ''
      FROM generate_series(1, %(students)s) AS number
"""
ENROLMENTS = """
    INSERT INTO attendance_enrolment (section_id, student_id, roll_number, from_date)
    SELECT %(section)s, id, id::text, '2026-01-01' FROM attendance_student
"""
MEETINGS_HELD = """
    INSERT INTO attendance_meeting (section_id, public_id, state, starts_at, opened_at, date, ended_at, roster_fixed_at)
    SELECT %(section)s, lpad(upper(to_hex(number)), 8, '0'), 'held', began, began, began::date, began, began
      FROM generate_series(1, %(meetings)s) AS number,
           LATERAL (SELECT timestamptz '2026-03-02 10:00Z' + number * interval '1 day' AS began) AS moment
"""
RECORDS = """
    INSERT INTO attendance_attendancerecord
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, device)
    SELECT meeting.id, enrolment.student_id, enrolment.roll_number, starts_at, starts_at,
           (ARRAY['present', 'present', 'present', 'late', 'absent', 'excused'])
           [1 + (meeting.id * 7 + enrolment.student_id) %% 6], 'manual', ''
      FROM attendance_meeting meeting JOIN attendance_enrolment enrolment USING (section_id)
"""


def main() -> None:
    """Print one line for each kind of file."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.registers.exports", description=__doc__)
    parser.add_argument("--students", type=int, default=STUDENTS, help=f"students ({STUDENTS})")
    parser.add_argument("--meetings", type=int, default=MEETINGS, help=f"meetings ({MEETINGS})")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.one:
        make_one(wanted.one)
        return
    with empty_site():
        from attendance.exports.registers.files import FileType  # noqa: PLC0415 - needs the environment above

        fill(students=wanted.students, meetings=wanted.meetings)
        sys.stdout.write(f"{'':<10}{'s':>8}{'CPU s':>8}{'MB':>8}{'peak RSS, MB':>15}\n")
        for kind in ("nothing", *FileType.values, "zip of 5"):
            command = [sys.executable, "-m", "bench.studies.registers.exports", "--one", kind]
            sys.stdout.write(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own
            sys.stdout.flush()


def fill(*, students: int, meetings: int) -> None:
    """Make one section with its students and meetings, all held, and a record of each student at each meeting."""
    from django.db import connection, transaction  # noqa: PLC0415 - needs the environment

    from attendance.models import Course, Section, Term  # noqa: PLC0415

    course = Course.objects.create(code="CS101", title="Computing")
    section = Section.objects.create(course=course, name="A", term=Term.objects.create(name="Autumn 2026"))
    values = {"students": students, "meetings": meetings, "section": section.pk}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PEOPLE, values | {"names": list(NAMES), "kinds": len(NAMES)})
        for statement in (ENROLMENTS, MEETINGS_HELD, RECORDS):
            cursor.execute(statement, values)


def make_one(kind: str) -> None:
    """Make the file in this process, and print its time, its size and the most memory that the process has had."""
    environment.set_up_django()
    from django.urls import get_resolver  # noqa: PLC0415 - needs the settings
    from django.utils import timezone  # noqa: PLC0415

    import config.wsgi  # noqa: F401, PLC0415
    from attendance.exports.registers.files import FileType, register_file, zip_file  # noqa: PLC0415
    from attendance.exports.registers.table import Options  # noqa: PLC0415
    from attendance.models import Section  # noqa: PLC0415
    from attendance.registers.term_register import term_register  # noqa: PLC0415

    _all_pages = get_resolver().url_patterns
    section = Section.objects.select_related("course", "term").get()
    options = Options(today=timezone.localdate())

    began, cpu, size = time.perf_counter(), time.process_time(), 0
    if kind == "zip of 5":
        size = sum(
            map(len, zip_file([section] * 5, type=FileType.XLSX, options=options, at=timezone.now()).parts)
        )
    elif kind != "nothing":
        size = sum(
            map(
                len,
                register_file(
                    term_register(section, today=options.today), type=FileType(kind), options=options
                ).parts,
            )
        )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    sys.stdout.write(
        f"{kind:<10}{seconds:>8.1f}{cpu:>8.1f}{size / 1_000_000:>8.2f}{peak_megabytes():>15.0f}\n"
    )


def peak_megabytes() -> float:
    """The most memory that this process has had. On Linux, ``ru_maxrss`` would count the parent's before it started this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000_000
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1_000


if __name__ == "__main__":
    main()
