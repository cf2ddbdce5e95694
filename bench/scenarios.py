"""What is measured. Each scenario prepares what it needs, measures for a moment, and leaves things as they were."""

import asyncio
import itertools
import json
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.core.cache import cache

from bench.asking import Person, Request
from bench.filling import analyze
from bench.load import Answer, Load, Sending
from bench.measured import Measured
from bench.mixed_load import Poller, mark_spread, polling
from bench.school import Hall
from bench.stage import Open, Stage, Way

MARK = "/api/v1/mark/"
WAITING = "/api/v1/me/session/"
# A loop of marks or joins ends with the last student, or after this many times the seconds of other loops.
LONGER = 4
# With these, one phone in 250 has not met one of two processes yet.
PASSES = 8

Figures = dict[str, Measured]


@dataclass(frozen=True)
class Standing:
    """The sessions that stay open during the whole run."""

    page: Open
    waiting: Open
    groups: dict[int, Open]


def stand(stage: Stage) -> Standing:
    """Open them, with people in them."""
    school = stage.school
    page = stage.open(school.page)
    waiting = stage.open(school.waiting.section, policy="strict", start=False)
    groups = {number: stage.open(sections) for number, sections in school.groups.items()}
    stage.fill(waiting, present=False)
    for session in (page, *groups.values()):
        stage.fill(session, present=True)
    analyze()
    return Standing(page, waiting, groups)


async def hello(stage: Stage, standing: Standing) -> Figures:
    """Django that does nothing."""
    request = Request("GET", "/").raw()
    return {"hello": await stage.loop(_again(request), hello=True)}


async def mark_by_api(stage: Stage, standing: Standing) -> Figures:
    """Marks signed in by token."""
    return {"mark_api": await _marks(stage, Person.by_token)}


async def mark_by_page(stage: Stage, standing: Standing) -> Figures:
    """Marks as the phone's page sends them."""
    return {"mark_page": await _marks(stage, Person.by_page)}


async def join(stage: Stage, standing: Standing) -> Figures:
    """Joins, and then the marks of those who joined."""
    async with stage.halls_open(Person.by_page, policy="strict", start=False) as halls:
        joins = (
            (person.by_page("POST", f"{session.path}join/").raw(), None)
            for hall, session in halls
            for person in hall.students
        )
        joined = await stage.loop(joins, expected={201}, seconds=LONGER * stage.size.seconds, by_phones=True)
        for _hall, session in halls:
            stage.take_step(session, "start")
        marked = await stage.loop(
            mark_sendings(halls, Person.by_page),
            expected={201},
            seconds=LONGER * stage.size.seconds,
            by_phones=True,
        )
    return {"join": joined, "mark_joined": marked}


async def stats(stage: Stage, standing: Standing) -> Figures:
    """The counts of one session."""
    return {"stats": await stage.loop(_again(_stats(stage, standing.page).raw()))}


async def group_stats(stage: Stage, standing: Standing) -> Figures:
    """The counts of groups."""
    return {
        f"group_{number}": await stage.loop(_again(_stats(stage, group).raw()))
        for number, group in standing.groups.items()
    }


async def dashboards(stage: Stage, standing: Standing) -> Figures:
    """Many pages of the largest group, each asking once a second."""
    group = standing.groups[max(standing.groups)]
    load = Load()
    pollers = [Poller(_asking_stats(stage, group), load, every_ms=1000) for _ in range(stage.size.dashboards)]
    async with polling(stage.installation.port, pollers):
        before = stage.installation.cpu_seconds()
        await asyncio.sleep(stage.size.dashboard_seconds)
    load.seconds = stage.size.dashboard_seconds
    return {"dashboards": stage.measured(load, before)}


async def waiting_phones(stage: Stage, standing: Standing) -> Figures:
    """Phones that wait, asking with the ETag of their last answer."""
    etags: dict[int, str] = {}
    people = stage.school.waiting.students[: stage.size.polling]
    # Several times, so that both processes know each phone: it keeps its connection, these requests don't.
    await stage.loop(_polls(people, etags, passes=PASSES), expected={200, 304}, again={429}, seconds=300)
    return {"phone": await stage.loop(_polls(people, etags), expected={200, 304}, again={429})}


async def session_page(stage: Stage, standing: Standing) -> Figures:
    """The requests of a teacher's page of a large session, as often as it sends each."""
    requests = [request.raw() for request in page_requests(stage, standing.page)]
    return {"page": await stage.loop((request, None) for request in itertools.cycle(requests))}


