"""What the words and letters in a register mean: the four statuses, the institution's labels and reasons."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from django.utils.translation import gettext as _

from attendance.lib.refusals import Refused
from attendance.models import ExcuseReason, Status, StatusLabel

# In a mapping: the student was not enrolled then.
NOT_ENROLLED = "not_enrolled"

_USUAL = {
    Status.PRESENT: "present p yes y 1 x ✓ ✔ √ + attended here",
    Status.LATE: "late l tardy",
    Status.EXCUSED: "excused e",
    Status.ABSENT: "absent a no n 0 ✗ ✘ missing missed",
}
_NOTHING = frozenset("-–—\N{MINUS SIGN}")


class Mark(NamedTuple):
    """What stands in a cell. Without a status, no status stands."""

    status: Status | None
    label: StatusLabel | None = None
    reason: ExcuseReason | None = None

    def __str__(self) -> str:
        if self.status is None:
            return _("no status")
        word = self.label.name if self.label else str(self.status.label)
        return f"{word} ({self.reason.name})" if self.reason else word


class UnknownWord(Exception):
    """Nobody knows what this word means."""


class BadMapping(Refused):
    """A word is said to mean what does not exist."""

    code = "bad_mapping"
    status = 400


class Words:
    """The words of a file.

    :param mapping: what words mean in this file, before anything else: a status, the name of a label, ``E:`` and the code
        of a reason; an empty text for no status, ``not_enrolled`` for "not enrolled then". The empty word is an empty cell
    :raises BadMapping: if a word is mapped to something unknown
    """

    def __init__(
        self,
        *,
        labels: Iterable[StatusLabel],
        reasons: Iterable[ExcuseReason],
        mapping: Mapping[str, str] | None = None,
    ) -> None:
        self._known: dict[str, Mark | None] = {"": None} | dict.fromkeys(_NOTHING, Mark(None))
        self._reasons: dict[str, ExcuseReason] = {}
        reasons = list(reasons)
        # A code comes before a name of another reason.
        self._reasons |= {_folded(reason.name): reason for reason in reasons}
        self._reasons |= {_folded(reason.code): reason for reason in reasons}
        # The later ones win: what the institution says before what is usual.
        for status, words in _USUAL.items():
            for word in (*words.split(), str(status.label)):
                self._known[_folded(word)] = Mark(status)
        for word, reason in self._reasons.items():
            self._known[word] = Mark(Status.EXCUSED, reason=reason)
        for label in sorted(labels, key=lambda label: label.is_active):
            for word in (label.name, label.letter):
                self._known[_folded(word)] = Mark(Status(label.meaning), label)
        for status in Status:
            self._known[_folded(status.letter)] = self._known[_folded(status)] = Mark(status)
        self._mapped = {
            _folded(word): self._mapped_to(word, meaning) for word, meaning in (mapping or {}).items()
        }

    def read(self, text: str) -> Mark | None:
        """What the text means; None: not enrolled then.

        :raises UnknownWord: if nobody knows
        """
        word = _folded(text)
        return self._mapped[word] if word in self._mapped else self._unmapped(text)

    def _unmapped(self, text: str) -> Mark | None:
        word = _folded(text)
        if word in self._known:
            return self._known[word]
        head, colon, tail = word.partition(":")
        mark, reason = self._known.get(head.strip()), self._reasons.get(tail.strip())
        if colon and reason and mark and mark.status is Status.EXCUSED and mark.reason is None:
            return mark._replace(reason=reason)
        raise UnknownWord(text)

    def _mapped_to(self, word: str, meaning: str) -> Mark | None:
        if not meaning:
            return Mark(None)
        if meaning == NOT_ENROLLED:
            return None
        try:
            return self._unmapped(meaning)
        except UnknownWord:
            text = _("“%(word)s” cannot mean “%(meaning)s”: there is no such status or label.")
            raise BadMapping(text % {"word": word, "meaning": meaning}) from None


def choices(labels: Iterable[StatusLabel], reasons: Iterable[ExcuseReason]) -> Iterator[tuple[str, str]]:
    """What a word can be mapped to, and how people call it."""
    for status in Status:
        yield status.value, str(status.label)
    for label in labels:
        yield label.name, f"{label.name} ({Status(label.meaning).label})"
    for reason in reasons:
        yield f"E:{reason.code}", str(Mark(Status.EXCUSED, reason=reason))
    yield "", _("no status")
    yield NOT_ENROLLED, _("not enrolled then")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
