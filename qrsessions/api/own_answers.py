"""What is open for a student, without a query: the answer that hundreds of waiting phones ask for again and again.

An answer that was read from the database is kept with the stamps it was made under (``attendance.stamps``). As long
as they stand, and the live sets say of the student what the answer says, only the counts are read anew.
"""

import datetime
import hashlib
import json
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.cache import cache

from attendance import stamps
from attendance.models import ATTENDED, Meeting, Student
from attendance.serializers import counts_json
from attendance.stats import Stats, meeting_stats, memberships
from qrsessions.api import known_sessions
from qrsessions.own_sessions import OwnSession, own_sessions_of, sections_of
from qrsessions.serializers import OwnSessionSerializer, own_session_json

# Jittered, so that phones that came at once do not all ask the database at once.
KEPT_SECONDS = (40, 55)
# Made once: its fields are copied for each instance, which takes longer than what they do.
_SESSION = OwnSessionSerializer()


class Live(NamedTuple):
    """What finds the live numbers of a session, and what the sets say of the student if the answer is still true."""

    meeting_pk: int
    public_id: str
    roll_number: str
    joined: bool
    present: bool


@dataclass(frozen=True)
class Kept:
    """The sessions of an answer without their counts, and the stamps it was made under.

    ``digest`` is that of the sessions: with the counts, it tells one answer from another.
    """

    stamps: dict[str, str]
    sessions: list[dict[str, Any]]
    live: list[Live]
    digest: str

    def told(self, stats: Sequence[Stats]) -> list[dict[str, Any]]:
        """The sessions with the counts of now."""
        return [
            session | {"stats": session["stats"] | counts_json(one)}
            for session, one in zip(self.sessions, stats, strict=True)
        ]

    def etag(self, stats: Sequence[Stats], *, poll_after_ms: int) -> str:
        """The same for answers that differ in nothing but the moment of the counts."""
        numbers = [
            f"{one.total_students}.{one.total_joined}.{one.total_present}.{one.source[0]}" for one in stats
        ]
        return f'"{"-".join([self.digest, *numbers, str(poll_after_ms)])}"'


def headers_of(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def own_answer(*, student: Student, at: datetime.datetime) -> tuple[Kept, list[Stats]]:
    """What is open for the student, as ``me/session/`` shows it, and the counts of each session."""
    kept = _find(student)
    if kept is not None:
        stats = _live_stats(kept, student, at)
        if stats is not None:
            return kept, stats
    return read_answers(students=[student.pk], at=at)[student.pk]


def read_answers(*, students: Collection[int], at: datetime.datetime) -> dict[int, tuple[Kept, list[Stats]]]:
    """The same from the database, of many students by their primary keys: in as many queries as for one."""
    # The stamps before what they vouch for: a change that comes between renews them.
    names = {
        student: [stamps.of_student(student), *map(stamps.of_section, sections)]
        for student, sections in sections_of(students=students, at=at).items()
    }
    stood = stamps.read({name for some in names.values() for name in some})
    found = own_sessions_of(students=students, at=at, find_sessions=known_sessions.finding(stood))
    answers = {}
    for student, own in found.items():
        kept = _kept({name: stood[name] for name in names[student]} if stood else {}, own)
        answers[student] = kept, [one.stats for one in own]
    if stood is not None:
        copies = {_key(student): vars(kept) for student, (kept, _stats) in answers.items()}
        cache.set_many(copies, random.randint(*KEPT_SECONDS))  # noqa: S311 - jitter
    return answers


def _find(student: Student) -> Kept | None:
    found = cache.get(_key(student.pk))
    if found is None:
        return None
    kept = Kept(**found)
    return kept if stamps.read(kept.stamps) == kept.stamps else None


def _live_stats(kept: Kept, student: Student, at: datetime.datetime) -> list[Stats] | None:
    """The counts of now; None where the sets know more of the student than the answer."""
    meetings = [Meeting(pk=live.meeting_pk, public_id=live.public_id) for live in kept.live]
    asked = [
        (meeting, student.student_id, live.roll_number)
        for meeting, live in zip(meetings, kept.live, strict=True)
    ]
    if memberships(asked, at=at) != [(live.joined, live.present) for live in kept.live]:
        return None
    stats = meeting_stats(meetings, at=at)
    return [stats[meeting.pk] for meeting in meetings]


def _kept(stood: dict[str, str], own: Sequence[OwnSession]) -> Kept:
    text = json.dumps([_without_counts(_SESSION.to_representation(own_session_json(one))) for one in own])
    digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    return Kept(stood, json.loads(text), [_live(one) for one in own], digest)


def _without_counts(session: dict[str, Any]) -> dict[str, Any]:
    stats = session["stats"]
    return session | {"stats": {"session": stats["session"], "status": stats["status"]}}


def _live(own: OwnSession) -> Live:
    meeting = own.session.meeting
    return Live(
        meeting.pk,
        meeting.public_id,
        own.entry.roll_number,
        joined=own.joined_at is not None,
        present=own.mark in ATTENDED,
    )


def _key(student: int) -> str:
    return f"own-sessions:{student}"
