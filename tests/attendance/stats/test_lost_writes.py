"""Redis comes back without its last writes, as after a crash on a slow disk: the very next count is right."""

import shutil

import pytest
from django.utils import timezone
from django_redis import get_redis_connection
from redis import Redis

from attendance import stats
from attendance.models import Meeting, Status
from attendance.stats import Counts, Source, restarts
from tests.support import factories
from tests.support.valkeys import Cluster, Mode, TcpValkey, WithSentinel, caches_with, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class OneServer(Mode):
    options: tuple[str, ...] = ()

    def __init__(self):
        self.servers = [TcpValkey("--appendonly", "yes", "--save", "", *self.options)]
        self.url = f"redis://127.0.0.1:{self.servers[0].port}/0"


class OneServerThatHidesInfo(OneServer):
    options = ("--user", "default", "on", "nopass", "~*", "+@all", "-info")


def each_mode(*modes):
    return pytest.mark.parametrize("mode", modes, indirect=True, ids=lambda mode: mode.__name__)


@pytest.fixture
def mode(request, settings):
    stats.breaker.succeeded()
    mode = request.param()
    settings.CACHES = caches_with(mode.url)
    yield mode
    mode.close()
    stats.breaker.succeeded()


def kill_without_last_writes(mode: Mode, write) -> None:
    """Kill the servers so that they lose what ``write`` did, and start them again."""
    for server in mode.servers:
        shutil.copytree(server.folder / "appendonlydir", server.folder / "on disk")
    write()
    mode.kill()
    for server in mode.servers:
        shutil.rmtree(server.folder / "appendonlydir")
        (server.folder / "on disk").rename(server.folder / "appendonlydir")
    mode.start()
    for server in mode.servers:
        wait_until(server.client().ping)


def make_meetings() -> list[Meeting]:
    """Meetings with verified sets."""
    meetings = [factories.make_meeting(section=factories.make_section(students=2)) for _ in range(3)]
    assert counts(meetings) == {Counts(0, 0, 2, Source.REDIS)}
    return meetings


def mark_everybody(meetings: list[Meeting]) -> None:
    for meeting in meetings:
        for student in factories.students_of(meeting.section):
            record = factories.make_record(meeting=meeting, student=student, status=Status.PRESENT)
            stats.add(joined=[(meeting, student.student_id)], attended=[(meeting, record.roll_number)])
    assert counts(meetings) == {Counts(2, 2, 2, Source.REDIS)}


def counts(meetings: list[Meeting]) -> set[Counts]:
    return set(stats.live_counts(meetings, at=timezone.now()).values())


@each_mode(OneServer)
@pytest.mark.parametrize("process", ["same", "new"])
def test_next_count_is_right_after_a_restart_that_lost_writes(mode, process):
    meetings = make_meetings()
    kill_without_last_writes(mode, lambda: mark_everybody(meetings))
    if process == "new":
        restarts.forget_servers()
        get_redis_connection("live").connection_pool.disconnect()

    assert counts(meetings) == {Counts(2, 2, 2, Source.REDIS)}


@each_mode(WithSentinel)
def test_next_count_is_right_after_a_failover_that_lost_writes(mode):
    meetings = make_meetings()
    replica = mode.replica.client()
    wait_until(lambda: len(replica.keys("*:verified")) == len(meetings))
    primary = mode.primary.client()
    primary.acl_setuser("default", commands=["-psync", "-sync"])
    primary.client_kill_filter(_type="replica")
    mark_everybody(meetings)
    assert replica.keys("*:attended") == []
    mode.primary.kill()
    mode.await_promotion()
    wait_until(stats.redis_answers)

    assert counts(meetings) == {Counts(2, 2, 2, Source.REDIS)}


@each_mode(OneServer, OneServerThatHidesInfo, WithSentinel, Cluster)
def test_another_connection_to_the_same_server_keeps_sets_verified(mode, django_assert_num_queries):
    meeting = factories.make_meeting(section=factories.make_section(students=2))
    counts([meeting])
    for client in stats.connection.each_server():
        client.connection_pool.disconnect()

    with django_assert_num_queries(0):
        assert counts([meeting]) == {Counts(0, 0, 2, Source.REDIS)}


def test_connection_that_was_slow_to_open_does_not_bring_back_an_old_server():
    old, new = OneServer(), OneServer()
    try:
        for mode in (old, new, old):
            with Redis.from_url(mode.url, redis_connect_func=restarts.remember_server) as client:
                client.ping()
        with new.servers[0].client() as client:
            assert restarts.server_id() == client.info("replication")["master_replid"]
    finally:
        for mode in (old, new):
            mode.close()
