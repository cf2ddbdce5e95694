"""The connection breaks after PostgreSQL has committed and before it could say so: what was committed counts at once."""

from contextlib import suppress

import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper

from attendance.lib import batching
from tests.support.classes import Class
from tests.support.live_sets import sets_of
from tests.support.waiting import wait_until


@pytest.fixture
def lose_the_next_answer(monkeypatch):
    """The next commit is made, and its answer lost."""

    def lose() -> None:
        commit = DatabaseWrapper._commit  # type: ignore[attr-defined]
        lost: set[DatabaseWrapper] = set()

        def commit_and_break(self):
            commit(self)
            if not lost:
                lost.add(self)
                self.connection.close()
                raise OperationalError("the connection was lost")

        monkeypatch.setattr(DatabaseWrapper, "_commit", commit_and_break)

    return lose


@pytest.fixture(params=[True, False], ids=["by_the_site", "by_the_phone"])
def by_the_site(request, monkeypatch) -> bool:
    """Who tries again: the site itself if its connection was open before, else the phone."""
    monkeypatch.setattr(batching, "IDLE_SECONDS", 30 if request.param else 0)
    return request.param


def wait_for_idle_thread(by_the_site: bool) -> None:  # noqa: FBT001
    if not by_the_site:
        free = connection.pool.get_stats  # type: ignore[attr-defined]
        connection.close()
        # Browser tests of the same process may have left a thread of their server with a connection. The batch thread
        # has given its own back long before this ends.
        with suppress(AssertionError):
            wait_until(lambda: free()["pool_available"] == free()["pool_size"], seconds=5)


def test_mark_whose_commit_was_not_heard_of_counts(taught_class: Class, lose_the_next_answer, by_the_site):
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 1)
    wait_for_idle_thread(by_the_site)
    before = taught_class.stats(session)["total_present"]
    lose_the_next_answer()

    answer = taught_class.mark(session)
    if not by_the_site:
        assert answer.status_code == 503
        assert tuple(map(len, sets_of(session))) == (before, before)
        # The phone sends the claim that it was given.
        body = {"claim": answer.json()["claim"]}
        answer = taught_class.as_student[0].post("/api/v1/mark/", body, format="json")

    assert answer.status_code == 200, answer.json()
    stats = answer.json()["stats"]
    assert (stats["total_joined"], stats["total_present"], stats["source"]) == (
        before + 1,
        before + 1,
        "redis",
    )
    assert tuple(map(len, sets_of(session))) == (before + 1, before + 1)


def test_join_whose_commit_was_not_heard_of_counts(taught_class: Class, lose_the_next_answer, by_the_site):
    session = taught_class.open()
    taught_class.join(session, 1)
    wait_for_idle_thread(by_the_site)
    before = taught_class.stats(session)["total_joined"]
    lose_the_next_answer()

    answer = taught_class.join(session)
    if not by_the_site:
        assert answer.status_code == 503
        assert len(sets_of(session)[0]) == before
        answer = taught_class.join(session)

    assert answer.status_code == 200, answer.json()
    stats = answer.json()["stats"]
    assert (stats["total_joined"], stats["source"]) == (before + 1, "redis")
    assert len(sets_of(session)[0]) == before + 1
