"""The rows of the lists of students."""

import datetime
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.models import ATTENDED, Method, RosterEntry, Status
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

    ``section`` is named where the list has students of several.
    """

    session: QRSession
    entry: RosterEntry
    state: str
    at: datetime.datetime | None
    method: StrOrPromise
    section: str = ""

    @property
    def word(self) -> StrOrPromise:
        return STATE_WORDS[self.state]

    @property
    def is_marked(self) -> bool:
        return self.state in Status.values


def student_row(session: QRSession, entry: RosterEntry, section: str = "") -> StudentRow:
    record = entry.record
    state, at, method = NOT_JOINED, None, ""
    if record and record.status:
        state = record.status
        at = record.marked_at if record.status in ATTENDED else None
        method = METHOD_WORDS.get(record.method or "", "")  # type: ignore[assignment]
    elif record and record.joined_at:
        state, at = JOINED, record.joined_at
    return StudentRow(session, entry, state, at, method, section)
