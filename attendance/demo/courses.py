"""More of the demo institution: two further courses, whose students are also in CS101, and the rules of all sections."""

import datetime
from dataclasses import dataclass

from django.db import transaction

from attendance.demo.institution import MAIL_DOMAIN, NameTaken
from attendance.models import AttendanceRule, Course, Enrolment, Section, Student, Term, User

MINIMUM_PERCENTAGE = 75
LATE_AFTER_MINUTES = 10
DEPARTMENT = "Natural Sciences"
THIRD_TEACHER = ("teacher3", "Lucía Peña")


@dataclass(frozen=True)
class DemoSection:
    """A section and its students by the numbers in their ids: from the first to the last."""

    code: str
    title: str
    name: str
    teacher: str
    first: int
    last: int


SECTIONS = (
    DemoSection("MATH201", "Linear Algebra", "A", "teacher3", 1, 30),
    DemoSection("MATH201", "Linear Algebra", "B", "teacher3", 31, 60),
    DemoSection("BIO110", "Cell Biology", "A", "teacher2", 61, 90),
)


@transaction.atomic
def add_courses(*, since: datetime.date) -> list[Section]:
    """Add the courses, as far as they are missing, and return all sections of the demo, those of CS101 first.

    All of its students are enrolled from ``since`` on, or from before.

    :raises NameTaken: if a user of the demo is missing, or a name is taken by somebody else; nothing is created
    """
    teachers = {user.username: user for user in User.objects.filter(email__endswith=f"@{MAIL_DOMAIN}")}
    if not {"teacher", "teacher2"} <= teachers.keys():
        raise NameTaken("There is no demo institution. Run seed_demo first.")
    username, name = THIRD_TEACHER
    if username not in teachers:
        if User.objects.filter(username__iexact=username).exists():
            raise NameTaken(f"There is already a user “{username}” who is not part of the demo.")
        teachers[username] = User.objects.create(
            username=username,
            email=f"{username}@{MAIL_DOMAIN}",
            first_name=name,
            is_teacher=True,
            password=teachers["teacher"].password,
        )
    cs101 = list(teachers["teacher"].sections.filter(external_id__startswith="demo-").order_by("pk"))
    others = [
        _add_section(wanted, teachers[wanted.teacher], term=cs101[0].term, since=since) for wanted in SECTIONS
    ]
    sections = [*cs101, *others]
    chosen = Section.objects.filter(pk__in=[section.pk for section in sections])
    chosen.update(late_after_minutes=LATE_AFTER_MINUTES)
    AttendanceRule.objects.bulk_create(
        (AttendanceRule(section=section, minimum_percentage=MINIMUM_PERCENTAGE) for section in sections),
        ignore_conflicts=True,
    )
    Enrolment.objects.filter(section__in=sections, from_date__gt=since).update(from_date=since)
    by_id = chosen.select_related("course", "term").in_bulk()
    return [by_id[section.pk] for section in sections]


def _add_section(wanted: DemoSection, teacher: User, *, term: Term | None, since: datetime.date) -> Section:
    course, _ = Course.objects.get_or_create(
        code=wanted.code, defaults={"title": wanted.title, "department": DEPARTMENT}
    )
    external_id = f"demo-{term or ''}-{wanted.code}-{wanted.name}".lower().replace(" ", "-")
    section, is_new = Section.objects.get_or_create(
        external_id=external_id, defaults={"course": course, "name": wanted.name, "term": term}
    )
    section.teachers.add(teacher)
    if is_new:
        ids = [f"S{number:04}" for number in range(wanted.first, wanted.last + 1)]
        students = Student.objects.filter(student_id__in=ids, email__endswith=f"@{MAIL_DOMAIN}")
        Enrolment.objects.bulk_create(
            Enrolment(section=section, student=student, roll_number=f"{place:02}", from_date=since)
            for place, student in enumerate(students.order_by("student_id"), start=1)
        )
    return section
