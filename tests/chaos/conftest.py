"""Runs the short form of the chaos test in its own process, and prints its table at the end of the test run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.serving.web import START_AS
from tests.chaos.checking import Verdict
from tests.chaos.installation import PROJECT
from tests.chaos.report import table

LIMIT_SECONDS = 600
STOP_SECONDS = 30


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory) -> dict[str, Verdict]:
    """The verdict on each fault, by name."""
    answer: Path = tmp_path_factory.mktemp("chaos") / "verdicts.json"
    # Half as many marks as by default, in the same time.
    size = ["--marks", "100", "--per-second", "50"]
    command = [sys.executable, "-m", "tests.chaos", *size, "--json", str(answer)]
    # It stops its servers and exits when this process dies, however that happens.
    with subprocess.Popen(
        [sys.executable, "-S", "-E", START_AS, "mortal", str(os.getpid()), *command], cwd=PROJECT
    ) as process:
        try:
            process.wait(LIMIT_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(STOP_SECONDS)
    assert answer.exists(), f"the chaos run ended with {process.returncode}"
    return {verdict["fault"]: Verdict(**verdict) for verdict in json.loads(answer.read_text())}


def pytest_terminal_summary(terminalreporter) -> None:
    # The tests may have run in another process. Their reports carry what they recorded.
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    verdicts = [
        Verdict(**value) for report in reports for key, value in report.user_properties if key == "verdict"
    ]
    if verdicts:
        terminalreporter.section("chaos")
        terminalreporter.write_line(table(verdicts))
