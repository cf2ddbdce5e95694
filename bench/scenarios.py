"""The scenarios. Each prepares what it needs, measures, and cleans up."""

import asyncio
import itertools
import json
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.core.cache import cache

from bench.client.load import Answer, Load, QueuedRequest
from bench.client.mixed_load import Poller, mark_spread, polling
from bench.client.requests import Person, Request
from bench.report.measurement import Measurement
from bench.site.context import Context, MakeRequest, OpenSession
from bench.site.past_records import analyze
from bench.site.school import Hall

MARK = "/api/v1/mark/"
WAITING = "/api/v1/me/session/"
# Loops of marks and joins end with the last student, or after this many times the duration of other loops.
MARK_LOOP_FACTOR = 4
# After this many, only one phone in 250 has not yet reached both processes.
WARM_UP_PASSES = 8

Figures = dict[str, Measurement]


@dataclass(frozen=True)
class OpenSessions:
    """The sessions that stay open for the whole run."""

    page: OpenSession
    waiting: OpenSession
    groups: dict[int, OpenSession]


def open_sessions(context: Context) -> OpenSessions:
    """Open them and fill them with students."""
    school = context.school
    page = context.open(school.page)
    waiting = context.open(school.waiting.section, policy="strict", start=False)
    groups = {number: context.open(sections) for number, sections in school.groups.items()}
    context.fill(waiting, present=False)
    for session in (page, *groups.values()):
        context.fill(session, present=True)
    analyze()
    return OpenSessions(page, waiting, groups)


async def hello(context: Context, sessions: OpenSessions) -> Figures:
    """A Django that does nothing."""
    request = Request("GET", "/").raw()
    return {"hello": await context.loop(_repeat(request), hello=True)}


async def mark_by_api(context: Context, sessions: OpenSessions) -> Figures:
    """Marks by API token."""
    return {"mark_api": await _marks(context, Person.by_token)}


async def mark_by_page(context: Context, sessions: OpenSessions) -> Figures:
    """Marks as the student's page sends them."""
    return {"mark_page": await _marks(context, Person.by_page)}


async def join(context: Context, sessions: OpenSessions) -> Figures:
    """Joins, then marks of the students who joined."""
    async with context.halls_open(Person.by_page, policy="strict", start=False) as halls:
        joins = (
            (person.by_page("POST", f"{session.path}join/").raw(), None)
            for hall, session in halls
            for person in hall.students
        )
        joined = await context.loop(
            joins, expected={201}, seconds=MARK_LOOP_FACTOR * context.size.seconds, by_phones=True
        )
        for _hall, session in halls:
            context.take_step(session, "start")
        marked = await context.loop(
            mark_requests(halls, Person.by_page),
            expected={201},
            seconds=MARK_LOOP_FACTOR * context.size.seconds,
            by_phones=True,
        )
    return {"join": joined, "mark_joined": marked}


async def stats(context: Context, sessions: OpenSessions) -> Figures:
    """Live counts of one session."""
    return {"stats": await context.loop(_repeat(_stats(context, sessions.page).raw()))}


async def group_stats(context: Context, sessions: OpenSessions) -> Figures:
    """Live counts of groups."""
    return {
        f"group_{number}": await context.loop(_repeat(_stats(context, group).raw()))
        for number, group in sessions.groups.items()
    }


async def dashboards(context: Context, sessions: OpenSessions) -> Figures:
    """Many dashboards of the largest group, each polling once a second."""
    group = sessions.groups[max(sessions.groups)]
    load = Load()
    pollers = [
        Poller(_stats_poll(context, group), load, every_ms=1000) for _ in range(context.size.dashboards)
    ]
    async with polling(context.installation.port, pollers):
        before = context.installation.cpu_seconds()
        await asyncio.sleep(context.size.dashboard_seconds)
    load.seconds = context.size.dashboard_seconds
    return {"dashboards": context.measurement(load, before)}


async def waiting_phones(context: Context, sessions: OpenSessions) -> Figures:
    """Polls of waiting phones, with the ETag of their last answer."""
    etags: dict[int, str] = {}
    people = context.school.waiting.students[: context.size.polling]
    # Repeated so that both web processes have seen every phone; these requests share connections.
    await context.loop(
        _polls(people, etags, passes=WARM_UP_PASSES), expected={200, 304}, again={429}, seconds=300
    )
    return {"phone": await context.loop(_polls(people, etags), expected={200, 304}, again={429})}


async def session_page(context: Context, sessions: OpenSessions) -> Figures:
    """The requests of a teacher's page of a large session, in the proportion it sends them."""
    requests = [request.raw() for request in page_requests(context, sessions.page)]
    return {"page": await context.loop((request, None) for request in itertools.cycle(requests))}


async def all_at_once(context: Context, sessions: OpenSessions) -> Figures:
    """A hall whose students all send their mark at the same moment."""
    return {"burst": await _burst(context, warm=True)}


