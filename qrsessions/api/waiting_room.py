"""Phones that wait: answered by one process from what it knows, without a round trip to anywhere.

Six hundred phones ask every few seconds whether something has changed, and nearly always nothing has. So a process
remembers what it told each of them (by the session cookie). Once a second it looks, for all of them together, at
their stamps and at the sets of their sessions, and reads anew what those are to be told for whom something changed:
in a few queries, however many they are. Where Redis is away, that is everybody. A phone that sends the ETag of what it
shows is answered from that: a second old, or a few where a look takes long, so that looking stays a small part of
what a process does. Without an ETag the answer is read anew: that is how a page asks after something it did itself.

A sign-in is checked anew after half a minute at most. What this may lose: everything, at any time.
"""

import datetime
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import django.db
from django.conf import settings
from django.utils import timezone

from attendance import stamps
from attendance.models import Meeting, Student
from attendance.stats import LiveSets, Source, Stats, live_counts, live_sets
from attendance.waits import about_to_wait
from qrsessions.api.own_answers import Kept, read_answers
from qrsessions.pacing import waiting_phones

# A phone is forgotten after this long: its next question goes all the way, sign-in included.
REMEMBERED_SECONDS = 30.0
MOST_PHONES = 20_000
# A look is believed for so many times as long as it took.
BELIEVED = 4
# Longer than a look takes on a machine that is not overloaded.
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Answer:
    """``sessions`` is None where the phone shows them already."""

    etag: str
    sessions: list[dict[str, Any]] | None
    poll_after_ms: int


@dataclass(frozen=True)
class _Phone:
    """What a phone was told: true at ``told_at``, and since then as far as anybody looked."""

    user_id: str
    student_pk: int
    student_id: str
    kept: Kept
    stats: list[Stats]
    told_at: float
    until: float


@dataclass(frozen=True)
class _Look:
    """The counts of all sessions, by their public ids, at the moment when all phones were looked at."""

    moment: float
    believed_until: float
    stats: Mapping[str, Stats]


class WaitingRoom:
    def __init__(self) -> None:
        self._phones: dict[str, _Phone] = {}
        self._changing = threading.Lock()
        self._looking = threading.Lock()
        self._last = _Look(moment=0.0, believed_until=0.0, stats={})

    def remember(
        self, cookie: str, *, user_id: int, student: Student, kept: Kept, stats: list[Stats]
    ) -> None:
        """What this phone was just told."""
        if not (settings.WAITING_ROOM_SECONDS and cookie):
            return
        with self._changing:
            if len(self._phones) >= MOST_PHONES:
                self._phones.clear()
            now = time.monotonic()
            until = now + REMEMBERED_SECONDS
            self._phones[cookie] = _Phone(
                str(user_id), student.pk, student.student_id, kept, stats, now, until
            )

    def answer(self, cookie: str, *, etag: str, user_id: str | None) -> Answer | None:
        """The answer to a phone that shows what ``etag`` says; None where it has to be read anew.

        :param user_id: whom the phone's page was made for, if it says so
        """
        if cookie not in self._phones:
            return None
        last = self._look()
        # After the look, which may have read it anew.
        phone = self._phones.get(cookie)
        if phone is None or time.monotonic() > phone.until:
            return None
        if user_id is not None and user_id != phone.user_id:
            return None
        stats = phone.stats
        if phone.told_at < last.moment:
            stats = [last.stats[live.public_id] for live in phone.kept.live]
        pause = waiting_phones.next_ms()
        now = phone.kept.etag(stats, poll_after_ms=pause)
        return Answer(now, None if now == etag else phone.kept.told(stats), pause)

    def _look(self) -> _Look:
        """The last look, or a new one if that is too old. One looks for all; the others believe the one before."""
        late = time.monotonic() - self._last.believed_until
        if late <= 0:
            return self._last
        # Where nobody looked for long, the one before is too old to be believed at once.
        patience = LOOK_SECONDS if late > settings.WAITING_ROOM_SECONDS else 0
        if patience or not self._looking.locked():
            about_to_wait()
        if self._looking.acquire(timeout=patience):
            try:
                if time.monotonic() > self._last.believed_until:
                    self._last = self._look_at_all()
            finally:
                self._looking.release()
        return self._last

    def _look_at_all(self) -> _Look:
        at = timezone.now()
        with self._changing:
            # Whoever is told something from here on was not looked at.
            moment = time.monotonic()
            phones = {cookie: phone for cookie, phone in self._phones.items() if phone.until > moment}
            self._phones = dict(phones)
        stand = _standing(phones)
        sets = _sets_of(stand, at)
        true = {cookie for cookie, phone in stand.items() if _is_true(phone, sets)}
        self._tell_anew({cookie: phone for cookie, phone in phones.items() if cookie not in true}, at, moment)
        stats = {
            name: Stats(found.total, len(found.joined), len(found.attended), Source.REDIS, at)
            for name, found in sets.items()
            if found.total is not None
        }
        now = time.monotonic()
        return _Look(
            moment, max(moment + settings.WAITING_ROOM_SECONDS, now + BELIEVED * (now - moment)), stats
        )

    def _tell_anew(self, phones: Mapping[str, _Phone], at: datetime.datetime, moment: float) -> None:
        """Have these phones told what the database says now; whom it can't be read for goes all the way."""
        if not phones:
            return
        try:
            answers = read_answers(students={phone.student_pk for phone in phones.values()}, at=at)
        except django.db.Error:
            answers = {}
        with self._changing:
            for cookie, phone in phones.items():
                if self._phones.get(cookie) is not phone:
                    # Told something later meanwhile.
                    continue
                if answer := answers.get(phone.student_pk):
                    kept, stats = answer
                    self._phones[cookie] = replace(phone, kept=kept, stats=stats, told_at=moment)
                else:
                    del self._phones[cookie]


def _standing(phones: Mapping[str, _Phone]) -> dict[str, _Phone]:
    """Those whose stamps stand."""
    stood = stamps.peek({name for phone in phones.values() for name in phone.kept.stamps})
    if stood is None:
        return {}
    return {
        cookie: phone
        for cookie, phone in phones.items()
        # What was told without a stamp, nobody vouches for.
        if phone.kept.stamps and all(stood[name] == stamp for name, stamp in phone.kept.stamps.items())
    }


def _sets_of(phones: Mapping[str, _Phone], at: datetime.datetime) -> dict[str, LiveSets]:
    """The sets of their sessions; none where Redis is away."""
    meetings = {live.public_id: live.meeting_pk for phone in phones.values() for live in phone.kept.live}
    sets = live_sets(meetings)
    if sets and (doubtful := [name for name, found in sets.items() if found.total is None]):
        # Compared with the database once for all, not by each phone that asks.
        live_counts([Meeting(pk=meetings[name], public_id=name) for name in doubtful], at=at)
        sets = live_sets(meetings)
    return sets or {}


def _is_true(phone: _Phone, sets: Mapping[str, LiveSets]) -> bool:
    """Whether the sets, which somebody vouches for, say of the student what the phone was told."""
    for live in phone.kept.live:
        found = sets.get(live.public_id)
        if found is None or found.total is None:
            return False
        is_joined, is_present = phone.student_id in found.joined, live.roll_number in found.attended
        if (is_joined, is_present) != (live.joined, live.present):
            return False
    return True


waiting_room = WaitingRoom()
