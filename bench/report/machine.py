"""Describe the machine and the software versions."""

import datetime
import os
import platform
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import psutil
from django.db import connection
from django_redis import get_redis_connection

from bench.site.environment import PROJECT

FSYNC_SAMPLES = 30


def describe(*, workers: int) -> dict[str, str]:
    """Name and value of each property."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        postgres = cursor.fetchone()[0]
    info = get_redis_connection("live").info("server")
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "processors": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{memory:.0f} GB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "fsync of the disk": f"{_fsync_ms():.1f} ms",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Django": version("django"),
        "granian": f"{version('granian')}, {workers} processes",
        "PostgreSQL": postgres,
        "Valkey": str(info.get("valkey_version") or info["redis_version"]),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _commit() -> str:
    """The commit, with a + if files have changed since; empty if unknown."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],  # noqa: S607
            cwd=PROJECT, capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return ""


def _fsync_ms() -> float:
    """Median time of an fdatasync in the data folder: the least that a commit waits."""
    times = []
    with tempfile.TemporaryFile(dir=os.environ["ROLLCALL_DATA_DIR"]) as file:
        for _ in range(FSYNC_SAMPLES):
            file.write(b"x" * 8192)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000
