"""The whole benchmark at its smallest size, in its own process."""

import os
import subprocess
import sys

import pytest

from bench.report.results import load
from bench.scenarios import SCENARIOS
from bench.site.environment import PROJECT

LIMIT_SECONDS = 180


@pytest.fixture
def run(data_dir):
    """Run a benchmark program with its own data folder and return what it printed."""

    def run_it(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            env={
                **os.environ,
                "ROLLCALL_DATA_DIR": str(data_dir),
                "DJANGO_SETTINGS_MODULE": "tests.support.uncompressed_settings",
            },
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run_it


def test_tiny_run_measures_every_scenario_and_cleans_up(run, data_dir):
    printed = run("bench", "--tiny")
    results = load(data_dir / "bench" / "latest.json")
    assert set(results.scenarios()) >= {*SCENARIOS} - {"groups", "mixed"} | {
        "group_4",
        "mixed_marks",
        "mark_joined",
    }
    assert all(one.requests for key in results.scenarios() for one in results.rounds_of(key))
    for key in ("mark_api", "mark_page", "mark_joined"):
        assert list(results.rounds_of(key)[0].statuses) == ["201"]
        assert results.counted[key]["queries"] > 0
    assert results.counted["phone"]["queries"] == 1
    assert len(results.memory_per_worker) == 2
    assert "mark, by the phone's page" in printed
    assert not (data_dir / "bench" / "site").exists()
    assert "stats of a group of 4" in run(
        "bench.report.compare", *[str(data_dir / "bench" / "latest.json")] * 2
    )
