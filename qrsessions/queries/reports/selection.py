"""Which sections a user can read reports of, and which of them a report is about."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from attendance.lib.natural_order import natural_key
from attendance.lib.rate_limits import Limit
from attendance.models import Section, User
from attendance.reports.sections import report_order
from qrsessions.queries.access import find_whole_section, whole_sections

# A report of a large department takes seconds.
REPORTS = Limit("reports", times=30, per_seconds=60)


@dataclass(frozen=True)
class Wanted:
    """What a report was asked for. Whatever is empty limits nothing, except that past terms are only shown if asked for.

    :ivar section: the key of one section, of any term
    :ivar course: the code of a course
    :ivar term: the key of a term
    """

    section: int | None = None
    course: str = ""
    department: str = ""
    term: int | None = None


def chosen_sections(user: User, wanted: Wanted, *, on: datetime.date) -> list[Section]:
    """The sections of the user that the report is about, with their courses and terms, in order.

    :raises Http404: if the section is none that the user may see
    :raises NotWhole: if the user may see only some of its classes
    """
    found = whole_sections(user, on=on)
    if wanted.section is not None:
        found = found.filter(pk=find_whole_section(user, wanted.section, on=on).pk)
    if wanted.course:
        found = found.filter(course__code=wanted.course)
    if wanted.department:
        found = found.filter(course__department=wanted.department)
    if wanted.term is not None:
        found = found.filter(found.term_condition(pk=wanted.term))
    elif wanted.section is None:
        found = found.in_current_terms(on=on)
    return sorted(found, key=report_order)


@dataclass(frozen=True)
class Choices:
    """What the user can choose from, in order: keys or values with their names."""

    courses: Sequence[tuple[str, str]]
    departments: Sequence[str]
    terms: Sequence[tuple[int, str]]


def choices_of(user: User, *, on: datetime.date) -> Choices:
    """The courses, departments and terms of the user's sections, in one query."""
    rows = list(
        whole_sections(user, on=on)
        .order_by("-term__first_day", "term__name", "term")
        .values_list("course__code", "course__title", "course__department", "term", "term__name")
    )
    courses = {code: f"{code} {title}" if title != code else code for code, title, *_ in rows}
    return Choices(
        courses=sorted(courses.items(), key=lambda course: natural_key(course[0])),
        departments=sorted({department for _, _, department, _, _ in rows if department}, key=str.casefold),
        # Without repetitions, in the order of the query.
        terms=list({term: (term, name) for _, _, _, term, name in rows if term}.values()),
    )