async def all_at_once(stage: Stage, standing: Standing) -> Figures:
    """A hall whose students all send at the same moment."""
    return {"burst": await _burst(stage, is_known=True)}


async def all_at_once_unknown(stage: Stage, standing: Standing) -> Figures:
    """The same with an empty cache: nobody's page was open before."""
    return {"burst_cold": await _burst(stage, is_known=False)}


async def full_hall(stage: Stage, standing: Standing) -> Figures:
    """A hall marks while dashboards show it and the phones of others wait."""
    async with stage.halls_open(Person.by_page, count=1) as [(hall, session)]:
        loads = {"mixed_phones": Load(), "mixed_dashboards": Load()}
        pollers = [
            Poller(_asking_stats(stage, session), loads["mixed_dashboards"], every_ms=1000)
            for _ in range(stage.size.dashboards)
        ]
        phones = stage.school.waiting.students
        pollers += [Poller(_waiting(person), loads["mixed_phones"]) for person in phones]
        marks = [_making_mark(person, session, Person.by_page) for person in hall.students]
        port = stage.installation.port
        async with polling(port, pollers):
            before = stage.installation.cpu_seconds()
            marked = await mark_spread(port, marks, seconds=stage.size.mixed_seconds)
    for load in loads.values():
        load.seconds = marked.seconds
    # The CPU of all of it together stands with the marks.
    unknown = dict.fromkeys(before, 0.0)
    figures = {key: Measured.of(load, unknown) for key, load in loads.items()}
    return {"mixed_marks": stage.measured(marked, before)} | figures


SCENARIOS: dict[str, Callable[[Stage, Standing], Awaitable[Figures]]] = {
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


def page_requests(stage: Stage, session: Open) -> list[Request]:
    """What static/js/session.js asks in two seconds while nothing changes."""
    cursor = stage.api("GET", f"{session.path}records/?since=")["cursor"]
    paths = ["stats/", "stats/", "waiting/", f"records/?since={quote(cursor)}"]
    return [stage.school.teacher.by_page("GET", f"{session.path}{path}") for path in paths]


def mark_sendings(halls: Iterable[tuple[Hall, Open]], way: Way) -> Iterator[Sending]:
    """A mark of each student, made when it is sent: the code on the screen changes."""
    for hall, session in halls:
        for person in hall.students:
            yield _making_mark(person, session, way)(), None


async def _marks(stage: Stage, way: Way) -> Measured:
    async with stage.halls_open(way) as halls:
        return await stage.loop(
            mark_sendings(halls, way), expected={201}, seconds=LONGER * stage.size.seconds, by_phones=True
        )


async def _burst(stage: Stage, *, is_known: bool) -> Measured:
    everybody = stage.size.hall
    async with stage.halls_open(
        Person.by_page, have_waited=is_known, count=1, connections=everybody
    ) as halls:
        if not is_known:
            cache.clear()
        # Made before, so that they leave together.
        marks = list(mark_sendings(halls, Person.by_page))
        return await stage.loop(marks, expected={201}, seconds=60, by_phones=True)


def _making_mark(person: Person, session: Open, way: Way) -> Callable[[], bytes]:
    return lambda: way(person, "POST", MARK, json.dumps({"token": session.token()}).encode()).raw()


def _stats(stage: Stage, session: Open, etag: str = "") -> Request:
    return stage.school.teacher.by_page("GET", f"{session.path}stats/", etag=etag)


def _asking_stats(stage: Stage, session: Open) -> Callable[[str], Request]:
    return lambda etag: _stats(stage, session, etag)


def _waiting(person: Person) -> Callable[[str], Request]:
    return lambda etag: person.by_page("GET", WAITING, etag=etag)


def _again(request: bytes) -> Iterator[Sending]:
    return itertools.repeat((request, None))


def _polls(
    people: Sequence[Person], etags: dict[int, str], *, passes: int | None = None
) -> Iterator[Sending]:
    """The phones' polls in passes of an order of their own, each with the ETag that it was given last."""
    numbers = itertools.count() if passes is None else range(passes)
    for person in (one for _ in numbers for one in random.sample(people, len(people))):
        request = person.by_page("GET", WAITING, etag=etags.get(person.user_pk, "")).raw()
        yield request, _keeping_etag(person, etags)


def _keeping_etag(person: Person, etags: dict[int, str]) -> Callable[[Answer], None]:
    def keep(answer: Answer) -> None:
        if answer.status == 200:
            etags[person.user_pk] = answer.header("etag")

    return keep
