"""Which term a roster means, and what its days change.

Most rosters give only the name of a term; a OneRoster export also gives its id and its days. A term is found by its
external id, or else by its name and days that overlap. Equal names alone are not equal terms:

- A name without days and id means a term that is not past. A new year's file may use last year's names.
- A term without days that has classes stays as it is, because they may be of another year. It gets the days of a file only
  if the file names each of its sections that has classes, by external id, as a section of this term.
- One name and the same days are one term, also under two ids: each school of a district may have its own.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.fields import CharField
from django.db.models.functions import Cast, Concat

from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingPattern, Section, Term
from attendance.timetable import planning

_BATCH = 1000

Days = tuple[datetime.date | None, datetime.date | None]


@dataclass(frozen=True, slots=True)
class NamedTerm:
    """A term as a file names it. An empty name is no term. ``last_day`` is included."""

    name: str
    external_id: str = ""
    first_day: datetime.date | None = None
    last_day: datetime.date | None = None

    @property
    def days(self) -> Days:
        return self.first_day, self.last_day

    @property
    def is_only_a_name(self) -> bool:
        return not self.external_id and not any(self.days)


@dataclass
class ChangedTerm:
    """A known term that the file changes, with what it was before and what the file says."""

    term: Term
    former: NamedTerm
    named: NamedTerm

    @property
    def has_other_days(self) -> bool:
        return days_of(self.term) != self.former.days


class TermMatcher:
    """Finds the terms that a file names, and makes those that are new.

    :param sections: the external ids of the sections that the file names for each of its terms
    :param on: the day of the import
    """

    def __init__(self, sections: Mapping[NamedTerm, Collection[str]], *, on: datetime.date) -> None:
        self._sections = sections
        self._on = on
        names = {named.name for named in sections}
        ids = {named.external_id for named in sections} - {""}
        # In the order of the model: those without days first, then the latest.
        self._terms = list(Term.objects.filter(Q(name__in=names) | Q(external_id__in=ids)))
        self._with_classes = self._sections_with_classes()
        self._found: dict[NamedTerm, Term] = {}
        self.new: list[Term] = []
        self.changed: list[ChangedTerm] = []
        identified = [named for named in sections if not named.is_only_a_name]
        by_id = {term.external_id: term for term in self._terms if term.external_id}
        # First by id, so that no other takes such a term by its name.
        for named in identified:
            if named.external_id in by_id:
                self._take(named, by_id[named.external_id])
        for named in identified:
            if named not in self._found:
                self._take(named, self._by_name_and_days(named) or self._make(named))

    def known(self, named: NamedTerm) -> list[Term]:
        """The terms that the file may mean by this, the likeliest first."""
        if named.is_only_a_name:
            return [one for one in self._terms if one.name == named.name and not one.is_past(self._on)]
        return [self._found[named]]

    def get(self, named: NamedTerm) -> Term | None:
        """The term that the file means, a new one if need be; None for an empty name."""
        if not named.name:
            return None
        return next(iter(self.known(named)), None) or self._make(named)

    def with_key(self, key: int) -> Term | None:
        """The known term with this primary key, as it will be after the import."""
        return next((term for term in self._terms if term.pk == key), None)

    def clashes(self) -> list[NamedTerm]:
        """The terms of the file that would get the name and the days of another one."""
        uses = Counter((term.name, *days_of(term)) for term in self._terms)
        return [one.named for one in self.changed if uses[one.term.name, *days_of(one.term)] > 1]

    def save(self) -> None:
        # Rename them first: one may get the days that another gives up, and PostgreSQL checks uniqueness row by row.
        Term.objects.filter(pk__in=[one.term.pk for one in self.changed]).update(
            name=Concat(Value("~import "), Cast(F("pk"), CharField()))
        )
        fields = ["name", "first_day", "last_day", "external_id"]
        Term.objects.bulk_update([one.term for one in self.changed], fields, batch_size=_BATCH)
        Term.objects.bulk_create(self.new, batch_size=_BATCH)

    def _sections_with_classes(self) -> dict[int, set[str]]:
        """Of each term that lacks a day, by primary key: the external ids of its sections that have classes."""
        classes = Meeting.objects.filter(section=OuterRef("pk")).not_discarded()
        found: defaultdict[int, set[str]] = defaultdict(set)
        lacking = [term.pk for term in self._terms if not all(days_of(term))]
        rows = Section.objects.filter(Exists(classes), term__in=lacking).values_list("term", "external_id")
        for term, external_id in rows:
            found[term].add(external_id)
        return found

    def _by_name_and_days(self, named: NamedTerm) -> Term | None:
        same_name = [term for term in self._terms if term.name == named.name]
        if equal := next((term for term in same_name if days_of(term) == named.days), None):
            return equal
        # Another id is another term, unless the days are equal.
        free = [term for term in same_name if not term.external_id]
        if not any(named.days):
            return next((term for term in free if not term.is_past(self._on)), None)
        fitting = [term for term in free if _overlap(days_of(term), named.days)]
        dated = [term for term in fitting if all(days_of(term))]
        lacking = [term for term in fitting if not all(days_of(term)) and self._may_be_dated(term, named)]
        return next(iter([*dated, *lacking]), None)

    def _may_be_dated(self, term: Term, named: NamedTerm) -> bool:
        """Whether the file names all sections of the term that have classes, by external id, for this term."""
        return self._with_classes[term.pk] <= set(self._sections[named]) - {""}

    def _take(self, named: NamedTerm, term: Term) -> None:
        """Note that the file means this term, and bring the term into step with the file."""
        self._found[named] = term
        former = NamedTerm(term.name, term.external_id, *days_of(term))
        # Without academicSessions.csv, an export knows only the id.
        if named.name != named.external_id:
            term.name = named.name
        if any(named.days):
            term.first_day, term.last_day = named.days
        if not term.external_id and days_of(term) == named.days:
            term.external_id = named.external_id
        if former == NamedTerm(term.name, term.external_id, *days_of(term)):
            return
        self.changed.append(ChangedTerm(term, former, named))

    def _make(self, named: NamedTerm) -> Term:
        term = Term(name=named.name, external_id=named.external_id)
        term.first_day, term.last_day = named.days
        self.new.append(term)
        self._terms.append(term)
        return term


def days_of(term: Term) -> Days:
    return term.first_day, term.last_day


def _overlap(one: Days, other: Days) -> bool:
    """Whether two spans share a day. One that lacks a day is open at that end."""
    first = max(days[0] or datetime.date.min for days in (one, other))
    last = min(days[1] or datetime.date.max for days in (one, other))
    return first <= last


def plan_again(section_ids: Collection[int], *, on: datetime.date) -> tuple[planning.Plan, list[str]]:
    """Plan the weekly classes of these sections again, from the day after ``on``: their terms have other days.

    :returns: what changed, and the sections that stay as they are because their terms lack a day that their weekly
        classes need, or are too long
    """
    patterns = MeetingPattern.objects.weekly().filter(section__in=section_ids)
    unplannable: dict[int, str] = {}
    with_classes: set[int] = set()
    for pattern in patterns.select_related("section__course", "section__term"):
        with_classes.add(pattern.section_id)
        try:
            planning.weekly(pattern)
        except Refused:
            unplannable[pattern.section_id] = str(pattern.section)
    tomorrow = datetime.datetime.combine(
        on + datetime.timedelta(days=1), datetime.time.min, planning.institution_zone()
    )
    return planning.replan(with_classes - unplannable.keys(), at=tomorrow), sorted(unplannable.values())
