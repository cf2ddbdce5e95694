"""Phones that wait: answered by one process from what it knows, without a round trip to anywhere.

Six hundred phones ask every few seconds whether something has changed, and nearly always nothing has. So a process
remembers what it told each of them (by the session cookie), and looks once a second, for all of them together, at
their stamps and at the sets of their sessions. A phone that sends the ETag of what it shows is answered from that: at most
a second old. Without an ETag the answer is read anew: that is how a page asks after something it did itself.

A sign-in is checked anew after half a minute at most. What this may lose: everything, at any time.
"""

import datetime
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from attendance import stamps
from attendance.models import Meeting
from attendance.stats import LiveSets, Source, Stats, live_counts, live_sets
from qrsessions.api.own_answers import Kept
from qrsessions.pacing import waiting_phones

# A phone is forgotten after this long: its next question goes all the way, sign-in included.
REMEMBERED_SECONDS = 30.0
MOST_PHONES = 20_000


@dataclass(frozen=True)
class Answer:
    """``sessions`` is None where the phone shows them already."""

    etag: str
    sessions: list[dict[str, Any]] | None
    poll_after_ms: int


@dataclass(frozen=True)
class _Phone:
    user_id: str
    student_id: str
    kept: Kept
    until: float


@dataclass(frozen=True)
class _Seen:
    """How everything stood when it was looked at last."""

    at: datetime.datetime
    moment: float
    stamps: dict[str, str]
    sets: dict[str, LiveSets]


class WaitingRoom:
    def __init__(self) -> None:
        self._phones: dict[str, _Phone] = {}
        self._looking = threading.Lock()
        self._seen: _Seen | None = None

    def remember(self, cookie: str, *, user_id: int, student_id: str, kept: Kept) -> None:
        """What this phone was just told."""
        if settings.WAITING_ROOM_SECONDS and cookie and kept.stamps:
            if len(self._phones) >= MOST_PHONES:
                self._phones.clear()
            until = time.monotonic() + REMEMBERED_SECONDS
            self._phones[cookie] = _Phone(str(user_id), student_id, kept, until)

    def answer(self, cookie: str, *, etag: str, user_id: str | None) -> Answer | None:
        """The answer to a phone that shows what ``etag`` says; None where it has to be read anew.

        :param user_id: whom the phone's page was made for, if it says so
        """
        phone = self._phones.get(cookie)
        if phone is None or (user_id is not None and user_id != phone.user_id):
            return None
        if time.monotonic() > phone.until:
            self._phones.pop(cookie, None)
            return None
        seen = self._look(phone)
        stats = self._stats(phone, seen) if seen else None
        if stats is None:
            self._phones.pop(cookie, None)
            return None
        pause = waiting_phones.next_ms()
        now = phone.kept.etag(stats, poll_after_ms=pause)
        return Answer(now, None if now == etag else phone.kept.told(stats), pause)

    def _look(self, phone: _Phone) -> _Seen | None:
        seen = self._seen
        is_old = seen is None or time.monotonic() - seen.moment > settings.WAITING_ROOM_SECONDS
        # One looks for all; the others believe what is there for that moment.
        if is_old and self._looking.acquire(blocking=seen is None):
            try:
                seen = self._seen = self._look_for_all()
            finally:
                self._looking.release()
        if seen and not (
            phone.kept.stamps.keys() <= seen.stamps.keys()
            and all(live.public_id in seen.sets for live in phone.kept.live)
        ):
            # Somebody new: looked at with the next round.
            return None
        return seen

    def _look_for_all(self) -> _Seen | None:
        moment, now = time.monotonic(), timezone.now()
        phones = [phone for phone in list(self._phones.values()) if phone.until > moment]
        stood = stamps.peek({name for phone in phones for name in phone.kept.stamps})
        if stood is None:
            return None
        # Of the others the sessions may have ended.
        phones = [
            phone for phone in phones if all(stood[n] == stamp for n, stamp in phone.kept.stamps.items())
        ]
        meetings = {live.public_id: live.meeting_pk for phone in phones for live in phone.kept.live}
        sets = live_sets(meetings)
        if sets and (doubtful := [name for name, found in sets.items() if found.total is None]):
            # Compared with the database once for all, not by each phone that asks.
            live_counts([Meeting(pk=meetings[name], public_id=name) for name in doubtful], at=now)
            sets = live_sets(meetings)
        return None if sets is None else _Seen(now, moment, stood, sets)

    def _stats(self, phone: _Phone, seen: _Seen) -> list[Stats] | None:
        """The counts of the phone's sessions; None where something it was told is no longer so."""
        if any(seen.stamps[name] != stamp for name, stamp in phone.kept.stamps.items()):
            return None
        stats = []
        for live in phone.kept.live:
            sets = seen.sets[live.public_id]
            is_joined, is_present = phone.student_id in sets.joined, live.roll_number in sets.attended
            if sets.total is None or (is_joined, is_present) != (live.joined, live.present):
                return None
            stats.append(Stats(sets.total, len(sets.joined), len(sets.attended), Source.REDIS, seen.at))
        return stats


waiting_room = WaitingRoom()
