"""What a waiting phone is answered: its sessions, how soon to ask again, and an ETag that changes when either does.

The sessions of phones that ask at the same moment are read by one statement (``attendance.lib.batching``).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from attendance.lib.batching import Batcher
from attendance.models import Student
from qrsessions.queries.student_sessions import OwnSession, own_sessions_of
from qrsessions.serializers.sessions import own_session_json

# The page adds a random part of up to half of it, so that 600 phones do not ask in the same second.
POLL_AFTER_MS = 3000
# The student has a mark everywhere and waits for nothing. Only a correction, or the end, would change the page.
POLL_AFTER_MARK_MS = 16000


@dataclass(frozen=True)
class Answer:
    body: dict[str, Any]
    etag: str


def answer(student: Student) -> Answer:
    """The answer for the student now. Its ETag does not depend on the moment of the counts (``as_of``)."""
    own = _batches.run(student.pk)
    sessions = [own_session_json(one) for one in own]
    unchanging = [session | {"stats": session["stats"] | {"as_of": None}} for session in sessions]
    is_done = bool(own) and all(one.mark for one in own)
    poll_after = POLL_AFTER_MARK_MS if is_done else POLL_AFTER_MS
    text = json.dumps([unchanging, poll_after])
    body = {"sessions": sessions, "poll_after_ms": poll_after}
    return Answer(body, f'"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"')


def _read_batch(students: Sequence[int]) -> list[list[OwnSession] | Exception]:
    own = own_sessions_of(students, at=timezone.now())
    return [own[student] for student in students]


_batches: Batcher[int, list[OwnSession]] = Batcher(_read_batch, key=lambda student: student)
