"""What the scenarios stand on: the running site, the school, open sessions, and how a load is measured."""

import datetime
import http.client
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q

from attendance import stats
from attendance.models import Meeting, MeetingGroup
from bench.asking import HOST, Request
from bench.installation import Installation
from bench.load import Connection, Load, Sending, Unexpected, closed_loop, connect, drive
from bench.measured import Measured
from bench.school import Hall, School
from bench.sizes import Size
from qrsessions import tokens

Way = Callable[..., Request]

# Of the phones that get ready for what is measured.
ASKING_AT_ONCE = 16

# As if each had been there for a while; the sets heal when they are read.
FILL = """
    INSERT INTO attendance_attendancerecord
           (meeting_id, student_id, roll_number, joined_at, marked_at, status, method, device)
    SELECT roster.meeting_id, roster.student_id, roster.roll_number, now(),
           CASE WHEN %(present)s THEN now() END, CASE WHEN %(present)s THEN 'present' END,
           CASE WHEN %(present)s THEN 'qr' END, ''
      FROM attendance_roster roster
      JOIN attendance_meeting meeting ON meeting.id = roster.meeting_id
      LEFT JOIN attendance_meetinggroup held ON held.id = meeting.group_id
     WHERE %(id)s IN (meeting.public_id, held.public_id) AND roster.record_id IS NULL
"""


@dataclass
class Open:
    """A session or group session that runs."""

    public_id: str
    path: str
    secret: bytes

    def token(self) -> str:
        """What the screen shows now."""
        step = tokens.step_at(datetime.datetime.now(tz=datetime.UTC))
        return tokens.make(public_id=self.public_id, secret=self.secret, step=step)


class Stage:
    """One installation with its school."""

    def __init__(self, installation: Installation, school: School, size: Size) -> None:
        self.installation, self.school, self.size = installation, school, size
        self._phones: list[Connection] = []

    # --- Sessions -------------------------------------------------------------------------------------------

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask over HTTP as the teacher.

        :raises Unexpected: if the answer is not a good one
        """
        request = self.school.teacher.by_token(method, path, json.dumps(body or {}).encode())
        caller = http.client.HTTPConnection(HOST, self.installation.port, timeout=300)
        try:
            caller.request(method, path, body=request.body, headers=request.headers)
            answer = caller.getresponse()
            content = answer.read()
        finally:
            caller.close()
        if answer.status >= 300:
            raise Unexpected(f"{answer.status} to {method} {path}: {content[:300]!r}")
        return json.loads(content)

    def open(self, sections: int | list[int], *, policy: str = "open", start: bool = True) -> Open:
        """Open a session, or a group session of several sections."""
        one = isinstance(sections, int)
        path = "/api/v1/sessions/" if one else "/api/v1/group-sessions/"
        body = {"section" if one else "sections": sections, "join_policy": policy}
        public_id = self.api("POST", path, body)["id"]
        found = (
            Meeting.objects.values_list("session__secret", flat=True)
            if one
            else MeetingGroup.objects.values_list("group_session__secret", flat=True)
        )
        opened = Open(public_id, f"{path}{public_id}/", bytes(found.get(public_id=public_id)))
        if start:
            self.take_step(opened, "start")
        return opened

    def take_step(self, session: Open, step: str) -> None:
        """One of ``lifecycle.STEPS``."""
        self.api("POST", f"{session.path}{step}/")

    def fill(self, session: Open, *, present: bool) -> None:
        """Have everybody joined or present, without a request."""
        with connection.cursor() as cursor:
            cursor.execute(FILL, {"id": session.public_id, "present": present})
        named = Q(public_id=session.public_id) | Q(group__public_id=session.public_id)
        stats.forget_verified(Meeting.objects.filter(named))

    @asynccontextmanager
    async def halls_open(
        self,
        way: Way,
        *,
        policy: str = "open",
        start: bool = True,
        count: int | None = None,
        have_waited: bool = True,
        connections: int | None = None,
    ) -> AsyncIterator[list[tuple[Hall, Open]]]:
        """The halls with new sessions, and the connections of the phones, which each keeps as a browser does.

        :param way: how the students sign in
        :param have_waited: whether their phones have asked before
        :param connections: how many the phones share; for loops with ``by_phones``
        """
        halls = self.school.mark_halls[:count]
        opened = [(hall, self.open(hall.section, policy=policy, start=start)) for hall in halls]
        self._phones = await connect(self.installation.port, connections or self.size.connections)
        try:
            if have_waited:
                people = [person for hall in halls for person in hall.students]
                await self._ask_once([way(person, "GET", "/api/v1/me/session/").raw() for person in people])
            yield opened
        finally:
            for connection in self._phones:
                connection.close()
            for _hall, session in opened:
                self.take_step(session, "end")

    async def _ask_once(self, requests: list[bytes]) -> None:
        """Each over the connection of its phone; a few at a time, because the site sends more away for a while."""
        number = len(self._phones)
        lanes = [iter([(request, None) for request in requests[place::number]]) for place in range(number)]
        for start in range(0, number, ASKING_AT_ONCE):
            some = slice(start, start + ASKING_AT_ONCE)
            await drive(self._phones[some], lanes[some], seconds=300, expected=(200,), again={429})

    # --- Loads ----------------------------------------------------------------------------------------------

    async def loop(
        self,
        sendings: Iterable[Sending],
        *,
        expected: Collection[int] = (200,),
        seconds: float | None = None,
        again: Collection[int] = (),
        hello: bool = False,
        by_phones: bool = False,
    ) -> Measured:
        """Measure a closed loop: over new connections, or over those that the phones of ``halls_open`` keep.

        The request at each place of a list of the phones' goes over the same connection each time.
        """
        before = self.installation.cpu_seconds()
        seconds = seconds or self.size.seconds
        if by_phones:
            await self._connect_lost_phones()
            listed, number = list(sendings), len(self._phones)
            lanes = [iter(listed[place::number]) for place in range(number)]
            load = await drive(self._phones, lanes, seconds=seconds, expected=expected, again=again)
        else:
            port = self.installation.hello_port if hello else self.installation.port
            load = await closed_loop(
                port,
                iter(sendings),
                connections=self.size.connections,
                seconds=seconds,
                expected=expected,
                again=again,
            )
        return self.measured(load, before, web="hello" if hello else "web")

    async def _connect_lost_phones(self) -> None:
        """The server closes what is idle for long; others may be closed while these are opened."""
        wanted = len(self._phones)
        while lost := wanted - len(still_open := [phone for phone in self._phones if phone.is_open]):
            self._phones = still_open + await connect(self.installation.port, lost)

    def measured(self, load: Load, before: dict[str, float], *, web: str = "web") -> Measured:
        """The figures of a load that began when so much CPU had been used."""
        after = self.installation.cpu_seconds()
        used = {part: after[part] - before[part] for part in before}
        return Measured.of(load, used | {"web": used[web]})
