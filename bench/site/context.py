"""What the scenarios share: the running site, its people, sessions, and how a load is measured."""

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
from bench.client.load import Connection, Load, QueuedRequest, UnexpectedAnswer, closed_loop, connect, drive
from bench.client.requests import HOST, Request
from bench.report.measurement import Measurement
from bench.site.installation import Installation
from bench.site.school import Hall, School
from bench.site.sizes import Size
from qrsessions.codes import tokens

MakeRequest = Callable[..., Request]

# Concurrent requests while phones warm up.
WARM_UP_CONCURRENT = 16

# Written straight to the database; the live counts are repaired when they are next read.
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
class OpenSession:
    """An open session or group session."""

    public_id: str
    path: str
    secret: bytes

    def token(self) -> str:
        """The token on the screen now."""
        step = tokens.step_at(datetime.datetime.now(tz=datetime.UTC))
        return tokens.make(public_id=self.public_id, secret=self.secret, step=step)


class Context:
    """One running site with its people."""

    def __init__(self, installation: Installation, school: School, size: Size) -> None:
        self.installation, self.school, self.size = installation, school, size
        self._phones: list[Connection] = []

    # --- Sessions -------------------------------------------------------------------------------------------

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the API as the teacher.

        :raises UnexpectedAnswer: if the status is not 2xx
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
            raise UnexpectedAnswer(f"{answer.status} to {method} {path}: {content[:300]!r}")
        return json.loads(content)

    def open(self, sections: int | list[int], *, policy: str = "open", start: bool = True) -> OpenSession:
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
        opened = OpenSession(public_id, f"{path}{public_id}/", bytes(found.get(public_id=public_id)))
        if start:
            self.take_step(opened, "start")
        return opened

    def take_step(self, session: OpenSession, step: str) -> None:
        """One of ``lifecycle.STEPS``."""
        self.api("POST", f"{session.path}{step}/")

    def fill(self, session: OpenSession, *, present: bool) -> None:
        """Make all students joined or present, without requests."""
        with connection.cursor() as cursor:
            cursor.execute(FILL, {"id": session.public_id, "present": present})
        named = Q(public_id=session.public_id) | Q(group__public_id=session.public_id)
        stats.forget_verified(Meeting.objects.filter(named))

    @asynccontextmanager
    async def halls_open(
        self,
        make_request: MakeRequest,
        *,
        policy: str = "open",
        start: bool = True,
        count: int | None = None,
        warm: bool = True,
        connections: int | None = None,
    ) -> AsyncIterator[list[tuple[Hall, OpenSession]]]:
        """Open a session for each hall, and the connections that its phones keep, as browsers do.

        :param make_request: how the students sign in
        :param warm: whether their phones have polled before
        :param connections: how many connections the phones share in loops with ``by_phones``
        """
        halls = self.school.mark_halls[:count]
        opened = [(hall, self.open(hall.section, policy=policy, start=start)) for hall in halls]
        self._phones = await connect(self.installation.port, connections or self.size.connections)
        try:
            if warm:
                people = [person for hall in halls for person in hall.students]
                await self._warm_up(
                    [make_request(person, "GET", "/api/v1/me/session/").raw() for person in people]
                )
            yield opened
        finally:
            for connection in self._phones:
                connection.close()
            for _hall, session in opened:
                self.take_step(session, "end")

    async def _warm_up(self, requests: list[bytes]) -> None:
        """Send each over the connection of its phone, a few at a time, because the site limits polls."""
        number = len(self._phones)
        lanes = [iter([(request, None) for request in requests[place::number]]) for place in range(number)]
        for start in range(0, number, WARM_UP_CONCURRENT):
            some = slice(start, start + WARM_UP_CONCURRENT)
            await drive(self._phones[some], lanes[some], seconds=300, expected=(200,), again={429})

    # --- Loads ----------------------------------------------------------------------------------------------

    async def loop(
        self,
        requests: Iterable[QueuedRequest],
        *,
        expected: Collection[int] = (200,),
        seconds: float | None = None,
        again: Collection[int] = (),
        hello: bool = False,
        by_phones: bool = False,
    ) -> Measurement:
        """Measure a closed loop, over new connections or over those that ``halls_open`` keeps.

        With ``by_phones``, the request at a given index always uses the same connection.
        """
        before = self.installation.cpu_seconds()
        seconds = seconds or self.size.seconds
        if by_phones:
            await self._reconnect_phones()
            listed, number = list(requests), len(self._phones)
            lanes = [iter(listed[position::number]) for position in range(number)]
            load = await drive(self._phones, lanes, seconds=seconds, expected=expected, again=again)
        else:
            port = self.installation.hello_port if hello else self.installation.port
            load = await closed_loop(
                port,
                iter(requests),
                connections=self.size.connections,
                seconds=seconds,
                expected=expected,
                again=again,
            )
        return self.measurement(load, before, web="hello" if hello else "web")

    async def _reconnect_phones(self) -> None:
        """Replace connections that the server closed as idle, until all are open."""
        wanted = len(self._phones)
        while lost := wanted - len(still_open := [phone for phone in self._phones if phone.is_open]):
            self._phones = still_open + await connect(self.installation.port, lost)

    def measurement(self, load: Load, before: dict[str, float], *, web: str = "web") -> Measurement:
        """The figures of a load. ``before`` is the CPU used before it began."""
        after = self.installation.cpu_seconds()
        used = {part: after[part] - before[part] for part in before}
        return Measurement.of(load, used | {"web": used[web]})
