"""``python -m bench.studies.timetable``: planning the term of a whole institution, and reading its timetable.

Everything is done in this process: first at a tenth of the size, then at full size. See bench/README.md.
"""

import argparse
import datetime
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.client.load import UnexpectedAnswer
from bench.client.requests import Person
from bench.site.empty_site import empty_site

SECTIONS, WEEKS, MEETINGS_A_WEEK = 2_000, 15, 3
SECTIONS_OF_A_TEACHER, STUDENTS_OF_A_SECTION = 4, 10
# Today is in the middle of the term.
WEEKS_PAST = 7
# One class in this many has no register.
NOT_TAKEN = 20
WARM_UP, REPEATS = 2, 21

# The classes that are over were held, with everybody present.
HOLD = """
    UPDATE attendance_meeting
       SET state = 'held', opened_at = starts_at, ended_at = ends_at, roster_fixed_at = ends_at
     WHERE state = 'planned' AND ends_at < %(now)s
       AND (section_id + (date - date '2000-01-01')) %% %(not_taken)s <> 0
"""
RECORDS = """
    INSERT INTO attendance_attendancerecord
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, device)
    SELECT meeting.id, enrolment.student_id, enrolment.roll_number, starts_at, starts_at, 'present', 'qr', ''
      FROM attendance_meeting meeting JOIN attendance_enrolment enrolment USING (section_id)
     WHERE meeting.state = 'held' AND meeting.section_id >= %(first_section)s
"""


