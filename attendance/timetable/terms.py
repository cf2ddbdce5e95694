"""Which term a roster means."""

import datetime
from collections import defaultdict
from collections.abc import Iterable

from attendance.models import Term


class NamedTerms:
    """The terms that a file names without dates or ids. New ones are made for names that are not known.

    :param on: terms that are past on this date are left alone: a new year's file may use last year's names
    """

    def __init__(self, names: Iterable[str], *, on: datetime.date) -> None:
        self._by_name: defaultdict[str, list[Term]] = defaultdict(list)
        for term in Term.objects.filter(name__in=set(names)).current(on):
            self._by_name[term.name].append(term)
        self.new: list[Term] = []

    def get(self, name: str) -> Term | None:
        """The term of this name, the latest of several; None for an empty name."""
        if not name:
            return None
        terms = self._by_name[name]
        if not terms:
            terms.append(Term(name=name))
            self.new.append(terms[0])
        # Those without dates come first, as in the order of the model: they are never past.
        return terms[0]
