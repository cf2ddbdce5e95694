"""Which sections a file names by course, name and term. Those that do not exist are made."""

import datetime
from collections.abc import Collection

from django.utils.translation import gettext as _

from attendance.models import Course, Section, Term
from attendance.registers.importing.entries import SectionName

Days = tuple[datetime.date, datetime.date]


class NoSection(Exception):
    """The message says why no section, or not only one, is meant."""


class SectionMatcher:
    """Finds the sections of files. What is new is made once, and saved by whoever applies the plan."""

    def __init__(self, names: Collection[SectionName]) -> None:
        self._courses = {
            course.code: course for course in Course.objects.filter(code__in={name.course for name in names})
        }
        self._terms = list(Term.objects.filter(name__in={name.term for name in names}))
        self._sections = list(
            Section.objects.filter(course__in=self._courses.values()).select_related("course", "term")
        )
        self._found: dict[SectionName, Section] = {}

    def find(self, name: SectionName, days: Days | None) -> Section:
        """The section of this name, which may be new.

        :param days: the first and the last class in the file, which tell terms of one name apart
        :raises NoSection: if the file names none, or it may be any of several
        """
        if not (name.course and name.section):
            raise NoSection(_("The file must name the course and the section of each row."))
        if name not in self._found:
            self._found[name] = self._known(name, days) or self._make(name, days)
        return self._found[name]

    def _known(self, name: SectionName, days: Days | None) -> Section | None:
        found = [
            section
            for section in self._sections
            if (section.course.code, section.name, section.term_name) == name
        ]
        if len(found) > 1:
            found = [section for section in found if section.term and _fits(section.term, days)]
        if len(found) > 1:
            raise NoSection(_("The section exists in several terms of this name."))
        return found[0] if found else None

    def _make(self, name: SectionName, days: Days | None) -> Section:
        course = self._courses.setdefault(name.course, Course(code=name.course, title=name.course))
        return Section(course=course, name=name.section, term=self._term(name.term, days))

    def _term(self, name: str, days: Days | None) -> Term | None:
        if not name:
            return None
        found = [term for term in self._terms if term.name == name and _fits(term, days)]
        if len(found) > 1:
            raise NoSection(_("Several terms have this name and these days."))
        if not found:
            found = [Term(name=name)]
            self._terms += found
        return found[0]


def _fits(term: Term, days: Days | None) -> bool:
    """Whether the classes are in the days of the term. A day that it lacks leaves it open."""
    if days is None:
        return True
    first, last = days
    return (term.first_day is None or term.first_day <= last) and (
        term.last_day is None or term.last_day >= first
    )
