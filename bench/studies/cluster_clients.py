"""redis-py's RedisCluster beside ours while nodes are away: ``python -m bench.studies.cluster_clients``.

Starts a Cluster of three nodes and pauses one or all of them. Each line gives the first calls after that, in
milliseconds, with time-outs of 50 ms and no retries. The part for redis-py takes minutes.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

os.environ |= {
    "ROLLCALL_DATA_DIR": tempfile.mkdtemp(prefix="rc-"),
    "DJANGO_SETTINGS_MODULE": "config.settings",
}

import django

TIMEOUTS = {"socket_timeout": 0.05, "socket_connect_timeout": 0.05}
SECTIONS = 100


def main() -> None:
    """Print the figures of both clients."""
    django.setup()
    from config.redis.cluster import Cluster as OurClient  # noqa: PLC0415

    _measure("ours", lambda cluster: OurClient(cluster.url, TIMEOUTS))
    _measure("redis-py", _redis_py)


def _redis_py(cluster):
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.cluster import ClusterNode, RedisCluster  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    nodes = [ClusterNode("127.0.0.1", server.port) for server in cluster.servers]
    return RedisCluster(
        startup_nodes=nodes,
        retry=Retry(NoBackoff(), 0),
        reinitialize_steps=1,
        require_full_coverage=False,
        **TIMEOUTS,
    )


def _measure(name: str, make: Callable[[Any], Any]) -> None:
    from tests.support.valkeys import Cluster  # noqa: PLC0415

    cluster = Cluster()
    try:
        client = make(cluster)
        _call(client)
        cpu = time.process_time()
        for _ in range(50):
            _call(client)
        sys.stdout.write(
            f"{name}: {(time.process_time() - cpu) * 20:.1f} ms of CPU for {SECTIONS} sections" + "\n"
        )
        for paused in (1, 3):
            for server in cluster.servers[:paused]:
                server.pause()
            sys.stdout.write(f"  {paused} paused, one caller:  {_times(client)}" + "\n")
            for server in cluster.servers[:paused]:
                server.resume()
            time.sleep(2.5)
            _call(client)
        cluster.servers[0].pause()
        sys.stdout.write(
            f"  1 paused, 20 callers of 5 sections at once: worst {max(_at_once(client)):.0f}" + "\n"
        )
    finally:
        for server in cluster.servers:
            server.resume()
        cluster.close()


def _call(client, sections: int = SECTIONS) -> float:
    """Read the counts of a group; how long that took in ms."""
    import redis  # noqa: PLC0415

    started = time.perf_counter()
    try:
        pipe = client.pipeline()
        for number in range(sections):
            for name in ("joined", "attended"):
                pipe.execute_command("SCARD", f"session:{number:08}:{name}")
            pipe.execute_command("GET", f"session:{number:08}:verified")
        pipe.execute(raise_on_error=False)
    except redis.RedisError:
        pass
    return (time.perf_counter() - started) * 1000


def _times(client) -> str:
    return ", ".join(f"{_call(client):.0f}" for _ in range(2))


def _at_once(client) -> list[float]:
    times: list[float] = []
    threads = [threading.Thread(target=lambda: times.append(_call(client, sections=5))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


if __name__ == "__main__":
    main()