async def all_at_once_unknown(context: Context, sessions: OpenSessions) -> Figures:
    """The same with an empty cache and no earlier request from any phone."""
    return {"burst_cold": await _burst(context, warm=False)}


async def full_hall(context: Context, sessions: OpenSessions) -> Figures:
    """A hall marks while dashboards show its counts and other phones wait."""
    async with context.halls_open(Person.by_page, count=1) as [(hall, session)]:
        loads = {"mixed_phones": Load(), "mixed_dashboards": Load()}
        pollers = [
            Poller(_stats_poll(context, session), loads["mixed_dashboards"], every_ms=1000)
            for _ in range(context.size.dashboards)
        ]
        phones = context.school.waiting.students
        pollers += [Poller(_waiting_poll(person), loads["mixed_phones"]) for person in phones]
        marks = [_mark_builder(person, session, Person.by_page) for person in hall.students]
        port = context.installation.port
        async with polling(port, pollers):
            before = context.installation.cpu_seconds()
            marked = await mark_spread(port, marks, seconds=context.size.mixed_seconds)
    for load in loads.values():
        load.seconds = marked.seconds
    # CPU can't be split between them; all of it is reported with the marks.
    unknown = dict.fromkeys(before, 0.0)
    figures = {key: Measurement.of(load, unknown) for key, load in loads.items()}
    return {"mixed_marks": context.measurement(marked, before)} | figures


SCENARIOS: dict[str, Callable[[Context, OpenSessions], Awaitable[Figures]]] = {
    "hello": hello,
    "mark_api": mark_by_api,
    "mark_page": mark_by_page,
    "join": join,
    "stats": stats,
    "groups": group_stats,
    "dashboards": dashboards,
    "phone": waiting_phones,
    "page": session_page,
    "burst": all_at_once,
    "burst_cold": all_at_once_unknown,
    "mixed": full_hall,
}


def page_requests(context: Context, session: OpenSession) -> list[Request]:
    """What the session page's script requests in two seconds while nothing changes."""
    cursor = context.api("GET", f"{session.path}records/?since=")["cursor"]
    paths = ["stats/", "stats/", "waiting/", f"records/?since={quote(cursor)}"]
    return [context.school.teacher.by_page("GET", f"{session.path}{path}") for path in paths]


def mark_requests(
    halls: Iterable[tuple[Hall, OpenSession]], make_request: MakeRequest
) -> Iterator[QueuedRequest]:
    """One mark per student, built when it is sent, because the code changes."""
    for hall, session in halls:
        for person in hall.students:
            yield _mark_builder(person, session, make_request)(), None


async def _marks(context: Context, make_request: MakeRequest) -> Measurement:
    async with context.halls_open(make_request) as halls:
        return await context.loop(
            mark_requests(halls, make_request),
            expected={201},
            seconds=MARK_LOOP_FACTOR * context.size.seconds,
            by_phones=True,
        )


async def _burst(context: Context, *, warm: bool) -> Measurement:
    everybody = context.size.hall
    async with context.halls_open(Person.by_page, warm=warm, count=1, connections=everybody) as halls:
        if not warm:
            cache.clear()
        # Built in advance, so that they are sent together.
        marks = list(mark_requests(halls, Person.by_page))
        return await context.loop(marks, expected={201}, seconds=60, by_phones=True)


def _mark_builder(person: Person, session: OpenSession, make_request: MakeRequest) -> Callable[[], bytes]:
    return lambda: make_request(person, "POST", MARK, json.dumps({"token": session.token()}).encode()).raw()


def _stats(context: Context, session: OpenSession, etag: str = "") -> Request:
    return context.school.teacher.by_page("GET", f"{session.path}stats/", etag=etag)


def _stats_poll(context: Context, session: OpenSession) -> Callable[[str], Request]:
    return lambda etag: _stats(context, session, etag)


def _waiting_poll(person: Person) -> Callable[[str], Request]:
    return lambda etag: person.by_page("GET", WAITING, etag=etag)


def _repeat(request: bytes) -> Iterator[QueuedRequest]:
    return itertools.repeat((request, None))


def _polls(
    people: Sequence[Person], etags: dict[int, str], *, passes: int | None = None
) -> Iterator[QueuedRequest]:
    """Polls of all phones, in a random order per pass, each with its latest ETag."""
    numbers = itertools.count() if passes is None else range(passes)
    for person in (one for _ in numbers for one in random.sample(people, len(people))):
        request = person.by_page("GET", WAITING, etag=etags.get(person.user_pk, "")).raw()
        yield request, _etag_saver(person, etags)


def _etag_saver(person: Person, etags: dict[int, str]) -> Callable[[Answer], None]:
    def save(answer: Answer) -> None:
        if answer.status == 200:
            etags[person.user_pk] = answer.header("etag")

    return save
