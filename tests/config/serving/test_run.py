import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from attendance.demo import DEMO_PASSWORD
from config import embedded, mail
from config.embedded.servers import wanted
from config.serving import banner
from config.serving.web import OWNER_VARIABLE
from tests.support.ports import free_port
from tests.support.valkeys import TcpValkey

PROJECT = Path(__file__).resolve().parents[3]


def environment(data_dir: Path, port: int, **more: str) -> dict[str, str]:
    return {**os.environ, "ROLLCALL_DATA_DIR": str(data_dir), "PORT": str(port), "HOST": "127.0.0.1", **more}


def run_to_its_end(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.serving.run"],
        cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@contextmanager
def site(data_dir: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running supervisor and its output up to the banner."""
    with subprocess.Popen(
        [sys.executable, "-m", "config.serving.run"],
        cwd=PROJECT, env=environment(data_dir, port, EMAIL_URL=""), stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        said = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        try:
            yield process, "".join(said)
        finally:
            process.kill()


def alive(data_dir: Path) -> dict[str, int]:
    """How many processes of each kind the data folder has."""
    servers = {
        server.process_name: len(server.processes())
        for server in wanted(data_dir, postgres=True, valkey=True)
    }
    return {**servers, "web": len(web_processes(data_dir))}


def web_processes(data_dir: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(OWNER_VARIABLE) == str(data_dir):
                found.append(process)
        except psutil.Error:
            continue
    return found


def is_up(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return bool(answer.status == 200)


def status_for(host: str, port: int) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/accounts/login/", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def users(data_dir: Path) -> list[str]:
    with psycopg.connect(embedded.database_url(data_dir)) as connection:
        return [row[0] for row in connection.execute("SELECT username FROM attendance_user ORDER BY id")]


# --- Two tests share a data folder: the first of them that runs makes the demo data -------------------------

NOTHING = {"postgres": 0, "valkey-server": 0, "web": 0}


def test_run_serves_the_demo_until_sigterm(used_data_dir):
    port = free_port()
    with site(used_data_dir, port) as (process, said):
        answered = is_up(port)
        asked_for = [status_for(host, port) for host in ("localhost", f"127.0.0.1:{port}", "evil.example")]
        demo_users = users(used_data_dir)
        second = run_to_its_end(**environment(used_data_dir, free_port()))
        running = alive(used_data_dir)
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        ended = process.wait(10)
        seconds = time.monotonic() - started

    assert answered
    assert asked_for == [200, 200, 400]
    assert f"http://localhost:{port}/" in said.replace("127.0.0.1", "localhost")
    assert all(re.search(rf"^ +{name} ", said, re.MULTILINE) for name, _ in banner.SIGN_INS)
    assert {name for name, _ in banner.SIGN_INS} <= set(demo_users)
    assert mail.WARNING in said
    assert (second.returncode, second.stdout, len(second.stderr.splitlines())) == (1, "", 1)
    assert (
        f"is already running with the data in {used_data_dir}: process {process.pid}, port {port}"
        in second.stderr
    )
    assert running["web"] >= 3
    assert (ended, alive(used_data_dir)) == (0, NOTHING)
    assert seconds < 10


def test_run_restarts_killed_processes_and_cleans_up_after_a_killed_run(used_data_dir):
    port = free_port()
    with site(used_data_dir, port) as (process, _):
        demo_users = users(used_data_dir)
        for kind in (*wanted(used_data_dir, postgres=True, valkey=True), None):
            killed = kind.processes() if kind else web_processes(used_data_dir)
            for one in killed:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        deadline = time.monotonic() + 15
        while not all(alive(used_data_dir).values()) and time.monotonic() < deadline:
            time.sleep(0.2)
        answered_again = is_up_soon(port)

        # Kill both, so that nothing is left to stop the workers.
        process.kill()
        for web in web_processes(used_data_dir):
            # A worker may have noticed that its parent died.
            with suppress(psutil.NoSuchProcess):
                if web.ppid() in (process.pid, 1):
                    web.kill()
        process.wait()
    left_over = alive(used_data_dir)

    with site(used_data_dir, port) as (process, _):
        answered = is_up(port)
        users_again = users(used_data_dir)
        process.send_signal(signal.SIGINT)
        ended = process.wait(10)

    assert answered_again
    assert left_over["postgres"] > 0
    assert left_over["valkey-server"] == 1
    assert answered
    assert users_again == demo_users
    assert (ended, alive(used_data_dir)) == (0, NOTHING)


def is_up_soon(port: int) -> bool:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            return is_up(port)
        except OSError:
            time.sleep(0.2)
    return False


def test_busy_port_is_reported_in_one_line_before_anything_starts(data_dir):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run_to_its_end(**environment(data_dir, port))

    assert result.returncode == 1
    assert result.stdout == ""
    assert re.fullmatch(
        rf"Port {port} on 127\.0\.0\.1 can't be used: .*make run PORT={port + 1}\n", result.stderr
    )
    assert not (data_dir / "postgres").exists()


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"DATABASE_URL": "postgres://rollcall@db/rollcall"}, "SECRET_KEY"),
        ({"REDIS_URL": "redis://redis/0", "CACHE_URL": "redis://redis/0"}, "CACHE_URL"),
        ({"REDIS_URL": "redis+cluster://n1:7001"}, "CACHE_URL"),
        ({"WEB_WORKERS": "many"}, "WEB_WORKERS"),
    ],
)
def test_wrong_setting_is_reported_in_one_line(data_dir, variables, word):
    result = run_to_its_end(**environment(data_dir, free_port(), **variables))

    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert word in result.stderr


def test_run_refuses_a_cache_database_that_the_server_does_not_have(data_dir):
    server = TcpValkey("--databases", "1")
    try:
        redis_url = f"redis://127.0.0.1:{server.port}"
        result = run_to_its_end(**environment(data_dir, free_port(), REDIS_URL=redis_url))
    finally:
        server.close()

    assert result.returncode == 1
    assert re.fullmatch(r"Redis refuses database 1 for the cache .*CACHE_URL\.\n", result.stderr)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", ""),
        ("::1", ""),
        ("localhost", ""),
        ("192.0.2.7", "http://192.0.2.7:8000"),
        ("2001:db8::1", "http://[2001:db8::1]:8000"),
        ("attend.example.edu", "http://attend.example.edu:8000"),
    ],
)
def test_lan_url_is_one_that_phones_can_open(host, url):
    assert banner.lan_url(host=host, port=8000) == url


def test_banner_says_that_phones_cannot_open_a_loopback_address():
    said = banner.banner(host="127.0.0.1", port=8000, public_url="", lan_url="", demo=False)

    assert "only this computer can open 127.0.0.1" in said
    assert "HOST=0.0.0.0" in said


def test_banner_shows_the_demo_password_only_for_the_demo():
    real = banner.banner(
        host="0.0.0.0", port=80, public_url="https://attend.example.edu", lan_url="", demo=False
    )
    demo = banner.banner(host="0.0.0.0", port=80, public_url="", lan_url="http://192.0.2.7:80", demo=True)

    assert DEMO_PASSWORD not in real
    assert "https://attend.example.edu/" in real
    assert DEMO_PASSWORD in demo
    assert "http://192.0.2.7:80/" in demo
    assert "only this computer" not in real + demo