@dataclass(frozen=True)
class Figure:
    """How many queries one kind of work made, and how long it took."""

    queries: int
    milliseconds: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.timetable", description=__doc__)
    parser.add_argument("--sections", type=int, default=SECTIONS, help=f"sections ({SECTIONS:,})")
    wanted = parser.parse_args()
    with empty_site():
        from bench.site.past_records import analyze  # noqa: PLC0415 - needs the environment above

        sizes = [wanted.sections // 10, wanted.sections]
        found = []
        for number in sizes:
            planning = grow_to(number)
            analyze()
            found.append(planning | read())
    sys.stdout.write(f"{'':<44}" + "".join(f"{f'{number:,} sections':>25}" for number in sizes) + "\n")
    sys.stdout.write(f"{'':<44}" + f"{'queries':>13}{'ms':>12}" * len(sizes) + "\n")
    for name in found[0]:
        cells = "".join(f"{one[name].queries:>13}{one[name].milliseconds:>12.1f}" for one in found)
        sys.stdout.write(f"{name:<44}{cells}\n")


def grow_to(number: int) -> dict[str, Figure]:
    """Add sections up to this number, plan the whole term of each, and hold the classes that are over.

    :returns: the figures of planning
    """
    from django.db import connection  # noqa: PLC0415 - needs the environment
    from django.utils import timezone  # noqa: PLC0415

    from attendance.models import Meeting  # noqa: PLC0415
    from attendance.timetable.planning import replan  # noqa: PLC0415

    sections = _add_sections(number)
    before = timezone.now() - datetime.timedelta(weeks=WEEKS_PAST + 2)
    all_at_once = _measured(lambda: replan(sections, at=before), repeats=1)
    if Meeting.objects.count() != number * WEEKS * MEETINGS_A_WEEK:
        raise RuntimeError("not every meeting was planned")
    with connection.cursor() as cursor:
        cursor.execute(HOLD, {"now": timezone.now(), "not_taken": NOT_TAKEN})
        cursor.execute(RECORDS, {"first_section": sections[0]})
    each = Figure(all_at_once.queries, all_at_once.milliseconds / len(sections))
    return {
        "planning all new sections": all_at_once,
        "… divided by their number": each,
        "planning one section, nothing to change": _measured(lambda: replan(sections[:1], at=timezone.now())),
    }


def read() -> dict[str, Figure]:
    """The figures of the pages and calls that read the timetable."""
    from django.utils import timezone  # noqa: PLC0415 - needs the environment

    from attendance.models import Section, User  # noqa: PLC0415

    teacher = User.objects.get(username="teacher0")
    section = Section.objects.filter(teachers=teacher).earliest("pk")
    admin = User.objects.get(username="admin")
    people = {user: _person(user) for user in (teacher, admin)}
    week_ago = timezone.localdate() - datetime.timedelta(days=7)
    pages = [
        ("home page", teacher, "/teach/"),
        ("week", teacher, "/teach/week/"),
        ("registers not taken", teacher, "/teach/not-taken/"),
        ("GET meetings/missing/", teacher, "/api/v1/meetings/missing/"),
        ("GET sections/{id}/meetings/", teacher, f"/api/v1/sections/{section.pk}/meetings/"),
        ("admin: registers not taken", admin, "/admin/attendance/meeting/?register=missing"),
        ("admin: GET meetings/missing/ of a week", admin, f"/api/v1/meetings/missing/?from={week_ago}"),
        ("admin: GET meetings/missing/", admin, "/api/v1/meetings/missing/"),
    ]
    return {name: _measured(_get(people[user], path)) for name, user, path in pages}


def _get(person: Person, path: str) -> Callable[[], None]:
    from bench.site.in_process import call  # noqa: PLC0415 - needs the environment

    def get() -> None:
        status, _headers, _body = call(person.by_page("GET", path))
        if status != 200:
            raise UnexpectedAnswer(f"{status} to {path}")

    return get


def _measured(work: Callable[[], object], *, repeats: int | None = None) -> Figure:
    """The fewest queries and the shortest time of several runs, after a warm-up if there are several.

    Other jobs of the machine make a run longer, and live counts that are compared again after 10 s need more queries.
    """
    from bench.site.in_process import counting  # noqa: PLC0415 - needs the environment

    repeats = repeats or REPEATS
    for _ in range(WARM_UP if repeats > 1 else 0):
        work()
    figures = []
    for _ in range(repeats):
        began = time.perf_counter()
        with counting() as trips:
            work()
        figures.append(Figure(trips.queries, (time.perf_counter() - began) * 1000))
    return Figure(min(one.queries for one in figures), min(one.milliseconds for one in figures))


def _person(user) -> Person:
    from bench.site.school import signed_in  # noqa: PLC0415 - needs the environment

    return signed_in(user, token="")


def _add_sections(number: int) -> list[int]:
    """Add sections, each with its students, its teacher and three weekly classes. Return their primary keys in order."""
    from django.db import transaction  # noqa: PLC0415 - needs the environment
    from django.utils import timezone  # noqa: PLC0415

    from attendance.models import (  # noqa: PLC0415
        Course,
        Enrolment,
        MeetingPattern,
        Section,
        Student,
        TeachingAssignment,
        Term,
        User,
    )

    today = timezone.localdate()
    first_day = today - datetime.timedelta(weeks=WEEKS_PAST)
    last_day = first_day + datetime.timedelta(weeks=WEEKS, days=-1)
    with transaction.atomic():
        User.objects.get_or_create(username="admin", defaults={"is_superuser": True, "is_staff": True})
        course, _ = Course.objects.get_or_create(code="BENCH", defaults={"title": "Benchmarks"})
        term, _ = Term.objects.get_or_create(
            name="Term", defaults={"first_day": first_day, "last_day": last_day}
        )
        there = Section.objects.count()
        places = range(there, number)
        sections = Section.objects.bulk_create(
            Section(course=course, term=term, name=f"{place:04}") for place in places
        )
        teachers = {place // SECTIONS_OF_A_TEACHER for place in places}
        known = {
            user.username: user
            for user in User.objects.bulk_create(
                User(username=f"teacher{one}", email=f"teacher{one}@example.edu", is_teacher=True)
                for one in sorted(teachers)
            )
        }
        TeachingAssignment.objects.bulk_create(
            TeachingAssignment(section=section, user=known[f"teacher{place // SECTIONS_OF_A_TEACHER}"])
            for place, section in zip(places, sections, strict=True)
        )
        students = Student.objects.bulk_create(
            Student(student_id=f"S{place:04}{roll:02}", name=f"Student {place} {roll}")
            for place in places
            for roll in range(STUDENTS_OF_A_SECTION)
        )
        Enrolment.objects.bulk_create(
            Enrolment(
                section=sections[index // STUDENTS_OF_A_SECTION],
                student=student,
                roll_number=f"{index % STUDENTS_OF_A_SECTION + 1}",
                from_date=first_day,
            )
            for index, student in enumerate(students)
        )
        MeetingPattern.objects.bulk_create(
            MeetingPattern(
                section=section,
                # One of them is today.
                weekday=(today.weekday() + 2 * turn) % 7,
                start=datetime.time(8 + place % 10),
                end=datetime.time(9 + place % 10),
                room=f"H{place % 40}",
            )
            for place, section in zip(places, sections, strict=True)
            for turn in range(MEETINGS_A_WEEK)
        )
    return [section.pk for section in sections]


if __name__ == "__main__":
    main()
