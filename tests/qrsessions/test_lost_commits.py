"""The connection breaks after PostgreSQL has committed, and before it could say so: what was committed counts at once."""

import time

import pytest
from django.db import OperationalError, connection

from attendance import statements, together
from tests.qrsessions.conftest import Class, sets_of


@pytest.fixture
def lose_the_next_answer(monkeypatch):
    """The next commit is made, and its answer lost."""

    def lose():
        really, lost = statements.run_and_commit, []

        def run_and_break(statement, values):
            rows = really(statement, values)
            if not lost:
                lost.append(statement)
                connection.connection.close()
                raise OperationalError("the connection was lost")
            return rows

        monkeypatch.setattr(statements, "run_and_commit", run_and_break)

    return lose


@pytest.fixture(params=[True, False], ids=["by_the_site", "by_the_phone"])
def by_the_site(request, monkeypatch) -> bool:
    """Who tries once more: the site itself, if its connection was open before; else the phone."""
    monkeypatch.setattr(together, "IDLE_SECONDS", 5 if request.param else 0)
    return request.param


def test_mark_counts_whose_commit_was_not_heard_of(klass: Class, lose_the_next_answer, by_the_site):
    session = klass.open(join_policy="open")
    klass.step(session, "start")
    klass.mark(session, 1)
    time.sleep(0.2)
    before = klass.stats(session)["total_present"]
    lose_the_next_answer()

    answer = klass.mark(session)
    if not by_the_site:
        assert answer.status_code == 503
        assert tuple(map(len, sets_of(session))) == (before, before)
        # The phone sends what it was given for the moment.
        body = {"claim": answer.json()["claim"]}
        answer = klass.as_student[0].post("/api/v1/mark/", body, format="json")

    assert answer.status_code == 200, answer.json()
    told = answer.json()["stats"]
    assert (told["total_joined"], told["total_present"], told["source"]) == (before + 1, before + 1, "redis")
    assert tuple(map(len, sets_of(session))) == (before + 1, before + 1)


def test_join_counts_whose_commit_was_not_heard_of(klass: Class, lose_the_next_answer, by_the_site):
    session = klass.open()
    klass.join(session, 1)
    time.sleep(0.2)
    before = klass.stats(session)["total_joined"]
    lose_the_next_answer()

    answer = klass.join(session)
    if not by_the_site:
        assert answer.status_code == 503
        assert len(sets_of(session)[0]) == before
        answer = klass.join(session)

    assert answer.status_code == 200, answer.json()
    told = answer.json()["stats"]
    assert (told["total_joined"], told["source"]) == (before + 1, "redis")
    assert len(sets_of(session)[0]) == before + 1
