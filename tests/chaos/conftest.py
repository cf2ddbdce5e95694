"""The short form of the chaos run, in a process of its own, and its table at the end of the test run.

Its tests come first: nothing else takes as long, and with ``--dist worksteal`` they all go to the first test process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.web import START_AS
from tests.chaos.checking import Verdict
from tests.chaos.installation import PROJECT
from tests.chaos.report import table

HERE = Path(__file__).parent
LIMIT_SECONDS = 600
STOP_SECONDS = 30


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
    return {verdict["fault"]: Verdict(**verdict) for verdict in json.loads(answer.read_text())}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: HERE not in item.path.parents)


def pytest_terminal_summary(terminalreporter) -> None:
    # The tests may have run in another process: what they recorded came with their reports.
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    verdicts = [
        Verdict(**value) for report in reports for key, value in report.user_properties if key == "verdict"
    ]
    if verdicts:
        terminalreporter.section("chaos")
        terminalreporter.write_line(table(verdicts))
