"""The metrics page: its figures, who may read it, and counters that survive a killed worker."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.db import connection
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from attendance import metrics, stats
from attendance.lib.refusals import NotEnrolled
from config.monitoring import metrics as metrics_page
from tests.support import factories
from tests.support.valkeys import caches_with

PROJECT = Path(__file__).resolve().parents[3]
DEPLOY = PROJECT / "deploy"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(metrics_page, "_CURRENT_GAUGES", metrics_page._CurrentGauges())
    stats.breaker.succeeded()
    yield
    stats.breaker.succeeded()


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def marks(outcome: str, method: str = "qr") -> float:
    labels = {"outcome": outcome, "method": method}
    return REGISTRY.get_sample_value("rollcall_marks_total", labels) or 0


@pytest.mark.django_db
def test_page_shows_both_servers_and_the_open_sessions(client):
    factories.make_meeting()

    answer = client.get("/metrics")

    found = samples(answer.text)
    assert answer.headers["Content-Type"].startswith("text/plain")
    names = [
        "rollcall_database_up",
        "rollcall_redis_up",
        "rollcall_redis_breaker_open",
        "rollcall_waiting_scans",
    ]
    assert [found[(name,)] for name in names] == [1, 1, 0, 0]
    assert ("rollcall_open_sessions",) in found


@pytest.mark.django_db
def test_page_works_without_either_server(client, monkeypatch, settings):
    settings.CACHES = caches_with("redis://127.0.0.1:1/0")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")

    found = samples(client.get("/metrics").text)

    names = ["rollcall_database_up", "rollcall_redis_up", "rollcall_redis_breaker_open"]
    assert [found[(name,)] for name in names] == [0, 0, 1]
    assert ("rollcall_open_sessions",) not in found


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "192.0.2.7"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}, 403),
    ],
)
def test_without_a_token_only_this_machine_may_read(client, extra, status):
    assert client.get("/metrics", **extra).status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("given", "status"),
    [("Bearer right", 200), ("Bearer wrong", 401), ("right", 401), ("", 401), ("Bearer é", 401)],
)
def test_with_a_token_only_its_bearer_may_read(client, settings, given, status):
    settings.METRICS_TOKEN = "right"

    answer = client.get("/metrics", headers={"Authorization": given})

    assert answer.status_code == status
    assert ("rollcall" in answer.text) == (status == 200)


@pytest.mark.parametrize(("created", "outcome"), [(True, "marked"), (False, "already_marked")])
def test_marks_are_counted_by_outcome(created, outcome):
    before, timed = marks(outcome), REGISTRY.get_sample_value("rollcall_mark_seconds_count")

    with metrics.mark_counted("qr") as mark:
        mark.created = created

    assert marks(outcome) == before + 1
    assert REGISTRY.get_sample_value("rollcall_mark_seconds_count") == timed + 1


@pytest.mark.parametrize(("error", "outcome"), [(NotEnrolled, "not_enrolled"), (ZeroDivisionError, "failed")])
def test_refused_marks_are_counted_by_reason(error, outcome):
    before = marks(outcome, "claim")

    with pytest.raises(error), metrics.mark_counted("qr") as mark:  # noqa: PT012 - the block is what is counted
        mark.method = "claim"
        raise error

    assert marks(outcome, "claim") == before + 1


# Two workers, forked as granian forks its own. The first one dies; the second one is alive while a third reads the page.
WORKERS = """
import django, os, signal
django.setup()
from django.test import Client
from attendance import metrics, stats

if not os.fork():
    metrics.counted("redis", 5)
    stats.breaker.failed()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
metrics.counted("redis", 5)
if not os.fork():
    print(Client().get("/metrics", headers={"Host": "localhost"}).text, flush=True)
    os._exit(0)
os.wait()
"""


def test_a_killed_worker_keeps_its_counters_but_not_its_breaker_gauge(tmp_path):
    environment = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(PROJECT),
    }
    command = [sys.executable, "-c", WORKERS]

    told = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path, check=True
    ).stdout

    found = samples(told)
    assert found[("rollcall_counts_total", "redis")] == 10
    assert found[("rollcall_redis_breaker_open",)] == 0


def known_names() -> set[str]:
    families = [*REGISTRY.collect(), *metrics_page._CurrentGauges().collect()]
    names = {sample.name for family in families for sample in family.samples}
    # A labelled counter or histogram has its samples when something was counted.
    return names | {"rollcall_marks_total", "rollcall_mark_seconds_bucket"}


@pytest.mark.django_db
def test_every_metric_of_the_dashboard_and_the_alerts_exists():
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [rule["expr"] for rule in rules]

    named = {name for text in expressions for name in re.findall(r"rollcall_\w+", text)}

    ours = {name for name in known_names() if name.startswith("rollcall_") and not name.endswith("_created")}
    assert named <= ours
    # What is counted is looked at.
    assert {name.removesuffix("_count").removesuffix("_sum") for name in ours - named} <= {
        "rollcall_mark_seconds"
    }
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_forked_process_counts_in_its_own_file(tmp_path):
    script = (
        "import os, django; django.setup();"
        "from attendance.metrics import ORPHANS; ORPHANS.inc(); child = os.fork(); ORPHANS.inc();"
        "child and os.waitpid(child, 0) and print(os.getpid(), child)"
    )
    environment = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert {file.name for file in tmp_path.glob("counter_*")} == {
        f"counter_{pid}.db" for pid in printed.split()
    }
