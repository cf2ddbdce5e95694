"""``manage.py reconcile_counts`` repairs the sets of all open sessions and deletes keys without a session."""

import io
import os
import signal
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from django_redis import get_redis_connection
from prometheus_client import REGISTRY

from attendance import stats
from attendance.lib import advisory_locks
from attendance.models import Status
from tests.support import factories
from tests.support.valkeys import Cluster, caches_with

pytestmark = pytest.mark.django_db(transaction=True)


def reconcile(**options) -> list[str]:
    out = io.StringIO()
    call_command("reconcile_counts", stdout=out, **options)
    return out.getvalue().splitlines()


def make_meeting(**fields):
    """A meeting with two students present and joined."""
    meeting = factories.make_meeting(section=factories.make_section(students=2), **fields)
    for number, student in enumerate(factories.students_of(meeting.section), start=1):
        factories.make_record(
            meeting=meeting, student=student, status=Status.PRESENT, roll_number=f"{number:02}"
        )
    return meeting


def key(meeting, name):
    return f"session:{meeting.public_id}:{name}"


def damage(meeting):
    """Damage verified sets: a missing and an extra member in one, and a string instead of the other."""
    live = get_redis_connection("live")
    stats.live_counts([meeting], at=timezone.now())
    live.srem(key(meeting, "attended"), "01")
    live.sadd(key(meeting, "attended"), "99")
    live.set(key(meeting, "joined"), "no set")


def test_every_open_session_is_repaired_and_reported():
    broken, sound = make_meeting(), make_meeting()
    damage(broken)
    stats.live_counts([sound], at=timezone.now())
    repairs = REGISTRY.get_sample_value("rollcall_repairs_total")

    lines = reconcile()

    assert lines == [
        f"{broken.public_id}: joined +2 -0, present +1 -1, not a set: joined",
        "2 open sessions compared, 1 repaired.",
    ]
    assert get_redis_connection("live").smembers(key(broken, "attended")) == {b"01", b"02"}
    assert REGISTRY.get_sample_value("rollcall_repairs_total") == repairs + 1
    assert reconcile() == ["2 open sessions compared, 0 repaired."]


def test_dry_run_reports_the_same_and_changes_nothing():
    meeting = make_meeting()
    damage(meeting)
    live = get_redis_connection("live")
    live.sadd("session:0RPHAN00:joined", "S1")
    before = {name: live.dump(name) for name in live.keys("session:*")}

    lines = reconcile(dry_run=True)

    assert lines == [
        f"{meeting.public_id}: joined +2 -0, present +1 -1, not a set: joined",
        "0RPHAN00: no such session, kept",
        "1 open sessions compared, 1 differ.",
    ]
    assert {name: live.dump(name) for name in live.keys("session:*")} == before


def test_keys_without_a_session_are_deleted_and_all_others_stay():
    live = get_redis_connection("live")
    now = timezone.now()
    opened, ended = make_meeting(), make_meeting(starts_at=now, ended_at=now)
    stats.live_counts([opened, ended], at=timezone.now())
    live.persist(key(ended, "joined"))
    for name in ("joined", "attended", "verified", "repair"):
        live.sadd(f"session:0RPHAN00:{name}", "x")
    live.sadd(b"session:\xff\x00:joined", "x")
    live.set("session:somebody-elses", "x")
    live.set("other", "x")

    lines = reconcile()

    assert lines == [
        "0RPHAN00: no such session, keys removed",
        "\\udcff\\x00: no such session, keys removed",
        "1 open sessions compared, 0 repaired; 1 session:… keys do not belong to Rollcall.",
    ]
    assert set(live.keys("*")) == {
        b"other",
        b"session:somebody-elses",
        *(key(m, n).encode() for m in (opened, ended) for n in ("joined", "attended", "verified")),
    }
    # The sets of an ended session expire, even if Redis was away when it ended.
    assert live.ttl(key(ended, "joined")) > 0


def test_orphans_are_found_on_every_node_of_a_cluster():
    cluster = Cluster()
    try:
        with override_settings(CACHES=caches_with(cluster.url)):
            meeting = make_meeting()
            stats.live_counts([meeting], at=timezone.now())
            stats.add(joined=[(meeting, "S1")])
            ids = [f"0RPHAN{number:02}" for number in range(12)]
            for public_id in ids:
                assert stats.connection.send_commands([("SADD", f"session:{public_id}:joined", "x")])
            lines = reconcile()
            assert lines[-13:-1] == [f"{public_id}: no such session, keys removed" for public_id in ids]
            left = {k for client in cluster.writable() for k in client.scan_iter("session:*")}
            assert left == {key(meeting, name) for name in ("joined", "attended", "verified")}
    finally:
        cluster.close()


def test_second_reconcile_at_the_same_time_is_refused():
    holds, done = threading.Event(), threading.Event()

    def hold():
        with advisory_locks.only_one(advisory_locks.RECONCILE) as mine:
            assert mine
            holds.set()
            done.wait(10)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert holds.wait(10)
    with pytest.raises(CommandError, match="Another reconcile_counts is already running"):
        reconcile()
    done.set()
    other.join()

    assert reconcile() == ["0 open sessions compared, 0 repaired."]


def test_loop_repairs_until_sigterm():
    meeting = make_meeting()
    damage(meeting)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    timer = threading.Timer(0.6, os.kill, [os.getpid(), signal.SIGTERM])
    timer.start()
    try:
        lines = reconcile(loop=0.1)
    finally:
        timer.join()
        for number, handler in before.items():
            signal.signal(number, handler)

    assert lines[:2] == [
        f"{meeting.public_id}: joined +2 -0, present +1 -1, not a set: joined",
        "1 open sessions compared, 1 repaired.",
    ]
    assert lines.count("1 open sessions compared, 0 repaired.") >= 2


def test_reconcile_without_redis_says_so(settings):
    settings.CACHES = caches_with("redis://127.0.0.1:1/0")

    with pytest.raises(CommandError, match="Redis is unavailable"):
        reconcile()
