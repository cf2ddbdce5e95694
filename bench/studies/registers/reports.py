"""``python -m bench.studies.registers.reports``: reading the registers and reports of a large department. See bench/README.md."""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus

from bench.site.empty_site import empty_site

SECTIONS, STUDENTS, MEETINGS = 20, 600, 100
RUNS = 3

# Each section with all of its students; statuses by chance, always the same.
FILL = """
    SELECT setseed(0.5);
    INSERT INTO attendance_student (student_id, name, email)
    SELECT 'S' || number, 'Student ' || number, '' FROM generate_series(1, {students}) AS number;
    INSERT INTO attendance_enrolment (section_id, student_id, roll_number, from_date)
    SELECT section.id, student.id, row_number() OVER (PARTITION BY section.id ORDER BY student.id), date '2020-01-01'
      FROM attendance_section section, attendance_student student;
    INSERT INTO attendance_meeting (section_id, public_id, state, starts_at, opened_at, date, ended_at, roster_fixed_at)
    SELECT id, lpad(upper(to_hex(id * 1000 + number)), 8, '0'), 'held', began, began, began::date,
           began + interval '1 hour', began + interval '1 hour'
      FROM attendance_section, generate_series(1, {meetings}) AS number,
           LATERAL (SELECT now() - number * interval '1 day' AS began) AS moment;
    INSERT INTO attendance_attendancerecord (meeting_id, student_id, roll_number, marked_at, status, method, device)
    SELECT meeting.id, enrolment.student_id, enrolment.roll_number, starts_at,
           (array['absent', 'late', 'excused', 'present', 'present', 'present', 'present', 'present'])
               [1 + floor(8 * random())], 'manual', ''
      FROM attendance_meeting meeting JOIN attendance_enrolment enrolment USING (section_id);
"""


def main() -> None:
    """Print the time and the memory of each report."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.registers.reports", description=__doc__)
    for name, number in (("sections", SECTIONS), ("students", STUDENTS), ("meetings", MEETINGS)):
        parser.add_argument(f"--{name}", type=int, default=number, help=f"{name} ({number:,})")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    wanted = parser.parse_args()
    with empty_site():
        fill(wanted.sections, wanted.students, wanted.meetings)
        sys.stdout.write(f"{'':<36}{'shortest, s':>12}{'peak RSS, MB':>14}\n")
        for name, report in reports():
            if wanted.profile:
                _profile(report)
            seconds, megabytes = _measured(report)
            sys.stdout.write(f"{name:<36}{seconds:>12.1f}{megabytes:>14.0f}\n")
            sys.stdout.flush()


def fill(sections: int, students: int, meetings: int) -> None:
    """Add sections of one department, each of a course of its own, with all of the students and this many held classes."""
    from django.db import connection  # noqa: PLC0415 - needs the environment

    from attendance.models import AttendanceRule, Course, Section  # noqa: PLC0415
    from bench.site.past_records import analyze  # noqa: PLC0415

    for number in range(sections):
        course = Course.objects.create(code=f"B{number}", title="Benchmarks", department="Science")
        Section.objects.create(course=course, name="A")
        AttendanceRule.objects.create(
            course=course, minimum_percentage=75, late_counts=80, lates_per_absence=5, drop_lowest=2
        )
    with connection.cursor() as cursor:
        cursor.execute(FILL.format(students=students, meetings=meetings))
    analyze()


def reports() -> list[tuple[str, Callable[[], object]]]:
    """Each report of all sections, by its name."""
    from django.test import Client  # noqa: PLC0415 - needs the environment
    from django.utils import timezone  # noqa: PLC0415

    from attendance.models import Section, User  # noqa: PLC0415
    from attendance.reports.at_risk import students_at_risk  # noqa: PLC0415
    from attendance.reports.presence import presence_by_class, presence_by_hour  # noqa: PLC0415
    from attendance.reports.sections import section_reports  # noqa: PLC0415

    at = timezone.now()
    today: datetime.date = timezone.localdate(at)
    sections: Sequence[Section] = list(Section.objects.select_related("course", "term"))
    one = sections[:1]
    admin, _is_new = User.objects.get_or_create(username="admin", is_staff=True, is_superuser=True)

    def read_page(name: str) -> None:
        browser = Client(headers={"Host": "localhost", "Accept-Encoding": "gzip"})
        browser.force_login(admin)
        if browser.get(f"/teach/sections/{one[0].pk}/{name}/").status_code != HTTPStatus.OK:
            sys.exit("The page cannot be read.")

    return [
        ("page of one register", lambda: read_page("register")),
        ("page of one register, for printing", lambda: read_page("register/print")),
        ("figures of one section", lambda: section_reports(one, today=today, at=at)),
        ("figures of all sections", lambda: section_reports(sections, today=today, at=at)),
        ("students at risk in all sections", lambda: students_at_risk(sections, today=today)),
        ("presence by day and hour", lambda: presence_by_hour(presence_by_class(sections))),
    ]


def _measured(report: Callable[[], object]) -> tuple[float, float]:
    """The shortest time of several runs, in a process of its own, and the peak memory of that process in megabytes."""
    from django.db import connections  # noqa: PLC0415 - needs the environment

    # The child opens its own.
    connections.close_all()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        times = []
        for _ in range(RUNS):
            began = time.perf_counter()
            report()
            times.append(time.perf_counter() - began)
        os.write(writing, f"{min(times)}".encode())
        os._exit(0)
    _pid, status, usage = os.wait4(child, 0)
    os.close(writing)
    with os.fdopen(reading) as found:
        seconds = found.read()
    if status:
        sys.exit("The report failed.")
    # Linux counts in kilobytes, macOS in bytes.
    return float(seconds), usage.ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1_000)


def _profile(report: Callable[[], object]) -> None:
    import cProfile  # noqa: PLC0415 - only here

    profile = cProfile.Profile()
    profile.runcall(report)
    profile.print_stats("tottime")


if __name__ == "__main__":
    main()
