"""The rows of the lists of students."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.models import ATTENDED, Method, RosterEntry, Status
from attendance.shared_devices import SharedDevices, Sharer
from qrsessions.models import QRSession

JOINED = "joined"
NOT_JOINED = "none"
# What the list says of a student who has this state.
STATE_WORDS: dict[str, StrOrPromise] = {
    **{status.value: status.label for status in Status},
    JOINED: _("joined"),
    NOT_JOINED: _("not joined"),
}
# A scanned code is the usual way, and goes without saying.
METHOD_WORDS: dict[str, StrOrPromise] = {
    Method.CODE.value: _("typed code"),
    Method.CLAIM.value: _("scanned before sign-in"),
    Method.MANUAL.value: _("by hand"),
    Method.IMPORT.value: _("import"),
}


@dataclass(frozen=True)
class StudentRow:
    """One student in the list. ``at`` is when the student was marked or joined, whichever the state says.

    ``section`` is named where the list has students of several; ``sharers`` are the others whose marks came from the
    same phone.
    """

    session: QRSession
    entry: RosterEntry
    state: str
    at: datetime.datetime | None
    method: StrOrPromise
    section: str = ""
    sharers: Sequence[Sharer] = ()

    @property
    def flagged(self) -> str:
        """The student ids of the sharers, as the script compares them."""
        return " ".join(sharer.student_id for sharer in self.sharers)

    @property
    def is_missed(self) -> bool:
        """Whether the student joined, and nobody and no scan marked the student."""
        record = self.entry.record
        unmarked = record and (record.status is None or record.method == Method.END)
        return bool(unmarked and record and record.joined_at)

    @property
    def word(self) -> StrOrPromise:
        return STATE_WORDS[self.state]

    @property
    def is_marked(self) -> bool:
        return self.state in Status.values


def student_row(
    session: QRSession, entry: RosterEntry, section: str = "", shared: SharedDevices | None = None
) -> StudentRow:
    """
    :param shared: what ``shared_devices`` found, where the list shows it
    """
    record = entry.record
    state, at, method = NOT_JOINED, None, ""
    if record and record.status:
        state = record.status
        at = record.marked_at if record.status in ATTENDED else None
        method = METHOD_WORDS.get(record.method or "", "")  # type: ignore[assignment]
    elif record and record.joined_at:
        state, at = JOINED, record.joined_at
    sharers = (shared or {}).get(entry.student_id, ())
    return StudentRow(session, entry, state, at, method, section, sharers)


# What the list can be made to show, in the order of the chips, and what each is called.
CHIPS: dict[str, StrOrPromise] = {
    "all": _("All"),
    "missed": _("Joined, not scanned"),
    NOT_JOINED: _("Not joined"),
    **{status.value: capfirst(status.label) for status in Status},
    "flagged": _("Same phone"),
}


def list_context(rows: Sequence[StudentRow]) -> dict[str, object]:
    """What the list of students shows, and the summary after the class."""
    states = Counter(row.state for row in rows)
    missed = [row for row in rows if row.is_missed]
    counts = {
        **{state: states[state] for state in STATE_WORDS},
        "all": len(rows),
        "missed": len(missed),
        "flagged": sum(bool(row.sharers) for row in rows),
        "unmarked": states[JOINED] + states[NOT_JOINED],
    }
    return {
        "rows": rows,
        "counts": counts,
        "chips": [(kind, word, counts[kind]) for kind, word in CHIPS.items()],
        "missed": missed,
        "state_words": STATE_WORDS,
        "method_words": METHOD_WORDS,
        "statuses": Status,
    }
