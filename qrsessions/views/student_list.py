"""The list of students on the pages of sessions and group sessions."""

import datetime
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.models import ATTENDED, ExcuseReason, Method, RosterEntry, Status, StatusLabel
from attendance.queries.labels import own_labels
from attendance.queries.not_enrolled_then import students_not_enrolled_then
from attendance.queries.scan_traces import NOTHING_UNUSUAL, Flag, ScanTraces, TracesByRecord
from attendance.queries.shared_devices import SharedDevices, Sharer
from qrsessions.models import QRSession, SessionStatus
from qrsessions.queries.rosters import mark_key

JOINED = "joined"
NOT_JOINED = "none"
NOT_ENROLLED_THEN = "not_enrolled_then"
# The text for each state of a student on the roster.
STATE_WORDS: dict[str, StrOrPromise] = {
    **{status.value: status.label for status in Status},
    JOINED: _("joined"),
    NOT_JOINED: _("not joined"),
}
# A scan of the QR code is the usual method and gets no text.
METHOD_WORDS: dict[str, StrOrPromise] = {
    Method.CODE.value: _("typed code"),
    Method.CLAIM.value: _("scanned before sign-in"),
    Method.MANUAL.value: _("by hand"),
    Method.IMPORT.value: _("import"),
}


@dataclass(frozen=True)
class StudentRow:
    """One student in the list. ``at`` is when the student was marked, or joined if there is no mark.

    ``section`` is set if the list has students of several sections. ``sharers`` are other students who were marked from
    the same phone. ``traces`` is what else is unusual about the scan.
    """

    session: QRSession
    entry: RosterEntry
    state: str
    at: datetime.datetime | None
    method: StrOrPromise
    section: str = ""
    sharers: Sequence[Sharer] = ()
    traces: ScanTraces = NOTHING_UNUSUAL

    @property
    def named(self) -> str:
        return f"{self.entry.student.name} ({self.entry.roll_number})"

    @property
    def mark_url(self) -> str:
        """Where the student is marked by hand."""
        return f"{_mark_url(self.session.public_id)}?student={quote(self.entry.student.student_id, safe='')}"

    @property
    def flag_text(self) -> str:
        """What the teacher may want to look into. ``static/js/components/student_list/student_rows.js`` makes the same text."""
        texts = [str(flag.label) for flag in self.traces.flags]
        if self.sharers:
            texts.append(gettext("same phone as %(names)s") % {"names": _names(self.sharers)})
        if self.traces.other_days:
            words = gettext("same phone as %(names)s on another day")
            texts.append(words % {"names": _names(self.traces.other_days)})
        return " · ".join(texts)

    @property
    def is_unusual(self) -> bool:
        return bool(self.traces.flags or self.traces.other_days)

    @property
    def scanned_before_sign_in(self) -> bool:
        return bool(self.entry.record and self.entry.record.method == Method.CLAIM)

    @property
    def flagged(self) -> str:
        """The student ids of the sharers, for the script."""
        return " ".join(sharer.student_id for sharer in self.sharers)

    @property
    def is_missed(self) -> bool:
        """Whether the student joined but has no mark."""
        record = self.entry.record
        unmarked = record and (record.status is None or record.method == Method.END)
        return bool(unmarked and record and record.joined_at)

    @property
    def word(self) -> StrOrPromise:
        if self.label:
            return self.label.name
        return _("not enrolled then") if self.state == NOT_ENROLLED_THEN else STATE_WORDS[self.state]

    @property
    def label(self) -> StatusLabel | None:
        return self.entry.record.label if self.entry.record else None

    @property
    def tag(self) -> str:
        """The classes of its tag."""
        return f"{self.state} label-{self.label.colour}" if self.label else self.state

    @property
    def reason(self) -> ExcuseReason | None:
        return self.entry.record.excused_reason if self.entry.record else None

    @property
    def note(self) -> str:
        """The reason of an excuse and the note. ``student_rows.js`` makes the same text."""
        return " · ".join(text for text in (self.reason and self.reason.name, self.entry.note) if text)

    @property
    def is_marked(self) -> bool:
        return self.state in Status.values

    def cells(self) -> dict[str, object]:
        """What the list shows. A dict, because a template reads an object several times slower, thousands of times."""
        student = self.entry.student
        return {
            "student_id": student.student_id,
            "session": self.session.public_id,
            "section": self.section,
            "roll_number": self.entry.roll_number,
            "name": student.name,
            "state": self.state,
            "tag": self.tag,
            "word": str(self.word),
            "time": timezone.localtime(self.at).strftime("%H:%M") if self.at else "",
            "method": str(self.method),
            "note": self.note,
            "reason": self.reason.code if self.reason else "",
            "flags": self.flag_text,
            "is_missed": self.is_missed,
            # Few have any of these.
            "has_data": bool(self.sharers or self.is_unusual or self.scanned_before_sign_in or self.reason),
            "sharers": self.flagged,
            "is_unusual": self.is_unusual,
            "scanned_before_sign_in": self.scanned_before_sign_in,
            "is_marked": self.is_marked,
            "mark_url": self.mark_url,
        }


