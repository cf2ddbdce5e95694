"""Plans the courses, the sections and who teaches them."""

from __future__ import annotations

from django.db.models import F, Q, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from attendance.models import Course, Section, User
from attendance.roster.entries import CourseEntry, Roster, SectionEntry, SectionKey
from attendance.roster.problems import Problems
from attendance.roster.report import Action, Kind, Report, changes

_BATCH = 1000


class Teaching:
    def __init__(self, *, problems: Problems, report: Report) -> None:
        self._problems = problems
        self._report = report
        self.sections: dict[SectionKey, Section] = {}
        self._courses: dict[str, Course] = {}
        self._new_courses: list[Course] = []
        self._changed_courses: list[Course] = []
        self._new_sections: list[Section] = []
        self._changed_sections: list[Section] = []
        self._new_teachers: list[tuple[Section, User]] = []

    def plan(self, roster: Roster, teachers: dict[str, User]) -> None:
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
            ).select_related("course")
        )
        taught = _Matches(known, roster)
        for key, entry in roster.sections.items():
            self._plan_section(key, entry, taught.section(key))
        self._refuse_doubles(known, roster)
        self._plan_teachers(roster, teachers)

    def save(self) -> None:
        Course.objects.bulk_create(self._new_courses, batch_size=_BATCH)
        Course.objects.bulk_update(self._changed_courses, ["title"], batch_size=_BATCH)
        # Out of the way first: two may swap their names, and every row is checked by itself.
        Section.objects.filter(pk__in=[section.pk for section in self._changed_sections]).update(
            name=Concat(Value("~import "), Cast(F("pk"), CharField()))
        )
        Section.objects.bulk_update(
            self._changed_sections, ["course", "name", "term", "external_id"], batch_size=_BATCH
        )
        Section.objects.bulk_create(self._new_sections, batch_size=_BATCH)
        through = Section.teachers.through
        through.objects.bulk_create(
            [through(section_id=section.pk, user_id=user.pk) for section, user in self._new_teachers],
            batch_size=_BATCH,
        )

    def _plan_course(self, entry: CourseEntry) -> None:
        course = self._courses.get(entry.code)
        if course is None:
            course = self._courses[entry.code] = Course(code=entry.code, title=entry.title or entry.code)
            self._new_courses.append(course)
            self._report.add(Kind.COURSE, Action.CREATED, str(course))
            return
        told = changes(title=(course.title, entry.title or course.title))
        if told:
            course.title = entry.title
            self._changed_courses.append(course)
        self._report.add(Kind.COURSE, Action.CHANGED if told else Action.UNCHANGED, course.code, told)

    def _plan_section(self, key: SectionKey, entry: SectionEntry, section: Section | None) -> None:
        course = self._courses[entry.course]
        if section is None:
            section = Section(course=course, name=entry.name, term=entry.term, external_id=entry.external_id)
            self._new_sections.append(section)
            self._report.add(Kind.SECTION, Action.CREATED, str(section))
        else:
            what = str(section)
            external_id = entry.external_id or section.external_id
            told = changes(
                course=(section.course.code, course.code),
                name=(section.name, entry.name),
                term=(section.term, entry.term),
                external_id=(section.external_id, external_id),
            )
            section.course, section.name, section.term = course, entry.name, entry.term
            section.external_id = external_id
            if told:
                self._changed_sections.append(section)
            self._report.add(Kind.SECTION, Action.CHANGED if told else Action.UNCHANGED, what, told)
        self.sections[key] = section

    def _refuse_doubles(self, known: list[Section], roster: Roster) -> None:
        """Two sections of one course, name and term: only possible where they differ in their external id."""
        planned = {id(section): roster.sections[key] for key, section in self.sections.items()}
        names: dict[tuple[str, str, str], Section] = {}
        for section in (*known, *self._new_sections):
            name = (section.course.code, section.name, section.term)
            other = names.setdefault(name, section)
            entry = planned.get(id(section)) or planned.get(id(other))
            if other is not section and entry is not None:
                ids = " and ".join(repr(one.external_id) for one in (other, section))
                entry.place.problem(
                    self._problems,
                    "title",
                    f"There would be two sections “{section}”, with the external ids {ids}.",
                )

    def _plan_teachers(self, roster: Roster, teachers: dict[str, User]) -> None:
        through = Section.teachers.through
        keys = [section.pk for section in self.sections.values() if section.pk]
        there = set(through.objects.filter(section_id__in=keys).values_list("section_id", "user_id"))
        seen: set[tuple[int, int]] = set()
        for section_key, teacher_key in roster.teaching:
            section, user = self.sections.get(section_key), teachers.get(teacher_key)
            # Somebody may be named twice, by e-mail and by user name. What is new has no key yet.
            if section is None or user is None or (id(section), id(user)) in seen:
                continue
            seen.add((id(section), id(user)))
            known = (section.pk, user.pk) in there
            if not known:
                self._new_teachers.append((section, user))
            action = Action.UNCHANGED if known else Action.CREATED
            self._report.add(Kind.ASSIGNMENT, action, f"{section}: {user.display_name}")


class _Matches:
    """Which section of the database an entry means: by its external id, else by course, name and term."""

    def __init__(self, known: list[Section], roster: Roster) -> None:
        by_id = {section.external_id: section for section in known if section.external_id}
        by_name = {(section.course.code, section.name, section.term): section for section in known}
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
