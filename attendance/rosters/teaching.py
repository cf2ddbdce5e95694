"""Plans who teaches the sections of a roster.

A row that says the same as at its last import changes nothing, so what was changed or removed by hand stays as it is until
the row changes. Assignments are ended with a date, never deleted.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping

from attendance.models import Section, TeachingAssignment, TeachingRole, User
from attendance.rosters.entries import Roster, SectionKey, TeachingEntry
from attendance.rosters.report import Action, Kind, Report, describe_changes

_BATCH = 1000


class TeachingPlan:
    def __init__(self, *, on: datetime.date, report: Report) -> None:
        self._on = on
        self._report = report
        self._created: list[TeachingAssignment] = []
        self._changed: list[TeachingAssignment] = []
        self._still_removed = 0

    def plan(
        self, roster: Roster, sections: Mapping[SectionKey, Section], teachers: Mapping[str, User]
    ) -> None:
        keys = [section.pk for section in sections.values() if section.pk]
        existing: dict[tuple[int | None, int | None, str], list[TeachingAssignment]] = defaultdict(list)
        for assignment in TeachingAssignment.objects.filter(section__in=keys).order_by("pk"):
            existing[assignment.section_id, assignment.user_id, assignment.role].append(assignment)
        # By object: new ones have no primary key yet, and a teacher may be listed by e-mail and by user name.
        pairs: dict[tuple[int, int, str], tuple[Section, User, list[TeachingEntry]]] = {}
        for entry in roster.teaching:
            section, user = sections.get(entry.section), teachers.get(entry.teacher)
            if section is not None and user is not None:
                key = (id(section), id(user), _role(entry))
                pairs.setdefault(key, (section, user, []))[2].append(entry)
        for (_section, _user, role), (section, user, entries) in pairs.items():
            known = existing[section.pk, user.pk, role] if section.pk and user.pk else []
            self._plan_pair(section, user, entries, known)
        if self._still_removed:
            self._report.notes.append(
                f"Teachers removed from a section by hand, not assigned again: {self._still_removed}"
            )

    def save(self) -> None:
        # Two assignments may swap their dates, and PostgreSQL checks uniqueness row by row. So first make the changing
        # ones count as removed, which may be there several times.
        changed = TeachingAssignment.objects.filter(pk__in=[one.pk for one in self._changed])
        changed.update(removed_by_hand=True)
        fields = ["from_date", "to_date", "imported_row", "removed_by_hand"]
        TeachingAssignment.objects.bulk_update(self._changed, fields, batch_size=_BATCH)
        TeachingAssignment.objects.bulk_create(self._created, batch_size=_BATCH)

    def _plan_pair(
        self, section: Section, user: User, entries: list[TeachingEntry], existing: list[TeachingAssignment]
    ) -> None:
        what = f"{section}: {user.display_name}{' (assistant)' if entries[0].assists else ''}"
        left = list(existing)
        new = []
        for entry in _longest(entries):
            same = next((one for one in left if one.imported_row == entry.row), None)
            if same is None:
                new.append(entry)
            else:
                left.remove(same)
                self._leave(same, what)
        # First those that hold, so that a row that ended takes only what they leave.
        for entry in sorted(new, key=lambda entry: entry.not_assigned):
            found = self._match(entry, left)
            if found is not None:
                left.remove(found)
            if entry.not_assigned:
                self._end(found, entry, what)
            elif found is not None:
                self._change(found, entry, what)
            else:
                self._create(section, user, entry, what)

    def _match(self, entry: TeachingEntry, left: list[TeachingAssignment]) -> TeachingAssignment | None:
        """The assignment that a new or changed row is about: one of the same days, rather not a removed one."""
        possible = [one for one in left if _overlap(one, entry)]
        return min(
            possible,
            key=lambda one: (one.removed_by_hand, one.from_date != entry.from_date, not self._holds(one)),
            default=None,
        )

    def _leave(self, assignment: TeachingAssignment, what: str) -> None:
        self._still_removed += assignment.removed_by_hand
        if not assignment.removed_by_hand:
            self._report.add(Kind.ASSIGNMENT, Action.UNCHANGED, what)

    def _change(self, assignment: TeachingAssignment, entry: TeachingEntry, what: str) -> None:
        was_imported, held = bool(assignment.imported_row), self._holds(assignment)
        if was_imported and not entry.has_dates:
            # Another format gave the dates. This row does not contradict them.
            self._leave(assignment, what)
            return
        assignment.imported_row = entry.row
        self._changed.append(assignment)
        has_own_dates = bool(assignment.from_date or assignment.to_date)
        if not was_imported and (assignment.removed_by_hand or has_own_dates):
            # Entered by hand before a roster named it.
            self._leave(assignment, what)
            return
        details = describe_changes(
            removed=("by hand" if assignment.removed_by_hand else "", ""),
            from_date=(assignment.from_date, entry.from_date),
            to_date=(assignment.to_date, entry.to_date),
        )
        assignment.from_date, assignment.to_date = entry.from_date, entry.to_date
        assignment.removed_by_hand = False
        ends = held and not self._holds(assignment)
        action = Action.ENDED if ends else Action.CHANGED if details else Action.UNCHANGED
        self._report.add(Kind.ASSIGNMENT, action, what, f"on {entry.to_date}" if ends else details)

    def _end(self, assignment: TeachingAssignment | None, entry: TeachingEntry, what: str) -> None:
        """End an imported assignment whose row is deleted or inactive."""
        if assignment is None or not assignment.imported_row or not self._holds(assignment):
            return
        assignment.to_date = max(self._on, assignment.from_date or self._on)
        assignment.imported_row = entry.row
        self._changed.append(assignment)
        self._report.add(Kind.ASSIGNMENT, Action.ENDED, what, f"on {assignment.to_date}")

    def _create(self, section: Section, user: User, entry: TeachingEntry, what: str) -> None:
        self._created.append(
            TeachingAssignment(
                section=section,
                user=user,
                role=_role(entry),
                from_date=entry.from_date,
                to_date=entry.to_date,
                imported_row=entry.row,
            )
        )
        dates = (f"{word} {day}" for word, day in (("from", entry.from_date), ("to", entry.to_date)) if day)
        self._report.add(Kind.ASSIGNMENT, Action.CREATED, what, " ".join(dates))

    def _holds(self, assignment: TeachingAssignment) -> bool:
        """Return whether the assignment gives rights on the day of the import or later."""
        ends = assignment.to_date
        return not assignment.removed_by_hand and (ends is None or ends > self._on)


def _role(entry: TeachingEntry) -> TeachingRole:
    return TeachingRole.ASSISTANT if entry.assists else TeachingRole.TEACHER


def _longest(entries: list[TeachingEntry]) -> list[TeachingEntry]:
    """Of several rows that begin on one day, the one that ends last counts."""
    longest: dict[tuple[datetime.date | None, bool], TeachingEntry] = {}
    for entry in sorted(entries, key=lambda entry: entry.to_date or datetime.date.max):
        longest[entry.from_date, entry.not_assigned] = entry
    return list(longest.values())


def _overlap(assignment: TeachingAssignment, entry: TeachingEntry) -> bool:
    spans = ((assignment.from_date, assignment.to_date), (entry.from_date, entry.to_date))
    latest_start = max(start or datetime.date.min for start, _end in spans)
    same_start = assignment.from_date == entry.from_date
    return same_start or all(end is None or latest_start < end for _start, end in spans)
