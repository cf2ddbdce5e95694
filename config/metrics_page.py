"""``/metrics`` for Prometheus: what all workers counted, and what is so at this moment."""

import hmac
import ipaddress
import os
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from attendance import stats
from config.health import probing_cursor

# Several Prometheus servers, or an impatient one, ask the database no more often than this.
KEPT_SECONDS = 5.0
_NOW_IN_DATABASE = """
    SELECT (SELECT count(*) FROM attendance_meeting WHERE ended_at IS NULL),
           (SELECT count(*)
              FROM qrsessions_refusedscan scan
              JOIN qrsessions_qrsession session ON session.meeting_id = scan.session_id AND session.status <> 'ended'
              LEFT JOIN attendance_attendancerecord record
                ON record.meeting_id = scan.session_id AND record.student_id = scan.student_id
             WHERE record.status IS NULL)
"""


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, for the bearer of METRICS_TOKEN, or without one for whoever asks from this machine."""
    if not _may_read(request):
        if settings.METRICS_TOKEN:
            return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
        return HttpResponse("Set METRICS_TOKEN to read the metrics from elsewhere.\n", status=403)
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    # Asked first, so that the breaker's gauge says what was found.
    now = [*_NOW.collect()]
    if folder:
        _forget_dead_workers(Path(folder))
        MultiProcessCollector(registry, path=folder)
    body = generate_latest(registry if folder else REGISTRY)
    registry_now = CollectorRegistry()
    registry_now.register(_Given(now))
    return HttpResponse(body + generate_latest(registry_now), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on this machine asks for others.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _forget_dead_workers(folder: Path) -> None:
    """What a worker that died said of its breaker is no longer so; what it counted still counts."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not _lives(pid):
            mark_process_dead(pid, str(folder))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Given(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


class _Now:
    """What is so at this moment, asked of both servers and kept for some seconds."""

    def __init__(self) -> None:
        self._until = 0.0
        self._families: list[GaugeMetricFamily] = []

    def collect(self) -> list[GaugeMetricFamily]:
        if time.monotonic() >= self._until:
            self._families = [*self._ask()]
            self._until = time.monotonic() + KEPT_SECONDS
        return self._families

    def _ask(self) -> Iterator[GaugeMetricFamily]:
        yield _gauge("rollcall_redis_up", "Whether Redis answers.", stats.redis_answers())
        try:
            with probing_cursor() as cursor:
                cursor.execute(_NOW_IN_DATABASE)
                open_sessions, waiting = cursor.fetchone()
        except DatabaseError:
            yield _gauge("rollcall_database_up", "Whether PostgreSQL answers.", value=False)
            return
        yield _gauge("rollcall_database_up", "Whether PostgreSQL answers.", value=True)
        yield _gauge("rollcall_open_sessions", "Sessions that have not ended.", open_sessions)
        yield _gauge(
            "rollcall_waiting_scans",
            "Scans that were refused for want of a join and not yet admitted.",
            waiting,
        )


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


_NOW = _Now()
