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
from config.monitoring.health import probing_cursor

# The database is queried at most this often, however many Prometheus servers scrape.
CACHE_SECONDS = 5.0
_GAUGES_SQL = """
    SELECT (SELECT count(*) FROM attendance_meeting WHERE state = 'open'),
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
    """All metrics, for the bearer of METRICS_TOKEN, or without one for requests from this machine."""
    if not _may_read(request):
        if settings.METRICS_TOKEN:
            return HttpResponse("Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"})
        return HttpResponse("Set METRICS_TOKEN to read the metrics from elsewhere.\n", status=403)
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    # Collected first, because it updates the gauge of the circuit breaker.
    gauges = [*_CURRENT_GAUGES.collect()]
    if folder:
        _drop_dead_workers(Path(folder))
        MultiProcessCollector(registry, path=folder)
    body = generate_latest(registry if folder else REGISTRY)
    current = CollectorRegistry()
    current.register(_FixedCollector(gauges))
    return HttpResponse(body + generate_latest(current), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on this machine passes on requests of others.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _drop_dead_workers(folder: Path) -> None:
    """Drop the gauges of dead workers. Their counters stay."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not _is_running(pid):
            mark_process_dead(pid, str(folder))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _FixedCollector(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


class _CurrentGauges:
    """Gauges read from Redis and the database, cached for a few seconds."""

    def __init__(self) -> None:
        self._until = 0.0
        self._families: list[GaugeMetricFamily] = []

    def collect(self) -> list[GaugeMetricFamily]:
        if time.monotonic() >= self._until:
            self._families = [*self._read()]
            self._until = time.monotonic() + CACHE_SECONDS
        return self._families

    def _read(self) -> Iterator[GaugeMetricFamily]:
        yield _gauge("rollcall_redis_up", "Whether Redis answers.", stats.redis_answers())
        try:
            with probing_cursor() as cursor:
                cursor.execute(_GAUGES_SQL)
                open_sessions, waiting = cursor.fetchone()
        except DatabaseError:
            yield _gauge("rollcall_database_up", "Whether PostgreSQL answers.", value=False)
            return
        yield _gauge("rollcall_database_up", "Whether PostgreSQL answers.", value=True)
        yield _gauge("rollcall_open_sessions", "Sessions that have not ended.", open_sessions)
        yield _gauge(
            "rollcall_waiting_scans",
            "Scans refused because the student had not joined, and not yet admitted.",
            waiting,
        )


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


_CURRENT_GAUGES = _CurrentGauges()
