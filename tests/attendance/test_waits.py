"""Where nobody may wait, nothing asks a server: the request is given up, and nothing was done."""

import pytest
from django.core.cache import cache

from attendance import sign_in_memory, stats
from attendance.ratelimit import Limit
from attendance.together import finished
from attendance.waits import WouldWait, about_to_wait, may_wait, without_waiting
from config.authentication import user_of_session
from qrsessions import sources
from qrsessions.api.shared_answers import SharedAnswers
from qrsessions.pacing import Few

ASKING = {
    "the cache": lambda: cache.get("anything"),
    "the cache, for many": lambda: cache.set_many({"anything": 1}),
    "the live sets": stats.redis_answers,
    "a limit": lambda: Limit("waits", times=5, per_seconds=60).allow("somebody"),
    "a session that is not known": lambda: finished(sources.find("ZZZZZZZZ")),
    "an answer that is not shared yet": lambda: SharedAnswers().get("key", lambda: 1),
    "a place among few": lambda: Few(1).place().__enter__(),
    "a sign-in that is not known": lambda: finished(user_of_session("nobody")),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING.keys())
def test_who_would_have_to_ask_is_stopped(ask):
    with without_waiting(), pytest.raises(WouldWait):
        ask()


def test_nothing_was_counted_by_who_was_stopped():
    cache.clear()
    limit = Limit("waits-counted", times=1, per_seconds=60)
    with without_waiting(), pytest.raises(WouldWait):
        limit.allow("somebody")

    assert limit.allow("somebody") == 1


def test_thread_may_wait_again_afterwards():
    with pytest.raises(WouldWait), without_waiting():
        about_to_wait()

    assert may_wait()
    about_to_wait()


def test_what_is_known_is_told_without_waiting():
    assert sign_in_memory.recall("somebody", lambda: "known") == "known"

    with without_waiting():
        assert sign_in_memory.recall("somebody", lambda: "read anew") == "known"


def test_handlers_of_errors_do_not_answer_it():
    assert not issubclass(WouldWait, Exception)
