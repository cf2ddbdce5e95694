"""What a request pays when nodes of a real Redis Cluster stop answering."""

import threading
import time

import pytest
from redis.exceptions import RedisError

from config.redis.cluster import Cluster as Client
from tests.support.valkeys import Cluster

TIMEOUT_SECONDS = 0.2
LIMIT_SECONDS = 3 * TIMEOUT_SECONDS


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def client(cluster):
    timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    client = Client(cluster.url, timeouts)
    assert group_counts(client) == [0] * 200
    yield client
    for server in cluster.servers:
        server.resume()
    client.close()
    cluster.await_ready()


def group_counts(client) -> list[int]:
    """The counts of a group of 100 sections, as one pipeline."""
    pipe = client.pipeline(transaction=False)
    for number in range(100):
        pipe.execute_command("SCARD", f"session:{number:08}:joined")
        pipe.execute_command("SCARD", f"session:{number:08}:attended")
    return pipe.execute(raise_on_error=False)


def seconds_until_failure(client) -> float:
    started = time.monotonic()
    with pytest.raises(RedisError):
        group_counts(client)
    return time.monotonic() - started


@pytest.mark.parametrize("paused", [1, 3])
def test_unreachable_nodes_cost_one_time_out(cluster, client, paused):
    for server in cluster.servers[:paused]:
        server.pause()

    # The second call reads the slot map again.
    assert seconds_until_failure(client) < LIMIT_SECONDS
    assert seconds_until_failure(client) < LIMIT_SECONDS


def test_threads_do_not_wait_for_each_others_time_outs(cluster, client):
    cluster.servers[1].pause()
    seconds = []
    threads = [
        threading.Thread(target=lambda: seconds.append(seconds_until_failure(client))) for _ in range(20)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seconds) == 20
    assert max(seconds) < LIMIT_SECONDS
