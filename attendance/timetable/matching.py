"""Which sections a file means: by course and section in a text such as “CS101-A Lecture”, or by a table of names."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection

from django.utils.translation import gettext as _

from attendance.models import Section
from attendance.timetable.formats.entries import Names
from attendance.timetable.formats.reading import SectionsByName, as_name

_WORD = re.compile(r"[^\W_]+")
# “CS101 Section A” is CS101 A.
_FILLERS = frozenset({"section", "sec", "group", "class"})
_MAX_WORDS = 10


class NoSection(Exception):
    """The message says why there is no section, or not only one."""


class SectionFinder:
    """Finds sections by what a file says of them.

    :param sections: with their courses and terms
    :param by_name: sections by the names that a file uses; these come first
    """

    def __init__(self, sections: Collection[Section], by_name: SectionsByName | None = None) -> None:
        self._by_pk = {section.pk: section for section in sections}
        self._by_name = by_name or {}
        self._by_words: defaultdict[str, list[Section]] = defaultdict(list)
        for section in sections:
            self._by_words["".join([*_words(section.course.code), *_words(section.name)])].append(section)

    def find(self, names: Names, *, fits: Callable[[Section], bool]) -> list[Section]:
        """The sections that meet, all of them if several are named. None at all: this is not a class.

        :param fits: whether a section's term has these classes, for sections of one name in several terms
        :raises NoSection: if no section, or one of several terms, may be meant
        """
        if (keys := self._by_name.get(as_name(names.label))) is not None:
            return [self._by_pk[key] for key in keys]
        for text in names.texts:
            found = self._in_text(text, is_exact=names.is_exact)
            if found:
                return [self._one_of(sections, names, fits) for sections in found]
        raise NoSection(_("No section has this name."))

    def _in_text(self, text: str, *, is_exact: bool) -> list[list[Section]]:
        words = _words(text)
        if is_exact:
            sections = self._by_words.get("".join(words))
            return [sections] if sections else []
        found = []
        for first in range(len(words)):
            here = [
                self._by_words[key]
                for last in range(first + 1, min(first + _MAX_WORDS, len(words)) + 1)
                if (key := "".join(words[first:last])) in self._by_words
            ]
            if len(here) > 1:
                raise NoSection(_("This could be any of several sections."))
            found += here
        return found

    def _one_of(self, sections: list[Section], names: Names, fits: Callable[[Section], bool]) -> Section:
        if names.term:
            sections = [section for section in sections if as_name(section.term_name) == as_name(names.term)]
            if not sections:
                raise NoSection(_("The section does not exist in this term."))
        if len(sections) > 1:
            sections = [section for section in sections if fits(section)]
        if len(sections) != 1:
            raise NoSection(_("The section exists in several terms. Say which is meant."))
        return sections[0]


def _words(text: str) -> list[str]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word for word in words if word not in _FILLERS] or words