@functools.lru_cache(maxsize=1000)
def _mark_url(public_id: str) -> str:
    # A register of a group has thousands of rows.
    return reverse("qrsessions:mark-by-hand", args=[public_id])


def _names(sharers: Sequence[Sharer]) -> str:
    return ", ".join(map(str, sharers))


def student_row(
    session: QRSession,
    entry: RosterEntry,
    section: str = "",
    shared: SharedDevices | None = None,
    traces: TracesByRecord | None = None,
) -> StudentRow:
    """
    :param shared: the result of ``shared_devices``, if the list shows it
    :param traces: the result of ``scan_traces``, if the list shows it
    """
    record = entry.record
    # On a fixed roster everybody has a record.
    is_missing = record is None and session.meeting.roster_fixed_at is not None
    state, at, method = NOT_ENROLLED_THEN if is_missing else NOT_JOINED, None, ""
    if record and record.status:
        state = record.status
        at = record.marked_at if record.status in ATTENDED else None
        method = METHOD_WORDS.get(record.method or "", "")  # type: ignore[assignment]
    elif record and record.joined_at:
        state, at = JOINED, record.joined_at
    sharers = (shared or {}).get(entry.student_id, ())
    unusual = (traces or {}).get(entry.record_id or 0, NOTHING_UNUSUAL)
    return StudentRow(session, entry, state, at, method, section, sharers, unusual)


def not_enrolled_then(sessions: Sequence[QRSession]) -> list[StudentRow]:
    """The students on none of the fixed rosters whom a teacher may add.

    :param sessions: one session, or all of a group
    """
    by_meeting = {session.meeting_id: session for session in sessions}
    entries = students_not_enrolled_then(session.meeting for session in sessions)
    return [student_row(by_meeting[entry.meeting_id], entry) for entry in entries]


# The filters of the list and their labels, in order.
CHIPS: dict[str, StrOrPromise] = {
    "all": _("All"),
    "missed": _("Joined, not scanned"),
    NOT_JOINED: _("Not joined"),
    **{status.value: capfirst(status.label) for status in Status},
    "flagged": _("Same phone"),
    "unusual": _("Unusual scan"),
}


def _phones(rows: Sequence[StudentRow]) -> list[list[StudentRow]]:
    """The students who were marked from one phone, phone by phone."""
    by_id = {row.entry.student.student_id: row for row in rows}
    phones: dict[frozenset[str], list[StudentRow]] = {}
    for row in rows:
        ids = [row.entry.student.student_id, *(sharer.student_id for sharer in row.sharers)]
        if len(ids) > 1:
            phones.setdefault(frozenset(ids), [by_id[one] for one in sorted(ids) if one in by_id])
    return list(phones.values())


def list_context(rows: Sequence[StudentRow]) -> dict[str, object]:
    """Template context of the list of students and of the summary after the class."""
    states = Counter(row.state for row in rows)
    missed = [row for row in rows if row.is_missed]
    counts = {
        **{state: states[state] for state in STATE_WORDS},
        "all": len(rows),
        "missed": len(missed),
        "flagged": sum(bool(row.sharers) for row in rows),
        "unusual": sum(row.is_unusual for row in rows),
        "unmarked": states[JOINED] + states[NOT_JOINED],
    }
    has_ended = bool(rows) and rows[0].session.status == SessionStatus.ENDED
    is_not_taken = bool(rows) and counts["unmarked"] == len(rows)
    has_absences = any(row.entry.record and row.entry.record.method == Method.END for row in rows)
    return {
        "rows": rows,
        "lines": [row.cells() for row in rows],
        "counts": counts,
        "chips": [(kind, word, counts[kind]) for kind, word in CHIPS.items()],
        "missed": missed,
        "total_late": counts[Status.LATE],
        "has_ended": has_ended,
        "nobody_marked": all(mark_key(row.entry.record) is None for row in rows),
        # If it has ended, it did so by itself, and nobody was recorded as absent.
        "is_not_taken": is_not_taken,
        # It ended without absences, and some students have been marked by hand since.
        "is_half_taken": has_ended and not has_absences and 0 < counts["unmarked"] < len(rows),
        "phones": _phones(rows),
        "flag_words": dict(Flag.choices),
        "state_words": STATE_WORDS,
        "method_words": METHOD_WORDS,
        "own": own_labels(),
        "statuses": Status,
        "attended": ATTENDED,
    }
