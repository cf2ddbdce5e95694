import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config import embedded
from config.embedded.folders import SOCKET_PATH_BYTES, socket_folder
from config.embedded.postgres import TUNING, Postgres
from config.embedded.servers import revive, wanted

PROJECT = Path(__file__).resolve().parents[3]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run PostgreSQL as")
HOLD = """
import sys
from pathlib import Path
from config import embedded
with embedded.running(Path(sys.argv[1]), postgres=True, valkey=True):
    print("up", flush=True)
    sys.stdin.read()
"""


def both(data_dir: Path):
    return embedded.running(data_dir, postgres=True, valkey=True)


def processes(data_dir: Path) -> set[psutil.Process]:
    return {p for server in wanted(data_dir, postgres=True, valkey=True) for p in server.processes()}


def leaders(data_dir: Path) -> dict[str, int]:
    """The pid of each server's main process."""
    found = processes(data_dir)
    pids = {process.pid for process in found}
    names = {}
    for process in found:
        # A connection's process may end while we look.
        with suppress(psutil.NoSuchProcess):
            if process.ppid() not in pids:
                names[process.name()] = process.pid
    return names


def remember(data_dir: Path, word: str) -> None:
    """Have both servers keep this word, and no other: it is on disk when this returns."""
    with psycopg.connect(embedded.database_url(data_dir)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("DELETE FROM words")
        connection.execute("INSERT INTO words VALUES (%s)", [word])
    # One connection, because WAITAOF waits only for the writes of its own.
    url = embedded.redis_url(data_dir, database=0)
    with redis.Redis.from_url(url, single_connection_client=True) as client:
        client.delete("words")
        client.sadd("words", word)
        assert client.waitaof(1, 0, 30_000) == [1, 0]


def remembered(data_dir: Path) -> tuple[set[str], set[str]]:
    with psycopg.connect(embedded.database_url(data_dir)) as connection:
        in_postgres = {row[0] for row in connection.execute("SELECT word FROM words")}
    with redis.Redis.from_url(embedded.redis_url(data_dir, database=0), decode_responses=True) as client:
        return in_postgres, client.smembers("words")


@contextmanager
def another_process(data_dir: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


def test_data_are_kept_between_runs_and_nothing_keeps_running(used_data_dir):
    with both(used_data_dir):
        remember(used_data_dir, "kept")
    after_first = processes(used_data_dir)
    with both(used_data_dir):
        found = remembered(used_data_dir)

    assert after_first == set()
    assert found == ({"kept"}, {"kept"})
    assert processes(used_data_dir) == set()


def test_servers_listen_only_on_private_sockets(used_data_dir):
    with both(used_data_dir):
        listening = [c for p in processes(used_data_dir) for c in p.net_connections("inet")]
        with psycopg.connect(embedded.database_url(used_data_dir)) as connection:
            row = connection.execute(
                "SELECT current_user, current_database(), getdatabaseencoding()"
            ).fetchone()
        with redis.Redis.from_url(embedded.redis_url(used_data_dir, database=0)) as client:
            append_only = client.config_get("appendonly")

    assert listening == []
    assert row == ("rollcall", "rollcall", "UTF8")
    assert append_only == {"appendonly": "yes"}
    assert [stat.S_IMODE(f.stat().st_mode) for f in (used_data_dir, socket_folder(used_data_dir))] == [
        0o700,
        0o700,
    ]


def test_only_test_servers_give_up_durability(used_data_dir, monkeypatch):
    with both(used_data_dir), psycopg.connect(embedded.database_url(used_data_dir)) as connection:
        in_tests = connection.execute("SHOW fsync").fetchone()
    monkeypatch.delenv("ROLLCALL_TEST_SERVERS")
    with both(used_data_dir), psycopg.connect(embedded.database_url(used_data_dir)) as connection:
        elsewhere = connection.execute("SHOW fsync").fetchone()

    assert (in_tests, elsewhere) == (("off",), ("on",))


def test_killed_servers_are_replaced_with_their_data(used_data_dir):
    with both(used_data_dir):
        remember(used_data_dir, "committed")
        killed = leaders(used_data_dir)
        for pid in killed.values():
            os.kill(pid, signal.SIGKILL)
            while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
        revive(used_data_dir, postgres=True, valkey=True)

        assert remembered(used_data_dir) == ({"committed"}, {"committed"})
        assert set(leaders(used_data_dir)) == {"postgres", "valkey-server"}
        assert set(leaders(used_data_dir).values()).isdisjoint(killed.values())


def test_server_with_too_many_clients_keeps_running(used_data_dir, monkeypatch):
    monkeypatch.setitem(TUNING, "max_connections", "5")
    with both(used_data_dir), ExitStack() as clients:
        used = leaders(used_data_dir)
        for _ in range(5):
            clients.enter_context(psycopg.connect(embedded.database_url(used_data_dir)))
        with both(used_data_dir):
            still_used = leaders(used_data_dir)

    assert still_used == used


def test_server_starts_despite_stale_pid_and_socket_files(used_data_dir):
    with both(used_data_dir):
        remember(used_data_dir, "kept")
    # As after a power cut: the pid belongs to a living program that has nothing to do with us.
    lines = f"{os.getpid()}\n{used_data_dir / 'postgres'}\n0\n5432\n{socket_folder(used_data_dir)}\n\n"
    Postgres(used_data_dir).folder.joinpath("postmaster.pid").write_text(lines)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock", "valkey.sock"):
        socket_folder(used_data_dir).joinpath(name).write_text(lines)

    with both(used_data_dir):
        found = remembered(used_data_dir)

    assert found == ({"kept"}, {"kept"})


def test_half_made_data_folder_is_made_again(data_dir):
    draft = data_dir / "postgres-draft"
    draft.mkdir(parents=True)
    draft.joinpath("PG_VERSION").write_text("18\n")

    with both(data_dir):
        remember(data_dir, "new")

    assert not draft.exists()


def test_servers_of_a_killed_process_are_taken_over_and_stopped(used_data_dir):
    with another_process(used_data_dir) as process:
        process.kill()
    left_over = leaders(used_data_dir)

    with both(used_data_dir):
        used = leaders(used_data_dir)

    assert len(left_over) == 2
    assert used == left_over
    assert processes(used_data_dir) == set()


def test_servers_run_until_the_last_process_leaves(used_data_dir):
    with both(used_data_dir):
        started = leaders(used_data_dir)
        with another_process(used_data_dir) as other:
            other.stdin.close()
            other.wait()
        after_the_other = leaders(used_data_dir)
        with another_process(used_data_dir) as last:
            pass_on = leaders(used_data_dir)
            last.stdin.close()
            last.wait()

    assert started == after_the_other == pass_on
    assert processes(used_data_dir) == set()


def test_the_last_process_stops_servers_that_another_started(used_data_dir):
    with both(used_data_dir):
        other = another_process(used_data_dir)
        process = other.__enter__()
    still_there = leaders(used_data_dir)
    process.stdin.close()
    process.wait()
    other.__exit__(None, None, None)

    assert set(still_there) == {"postgres", "valkey-server"}
    assert processes(used_data_dir) == set()


def test_processes_that_start_together_share_one_server_of_each_kind(used_data_dir):
    def use(word: str) -> dict[str, int]:
        with both(used_data_dir):
            return leaders(used_data_dir)

    with both(used_data_dir), ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(use, "abcd"))

    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize("name", ["d" * 120, "a 'quoted' \"name\", with $ and %41 ü"])
def test_servers_work_in_a_folder_with_any_name(data_dir, name):
    folder = data_dir / name

    with both(folder):
        remember(folder, "here")
        found = remembered(folder)
    shutil.rmtree(socket_folder(folder))

    assert found == ({"here"}, {"here"})
    assert len(os.fsencode(socket_folder(folder) / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES


@needs_root
@pytest.mark.parametrize("namespace", ["1", "0"])
def test_root_changes_no_mode_of_a_folder_above(data_dir, monkeypatch, namespace):
    monkeypatch.setenv("ROLLCALL_USER_NAMESPACE", namespace)
    above = data_dir.parent
    modes = [(folder.stat().st_mode, folder.stat().st_uid) for folder in above.parents] + [
        above.stat().st_mode
    ]

    with both(data_dir):
        remember(data_dir, "root")
        users = {p.uids().real for p in Postgres(data_dir).processes()}
    with both(data_dir):
        found = remembered(data_dir)

    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert [(f.stat().st_mode, f.stat().st_uid) for f in above.parents] + [above.stat().st_mode] == modes
    assert found == ({"root"}, {"root"})
    if namespace == "0":
        assert 0 not in users
        assert (data_dir / "postgres").is_symlink()


@needs_root
def test_root_keeps_the_data_when_user_namespaces_are_forbidden_later(data_dir, monkeypatch):
    with both(data_dir):
        remember(data_dir, "before")
    monkeypatch.setenv("ROLLCALL_USER_NAMESPACE", "0")
    with both(data_dir):
        after = remembered(data_dir)
    monkeypatch.setenv("ROLLCALL_USER_NAMESPACE", "1")
    with both(data_dir):
        again = remembered(data_dir)

    assert after == again == ({"before"}, {"before"})


@needs_root
def test_data_folder_of_another_user_is_refused_in_one_line(data_dir):
    data_dir.mkdir()
    os.chown(data_dir, 65534, 65534)

    with pytest.raises(embedded.EmbeddedError, match="belongs to another user") as refused, both(data_dir):
        pass
    os.chown(data_dir, 0, 0)

    assert "\n" not in str(refused.value)
    assert list(data_dir.iterdir()) == []


def test_server_that_cannot_start_gives_the_reason_in_one_line(data_dir):
    with both(data_dir):
        pass
    Postgres(data_dir).folder.joinpath("PG_VERSION").write_text("12\n")

    with pytest.raises(embedded.EmbeddedError, match="incompatible") as refused, both(data_dir):
        pass

    assert "\n" not in str(refused.value)
    assert processes(data_dir) == set()


def test_no_folder_is_made_if_both_addresses_are_given(data_dir):
    with embedded.running(data_dir, postgres=False, valkey=False):
        assert not data_dir.exists()


def test_one_server_can_run_without_the_other(data_dir):
    with embedded.running(data_dir, postgres=False, valkey=True):
        assert set(leaders(data_dir)) == {"valkey-server"}


def test_secret_key_is_kept_in_a_private_file(data_dir):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: embedded.secret_key(data_dir), range(8)))

    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert [path.name for path in data_dir.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
