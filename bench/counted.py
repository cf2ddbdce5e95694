"""How many queries and round trips one request of each kind takes."""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence

from bench.asking import Person, Request
from bench.in_process import call, counting
from bench.scenarios import MARK, WAITING, Standing, page_requests
from bench.school import Hall
from bench.stage import Open, Stage, Way

# Longer than an answer may be shared by those who ask for the same.
UNSHARED_SECONDS = 1.1
# The first of a kind opens connections, imports modules and repairs sets.
BEFORE = 3

Counted = dict[str, float]


def count_all(stage: Stage, standing: Standing) -> dict[str, Counted]:
    """What one request of each kind asks for, by the names of the scenarios."""
    counted = {}
    hall = stage.school.mark_halls[0]
    for key, way in (("mark_api", Person.by_token), ("mark_page", Person.by_page)):
        session = stage.open(hall.section)
        counted[key] = _of_one(_marks(hall, session, way))
        stage.take_step(session, "end")
    session = stage.open(hall.section, policy="strict", start=False)
    counted["join"] = _of_one(person.by_page("POST", f"{session.path}join/") for person in hall.students)
    stage.take_step(session, "start")
    counted["mark_joined"] = _of_one(_marks(hall, session, Person.by_page))
    stage.take_step(session, "end")
    counted["phone"] = _of_one(_polls(stage.school.waiting.students[0]))
    return counted | _of_reads(stage, standing)


def _of_reads(stage: Stage, standing: Standing) -> dict[str, Counted]:
    teacher = stage.school.teacher
    reads = {f"group_{number}": [f"{group.path}stats/"] for number, group in standing.groups.items()}
    requests = {key: [teacher.by_page("GET", path) for path in paths] for key, paths in reads.items()}
    requests["page"] = page_requests(stage, standing.page)
    requests["stats"] = [teacher.by_page("GET", f"{standing.waiting.path}stats/")]
    for each in requests.values():
        _count(each)
    # Then each is asked once: no answer is shared, and the sets are not compared anew.
    time.sleep(UNSHARED_SECONDS)
    return {key: _count(each) for key, each in requests.items()}


def _of_one(requests: Iterator[Request]) -> Counted:
    for _ in range(BEFORE):
        call(next(requests))
    return _count([next(requests)])


def _count(requests: Sequence[Request]) -> Counted:
    """What they ask for, on average."""
    with counting() as asked:
        for request in requests:
            call(request)
    return {name: value / len(requests) for name, value in dataclasses.asdict(asked).items()}


def _marks(hall: Hall, session: Open, way: Way) -> Iterator[Request]:
    for person in hall.students:
        call(way(person, "GET", WAITING))
        yield way(person, "POST", MARK, json.dumps({"token": session.token()}).encode())


def _polls(person: Person) -> Iterator[Request]:
    while True:
        _status, headers, _body = call(person.by_page("GET", WAITING))
        yield person.by_page("GET", WAITING, etag=headers.get("etag", ""))
