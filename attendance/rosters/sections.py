"""Plans the terms, courses and sections of a roster."""

from __future__ import annotations

import datetime
from collections import defaultdict

from django.db.models import F, Q, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from attendance.models import Course, Section, Term
from attendance.rosters.entries import CourseEntry, Roster, SectionEntry, SectionKey, TermEntry
from attendance.rosters.problems import Problems
from attendance.rosters.report import Action, Kind, Report, describe_changes
from attendance.timetable.terms import NamedTerm, TermMatcher, days_of, plan_again

_BATCH = 1000


class SectionsPlan:
    def __init__(self, *, on: datetime.date, problems: Problems, report: Report) -> None:
        self._on = on
        self._problems = problems
        self._report = report
        self.sections: dict[SectionKey, Section] = {}
        self._courses: dict[str, Course] = {}
        self._new_courses: list[Course] = []
        self._changed_courses: list[Course] = []
        self._new_sections: list[Section] = []
        self._changed_sections: list[Section] = []
        # Primary keys of those that move to another term.
        self._moved: list[int] = []

    def plan(self, roster: Roster) -> None:
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
        named: defaultdict[NamedTerm, set[str]] = defaultdict(set)
        for entry in roster.sections.values():
            named[entry.term].add(entry.external_id)
        self._terms = TermMatcher(named, on=self._on)
        matches = _matches(known, roster, self._terms)
        used: dict[int | None, Term] = {}
        for key, entry in roster.sections.items():
            section = matches.get(key)
            term = self._term(entry, section)
            if term is not None:
                used[_key(term)] = term
            self._plan_section(key, entry, section, term)
        self._report_terms(list(used.values()))
        self._refuse_equal_terms()
        self._refuse_duplicates(known, roster)

    def save(self) -> None:
        self._terms.save()
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
        self._plan_meetings_again()

    def _plan_meetings_again(self) -> None:
        """Bring planned meetings into step with terms that have other days, and with sections in another term."""
        redated = [one.term.pk for one in self._terms.changed if one.has_other_days]
        if not redated and not self._moved:
            return
        sections = Section.objects.filter(Q(term__in=redated) | Q(pk__in=self._moved))
        plan, left_alone = plan_again(list(sections.values_list("pk", flat=True)), on=self._on)
        if not plan.is_empty:
            self._report.notes.append(
                f"Planned meetings after today, because the days of their terms changed: {len(plan.added)} added, "
                f"{len(plan.moved)} changed, {len(plan.removed)} removed"
            )
        if left_alone:
            self._report.notes.append(
                "Sections whose weekly classes cannot be planned by the days of their term; their planned meetings stay "
                f"as they are: {', '.join(left_alone)}"
            )

    def _term(self, entry: SectionEntry, section: Section | None) -> Term | None:
        """The term of the entry. A section whose roster says only the name of its term stays in it."""
        if section is not None and entry.term.is_only_a_name and section.term_name == entry.term.name:
            return section.term
        return self._terms.get(entry.term)

    def _report_terms(self, used: list[Term]) -> None:
        changes = {one.term.pk: one.former for one in self._terms.changed}
        for term in used:
            former = changes.get(term.pk)
            if term.pk is None:
                self._report.add(Kind.TERM, Action.CREATED, _with_days(term))
            elif former is None:
                self._report.add(Kind.TERM, Action.UNCHANGED, term.name)
            else:
                details = describe_changes(
                    name=(former.name, term.name),
                    first_day=(former.first_day, term.first_day),
                    last_day=(former.last_day, term.last_day),
                    external_id=(former.external_id, term.external_id),
                )
                self._report.add(Kind.TERM, Action.CHANGED, former.name, details)

    def _refuse_equal_terms(self) -> None:
        for named in self._terms.clashes():
            assert isinstance(named, TermEntry) and named.location  # noqa: S101, PT018 - what the roster has
            named.location.add_problem(
                self._problems,
                "title",
                f"Another term is called “{named.name}” and has the same days. In the admin, move the sections of one of the "
                "two to the other and delete the empty one. Then import the file again.",
            )

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

    def _plan_section(
        self, key: SectionKey, entry: SectionEntry, section: Section | None, term: Term | None
    ) -> None:
        course = self._courses[entry.course]
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
                term=self._names(section.term, term),
                external_id=(section.external_id, external_id),
            )
            section.course, section.name = course, entry.name
            if _key(section.term) != _key(term):
                self._moved.append(section.pk)
                section.term = term
            section.external_id = external_id
            if details:
                self._changed_sections.append(section)
            self._report.add(Kind.SECTION, Action.CHANGED if details else Action.UNCHANGED, what, details)
        self.sections[key] = section

    def _names(self, former: Term | None, term: Term | None) -> tuple[str, str]:
        """How the report names two terms: with their days if they have one name."""
        if _key(former) == _key(term):
            return "", ""
        if former is None or term is None or former.name != term.name:
            return (former.name if former else "", term.name if term else "")
        if _with_days(former) == _with_days(term):
            # The import gives the former term other days, and these to another one.
            former = self._terms.with_key(former.pk) or former
        return _with_days(former), _with_days(term)

    def _refuse_duplicates(self, known: list[Section], roster: Roster) -> None:
        """Add a problem for two sections with the same course, name and term. Their external ids differ."""
        planned = {id(section): roster.sections[key] for key, section in self.sections.items()}
        names: dict[tuple[str, str, int | None], Section] = {}
        for section in (*known, *self._new_sections):
            name = (section.course.code, section.name, _key(section.term))
            other = names.setdefault(name, section)
            entry = planned.get(id(section)) or planned.get(id(other))
            if other is not section and entry is not None:
                ids = " and ".join(repr(one.external_id) for one in (other, section))
                entry.location.add_problem(
                    self._problems,
                    "title",
                    f"Two sections would be called “{section}”, with the external ids {ids}.",
                )


def _matches(known: list[Section], roster: Roster, terms: TermMatcher) -> dict[SectionKey, Section]:
    """The existing section of each entry that has one: by its external id, or else by course, name and term."""
    by_id = {section.external_id: section for section in known if section.external_id}
    by_name = {(section.course.code, section.name, _key(section.term)): section for section in known}
    found = {
        key: by_id[entry.external_id] for key, entry in roster.sections.items() if entry.external_id in by_id
    }
    taken = {section.pk for section in found.values()}
    for key, entry in roster.sections.items():
        if key in found:
            continue
        for term in terms.known(entry.term) if entry.term.name else [None]:
            section = by_name.get((entry.course, entry.name, _key(term)))
            if section is None or section.pk in taken or (entry.external_id and section.external_id):
                continue
            found[key] = section
            break
    return found


def _key(term: Term | None) -> int | None:
    """What tells terms apart, also new ones, which have no primary key yet."""
    return None if term is None else term.pk or -id(term)


def _with_days(term: Term) -> str:
    days = " – ".join(str(day) if day else "…" for day in days_of(term))
    return f"{term.name} ({days})" if any(days_of(term)) else term.name
