"""One class through the API: the teacher's screen, the reading of counts, and a burst of phones."""

import asyncio
import itertools
import random
import time
from collections import Counter, deque
from typing import Any

from tests.chaos.history import Mark, Sample, Scope
from tests.chaos.http import Client, NoAnswer
from tests.chaos.installation import Installation, Person

SAMPLE_SECONDS = 0.1
# After the burst.
QUIET_SAMPLE_SECONDS = 0.25
SHOWN_SECONDS = 0.5
# The range of a phone's random delay before it tries again.
RETRY_SECONDS = (0.3, 0.8)
# Longer than any recovery takes. A mark without an acknowledgement by then shows up in the table.
GIVE_UP_SECONDS = 60.0
# The most requests in flight. More would only overload this machine.
MARKS_AT_ONCE = 48
READINGS_AT_ONCE = 8
# One phone in this many sends once and never again, so that some marks stay in flight.
IMPATIENT_EVERY = 10


class Refused(Exception):
    """The API refused a request that must succeed."""


class Classroom:
    """An active group session, and what happened in it."""

    def __init__(self, installation: Installation) -> None:
        self._port = installation.port
        teacher = next(person for person in installation.people if person.username == "teacher")
        self._teacher = Client(self._port, teacher.token)
        self._screen = Client(self._port, teacher.token)
        self._token = teacher.token
        self._students = [person for person in installation.people if person.role == "student"]
        self._sections = sorted({person.section for person in self._students if person.section})
        self._shown = ""
        self._is_quiet = False
        self._idle_readers: deque[Client] = deque()
        self._readings = asyncio.Semaphore(READINGS_AT_ONCE)
        self._sendings = asyncio.Semaphore(MARKS_AT_ONCE)
        self.group: Scope = ""
        self.sessions: list[Scope] = []
        self.marks: list[Mark] = []
        self.samples: list[Sample] = []
        self.teacher_errors: Counter[str] = Counter()

    async def open(self) -> None:
        """Open a group session of all sections and start it. Its policy needs no joins."""
        body = {"sections": self._sections, "join_policy": "open", "title": "Chaos"}
        opened = await self._ask("POST", "/api/v1/group-sessions/", body)
        self.group = opened["id"]
        await self._ask("POST", f"{self._address}start/")
        stats = await self._ask("GET", f"{self._address}stats/")
        self.sessions = [section["session"] for section in stats["sections"]]
        details = [await self._ask("GET", f"/api/v1/sessions/{session}/") for session in self.sessions]
        of_section = {detail["section"]: detail["id"] for detail in details}
        self.marks = [Mark(person.username, of_section[person.section]) for person in self._students]
        self._shown = (await self._ask("GET", f"{self._address}token/"))["token"]

    async def end(self) -> dict[Scope, int]:
        """End it and return the final counts."""
        return _present((await self._ask("POST", f"{self._address}end/"))["stats"])

    async def counts(self) -> dict[Scope, int]:
        """The current counts of the group and its sessions."""
        return _present(await self._ask("GET", f"{self._address}stats/"))

    def close(self) -> None:
        """Close every connection."""
        for client in (self._teacher, self._screen, *self._idle_readers):
            client.close()

    @property
    def _address(self) -> str:
        return f"/api/v1/group-sessions/{self.group}/"

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """As the teacher.

        :raises Refused: if the answer is an error
        """
        status, answer = await self._teacher.ask(method, path, body)
        # Do not keep the connection: its worker may be killed before the next request.
        self._teacher.close()
        if status >= 300:
            raise Refused(f"{method} {path}: {status} {answer}")
        return answer

    # --- What the teacher's pages do continuously -------------------------------------------------------------

    async def show(self) -> None:
        """Keep the code on the screen up to date, until cancelled."""
        while True:
            try:
                status, answer = await self._screen.ask("GET", f"{self._address}token/")
            except NoAnswer as error:
                self.teacher_errors[str(error)] += 1
            else:
                if status == 200:
                    self._shown = answer["token"]
                else:
                    self.teacher_errors[_error(status, answer)] += 1
            await asyncio.sleep(SHOWN_SECONDS)

    async def read_counts(self) -> None:
        """Read the counts of the group and of its sessions in turn, until cancelled.

        A slow answer does not delay the next request.
        """
        async with asyncio.TaskGroup() as readings:
            for session in itertools.cycle(self.sessions):
                for address in (f"{self._address}stats/", f"/api/v1/sessions/{session}/stats/"):
                    await self._readings.acquire()
                    readings.create_task(self._sample(address))
                await asyncio.sleep(QUIET_SAMPLE_SECONDS if self._is_quiet else SAMPLE_SECONDS)

    async def _sample(self, path: str) -> None:
        client = self._idle_readers.popleft() if self._idle_readers else Client(self._port, self._token)
        began_at = time.time()
        try:
            status, answer = await client.ask("GET", path)
        except NoAnswer as error:
            self.teacher_errors[str(error)] += 1
        else:
            if status == 200:
                self.samples.append(Sample(began_at, time.time(), _present(answer)))
            else:
                self.teacher_errors[_error(status, answer)] += 1
        finally:
            self._idle_readers.append(client)
            self._readings.release()

    # --- The phones -------------------------------------------------------------------------------------------

    async def burst(self, *, seconds: float) -> None:
        """Let every student mark, spread evenly over the time. Returns when the last one is done."""
        begin = time.monotonic()
        step = seconds / len(self.marks)
        order = random.sample(range(len(self.marks)), len(self.marks))
        async with asyncio.TaskGroup() as phones:
            for place, index in enumerate(order):
                await asyncio.sleep(max(0.0, begin + place * step - time.monotonic()))
                phones.create_task(
                    self._phone(
                        self._students[index], self.marks[index], patient=place % IMPATIENT_EVERY != 0
                    )
                )
        self._is_quiet = True

    async def _phone(self, person: Person, mark: Mark, *, patient: bool) -> None:
        client = Client(self._port, person.token)
        give_up_at = time.time() + GIVE_UP_SECONDS
        try:
            while mark.acknowledged_at is None and time.time() < give_up_at:
                async with self._sendings:
                    mark.sent_at = mark.sent_at or time.time()
                    wait = await self._try(client, mark)
                if wait and not patient:
                    return
                await asyncio.sleep(wait)
        finally:
            client.close()

    async def _try(self, client: Client, mark: Mark) -> float:
        """Send the mark once. Return the seconds to wait before the next attempt, or 0 if none is needed."""
        try:
            status, answer = await client.ask("POST", "/api/v1/mark/", {"token": self._shown})
        except NoAnswer as error:
            mark.errors[str(error)] += 1
            mark.in_flight = True
            return random.uniform(*RETRY_SECONDS)
        if status in (200, 201):
            mark.acknowledged_at = time.time()
            return 0.0
        mark.errors[_error(status, answer)] += 1
        # The connection to PostgreSQL may have broken during the commit, so the outcome is unknown.
        mark.in_flight |= status >= 500
        return random.uniform(*RETRY_SECONDS)


def _error(status: int, answer: dict[str, Any]) -> str:
    return f"{status} {answer.get('code', '')}".strip()


def _present(stats: dict[str, Any]) -> dict[Scope, int]:
    scopes = {(stats.get("group") or stats["session"]): int(stats["total_present"])}
    return scopes | {part["session"]: int(part["total_present"]) for part in stats.get("sections", [])}
