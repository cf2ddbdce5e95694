"""The short form of the chaos run, in a process of its own, and its table at the end of the test run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.web import START_AS
from tests.chaos import report
from tests.chaos.checking import Verdict
from tests.chaos.installation import PROJECT

LIMIT_SECONDS = 600
STOP_SECONDS = 30

_verdicts: list[Verdict] = []


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory) -> dict[str, Verdict]:
    """What every fault did, by its name."""
    answer: Path = tmp_path_factory.mktemp("chaos") / "verdicts.json"
    command = [sys.executable, "-m", "tests.chaos", "--json", str(answer)]
    # It ends with us and stops its servers, however we die.
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
    _verdicts[:] = [Verdict(**verdict) for verdict in json.loads(answer.read_text())]
    return {verdict.fault: verdict for verdict in _verdicts}


def pytest_terminal_summary(terminalreporter) -> None:
    if _verdicts:
        terminalreporter.section("chaos")
        terminalreporter.write_line(report.table(_verdicts))
