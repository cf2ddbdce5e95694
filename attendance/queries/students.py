"""Finding students."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from attendance.models import AttendanceRecord, Enrolment, Section, Student


def students_of(section: Section) -> QuerySet[Student]:
    """Everybody who was ever enrolled in the section, or is in one of its registers."""
    enrolments = Enrolment.objects.filter(section=section, student=OuterRef("pk"))
    records = AttendanceRecord.objects.filter(meeting__section=section, student=OuterRef("pk"))
    return Student.objects.filter(Exists(enrolments) | Exists(records))


def students_like(text: str, *, sections: Iterable[Section] | QuerySet[Section] | None) -> QuerySet[Student]:
    """The students with each of these words in their name or student id.

    :param sections: only those who were ever enrolled in one of them; None for all students
    """
    found = Student.objects.all()
    if sections is not None:
        found = found.filter(pk__in=Enrolment.objects.filter(section__in=sections).values("student"))
    for word in text.split():
        found = found.filter(Q(name__icontains=word) | Q(student_id__icontains=word))
    return found.order_by("name", "student_id")
