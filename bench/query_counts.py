"""Count the queries and round trips of one request of each kind."""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence

from bench.client.requests import Person, Request
from bench.scenarios import MARK, WAITING, OpenSessions, page_requests
from bench.site.context import Context, MakeRequest, OpenSession
from bench.site.in_process import call, counting
from bench.site.school import Hall

# Longer than any answer may be shared between requests.
UNSHARED_SECONDS = 1.1
# The first requests of a kind open connections, import modules and repair live counts.
WARM_UP = 3

Counted = dict[str, float]


def count_all(context: Context, sessions: OpenSessions) -> dict[str, Counted]:
    """Queries and round trips by scenario."""
    counted = {}
    hall = context.school.mark_halls[0]
    for key, make_request in (("mark_api", Person.by_token), ("mark_page", Person.by_page)):
        session = context.open(hall.section)
        counted[key] = _of_one(_marks(hall, session, make_request))
        context.take_step(session, "end")
    session = context.open(hall.section, policy="strict", start=False)
    counted["join"] = _of_one(person.by_page("POST", f"{session.path}join/") for person in hall.students)
    context.take_step(session, "start")
    counted["mark_joined"] = _of_one(_marks(hall, session, Person.by_page))
    context.take_step(session, "end")
    counted["phone"] = _of_one(_polls(context.school.waiting.students[0]))
    return counted | _of_reads(context, sessions)


def _of_reads(context: Context, sessions: OpenSessions) -> dict[str, Counted]:
    teacher = context.school.teacher
    reads = {f"group_{number}": [f"{group.path}stats/"] for number, group in sessions.groups.items()}
    requests = {key: [teacher.by_page("GET", path) for path in paths] for key, paths in reads.items()}
    requests["page"] = page_requests(context, sessions.page)
    requests["stats"] = [teacher.by_page("GET", f"{sessions.waiting.path}stats/")]
    for each in requests.values():
        _count(each)
    # So that no answer is shared, while the live counts are still verified.
    time.sleep(UNSHARED_SECONDS)
    return {key: _count(each) for key, each in requests.items()}


def _of_one(requests: Iterator[Request]) -> Counted:
    for _ in range(WARM_UP):
        call(next(requests))
    return _count([next(requests)])


def _count(requests: Sequence[Request]) -> Counted:
    """The mean over the requests."""
    with counting() as trips:
        for request in requests:
            call(request)
    return {name: value / len(requests) for name, value in dataclasses.asdict(trips).items()}


def _marks(hall: Hall, session: OpenSession, make_request: MakeRequest) -> Iterator[Request]:
    for person in hall.students:
        call(make_request(person, "GET", WAITING))
        yield make_request(person, "POST", MARK, json.dumps({"token": session.token()}).encode())


def _polls(person: Person) -> Iterator[Request]:
    while True:
        _status, headers, _body = call(person.by_page("GET", WAITING))
        yield person.by_page("GET", WAITING, etag=headers.get("etag", ""))
