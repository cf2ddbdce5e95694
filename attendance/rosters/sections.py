"""Plans the courses and sections of a roster."""

from __future__ import annotations

import datetime

from django.db.models import F, Q, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from attendance.models import Course, Section, Term
from attendance.rosters.entries import CourseEntry, Roster, SectionEntry, SectionKey
from attendance.rosters.problems import Problems
from attendance.rosters.report import Action, Kind, Report, describe_changes
from attendance.timetable.terms import NamedTerms

_BATCH = 1000


class SectionsPlan:
    def __init__(self, *, problems: Problems, report: Report) -> None:
        self._problems = problems
        self._report = report
        self.sections: dict[SectionKey, Section] = {}
        self._courses: dict[str, Course] = {}
        self._new_courses: list[Course] = []
        self._changed_courses: list[Course] = []
        self._new_sections: list[Section] = []
        self._changed_sections: list[Section] = []

    def plan(self, roster: Roster, *, on: datetime.date) -> None:
        self._courses = {
            course.code: course for course in Course.objects.filter(code__in=list(roster.courses))
        }
        for course_entry in roster.courses.values():
            self._plan_course(course_entry)
        known = list(
            Section.objects.filter(
                Q(course__code__in=list(roster.courses))
                | Q(
                    external_id__in=[
                        entry.external_id for entry in roster.sections.values() if entry.external_id
                    ]
                )
            ).select_related("course", "term")
        )
        self._terms = NamedTerms((entry.term for entry in roster.sections.values()), on=on)
        matches = _Matches(known, roster)
        for key, entry in roster.sections.items():
            self._plan_section(key, entry, matches.section(key))
        self._refuse_duplicates(known, roster)

    def save(self) -> None:
        Term.objects.bulk_create(self._terms.new, batch_size=_BATCH)
        Course.objects.bulk_create(self._new_courses, batch_size=_BATCH)
        Course.objects.bulk_update(self._changed_courses, ["title"], batch_size=_BATCH)
        # Rename them first: two sections may swap names, and PostgreSQL checks uniqueness row by row.
        Section.objects.filter(pk__in=[section.pk for section in self._changed_sections]).update(
            name=Concat(Value("~import "), Cast(F("pk"), CharField()))
        )
        Section.objects.bulk_update(
            self._changed_sections, ["course", "name", "term", "external_id"], batch_size=_BATCH
        )
        Section.objects.bulk_create(self._new_sections, batch_size=_BATCH)

    def _plan_course(self, entry: CourseEntry) -> None:
        course = self._courses.get(entry.code)
        if course is None:
            course = self._courses[entry.code] = Course(code=entry.code, title=entry.title or entry.code)
            self._new_courses.append(course)
            self._report.add(Kind.COURSE, Action.CREATED, str(course))
            return
        details = describe_changes(title=(course.title, entry.title or course.title))
        if details:
            course.title = entry.title
            self._changed_courses.append(course)
        self._report.add(Kind.COURSE, Action.CHANGED if details else Action.UNCHANGED, course.code, details)

    def _plan_section(self, key: SectionKey, entry: SectionEntry, section: Section | None) -> None:
        course, term = self._courses[entry.course], self._terms.get(entry.term)
        if section is None:
            section = Section(course=course, name=entry.name, term=term, external_id=entry.external_id)
            self._new_sections.append(section)
            self._report.add(Kind.SECTION, Action.CREATED, str(section))
        else:
            what = str(section)
            external_id = entry.external_id or section.external_id
            details = describe_changes(
                course=(section.course.code, course.code),
                name=(section.name, entry.name),
                term=(section.term_name, entry.term),
                external_id=(section.external_id, external_id),
            )
            section.course, section.name = course, entry.name
            if section.term_name != entry.term:
                section.term = term
            section.external_id = external_id
            if details:
                self._changed_sections.append(section)
            self._report.add(Kind.SECTION, Action.CHANGED if details else Action.UNCHANGED, what, details)
        self.sections[key] = section

    def _refuse_duplicates(self, known: list[Section], roster: Roster) -> None:
        """Add a problem for two sections with the same course, name and term. Their external ids differ."""
        planned = {id(section): roster.sections[key] for key, section in self.sections.items()}
        names: dict[tuple[str, str, str], Section] = {}
        for section in (*known, *self._new_sections):
            name = (section.course.code, section.name, section.term_name)
            other = names.setdefault(name, section)
            entry = planned.get(id(section)) or planned.get(id(other))
            if other is not section and entry is not None:
                ids = " and ".join(repr(one.external_id) for one in (other, section))
                entry.location.add_problem(
                    self._problems,
                    "title",
                    f"Two sections would be called “{section}”, with the external ids {ids}.",
                )


class _Matches:
    """Finds the existing section for each entry: by its external id, or else by course, name and term."""

    def __init__(self, known: list[Section], roster: Roster) -> None:
        by_id = {section.external_id: section for section in known if section.external_id}
        by_name = {(section.course.code, section.name, section.term_name): section for section in known}
        self._found = {
            key: by_id[entry.external_id]
            for key, entry in roster.sections.items()
            if entry.external_id in by_id
        }
        taken = {section.pk for section in self._found.values()}
        for key, entry in roster.sections.items():
            section = by_name.get((entry.course, entry.name, entry.term))
            if key in self._found or section is None or section.pk in taken:
                continue
            if not entry.external_id or not section.external_id:
                self._found[key] = section

    def section(self, key: SectionKey) -> Section | None:
        return self._found.get(key)
