"""The same counts from every kind of Redis: with a password, with TLS, behind Sentinel, and a Cluster."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.utils import timezone

from attendance import stats
from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, Method, RosterEntry
from attendance.records import scans
from attendance.stats import Counts, Source
from tests.support import factories
from tests.support.valkeys import Cluster, Tls, WithPassword, WithSentinel, caches_with, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def closed_breaker():
    stats.breaker.succeeded()
    yield
    stats.breaker.succeeded()


@pytest.fixture
def mode(request, settings):
    mode = request.param()
    settings.CACHES = caches_with(mode.url)
    yield mode
    mode.close()


def each_mode(*modes):
    return pytest.mark.parametrize("mode", modes, indirect=True, ids=lambda mode: mode.__name__)


def counts(meeting) -> Counts:
    return stats.live_counts([meeting], at=timezone.now())[meeting.pk]


def mark(meeting, student):
    with transaction.atomic():
        advisory_locks.share([meeting.pk])
        entry = RosterEntry.objects.find(meeting=meeting, student=student)
        scans.write_marks(
            [scans.NewMark(entry, meeting, student, at=timezone.now(), method=Method.QR, joins=True)]
        )


def join(meeting, student):
    with transaction.atomic():
        advisory_locks.share([meeting.pk])
        entry = RosterEntry.objects.find(meeting=meeting, student=student)
        scans.write_joins([scans.NewJoin(entry, meeting, student, at=timezone.now())])


def sets(mode, meeting):
    return tuple(len(mode.members(f"session:{meeting.public_id}:{name}")) for name in ("joined", "attended"))


@each_mode(WithPassword, Tls, WithSentinel, Cluster)
def test_counts_heal_and_survive_a_killed_server_without_a_false_warning(mode):
    assert all("appendonly" in warning for warning in stats.server_warnings())
    # Several meetings, so that a Cluster spreads them over its nodes.
    meetings = [factories.make_meeting(section=factories.make_section(students=2)) for _ in range(6)]
    for meeting in meetings:
        joiner, marked = factories.students_of(meeting.section)
        join(meeting, joiner)
        mark(meeting, marked)
    at = timezone.now()

    # Twice: the first read repairs, the second one trusts the sets.
    for _ in range(2):
        assert set(stats.live_counts(meetings, at=at).values()) == {Counts(2, 1, 2, Source.REDIS)}
    assert {sets(mode, meeting) for meeting in meetings} == {(2, 1)}

    mode.flush()
    assert set(stats.live_counts(meetings, at=at).values()) == {Counts(2, 1, 2, Source.REDIS)}
    assert {sets(mode, meeting) for meeting in meetings} == {(2, 1)}

    mode.kill()
    mark(meetings[0], factories.students_of(meetings[0].section)[0])
    assert counts(meetings[0]) == Counts(2, 2, 2, Source.DATABASE)
    assert not stats.redis_answers()

    if isinstance(mode, WithSentinel):
        return  # Failover has its own test below.
    mode.start()
    wait_until(stats.redis_answers)
    assert counts(meetings[0]) == Counts(2, 2, 2, Source.REDIS)
    assert sets(mode, meetings[0]) == (2, 2)


@each_mode(WithSentinel)
@pytest.mark.parametrize("how", ["kill", "pause"])
def test_failover_in_the_middle_of_marking_loses_no_mark(mode, how):
    meeting = factories.make_meeting(section=factories.make_section(students=60))
    students = factories.students_of(meeting.section)
    stopped = threading.Event()
    too_many = []

    def read():
        while not stopped.is_set():
            present = counts(meeting).present
            too_many.append(present - AttendanceRecord.objects.filter(meeting=meeting).count())
            time.sleep(0.02)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    for index, student in enumerate(students):
        if index == 20:
            getattr(mode.primary, how)()
        mark(meeting, student)
        time.sleep(0.05)
    mode.await_promotion()
    wait_until(stats.redis_answers)
    if how == "pause":
        mode.primary.resume()
    stopped.set()
    reader.join()

    assert len(too_many) > 60
    assert max(too_many) <= 0
    assert AttendanceRecord.objects.filter(meeting=meeting, status="present").count() == 60
    # Writes that the old primary did not replicate are found by the next repair.
    wait_until(lambda: counts(meeting) == Counts(60, 60, 60, Source.REDIS), seconds=10)
    wait_until(lambda: sets(mode, meeting) == (60, 60), seconds=10)


@each_mode(WithSentinel)
def test_replaced_primary_that_is_still_alive_is_left_within_two_seconds(mode):
    meeting = factories.make_meeting(section=factories.make_section(students=1))
    assert counts(meeting) == Counts(0, 0, 1, Source.REDIS)

    mode.sentinel.client().execute_command("SENTINEL FAILOVER", "Hall_1")
    mode.await_promotion()
    # The old primary accepts writes for about ten seconds, until Sentinel makes it a replica.
    time.sleep(2)
    mark(meeting, factories.students_of(meeting.section)[0])

    assert sets(mode, meeting) == (1, 1)
    assert counts(meeting) == Counts(1, 1, 1, Source.REDIS)


@each_mode(Cluster)
def test_moved_slot_is_found_within_two_seconds(mode):
    meeting = factories.make_meeting(section=factories.make_section(students=2))
    first, second = factories.students_of(meeting.section)
    mark(meeting, first)
    assert counts(meeting) == Counts(1, 1, 2, Source.REDIS)
    one, two = (server.client() for server in mode.servers[:2])
    ids = [client.execute_command("CLUSTER MYID") for client in (one, two)]
    owner = one.execute_command("CLUSTER KEYSLOT", f"session:{meeting.public_id}:attended") // (
        16384 // 3 + 1
    )
    target, new_owner = (ids[1], two) if owner == 0 else (ids[0], one)
    # Nodes believe the claim with the highest epoch, so a late message from the old owner can't take a slot back.
    new_owner.execute_command("CLUSTER BUMPEPOCH")
    for name in ("joined", "attended", "verified", "repair"):
        slot = one.execute_command("CLUSTER KEYSLOT", f"session:{meeting.public_id}:{name}")
        for server in mode.servers:
            client = server.client()
            for key in client.execute_command("CLUSTER GETKEYSINSLOT", slot, 10):
                client.delete(key)
            client.execute_command("CLUSTER SETSLOT", slot, "NODE", target)

    mark(meeting, second)
    assert counts(meeting).present == 2
    wait_until(stats.redis_answers)
    wait_until(lambda: counts(meeting) == Counts(2, 2, 2, Source.REDIS))
    wait_until(lambda: sets(mode, meeting) == (2, 2))


@each_mode(Cluster)
def test_breaker_stays_open_while_one_node_of_a_cluster_is_away(mode):
    meetings = [factories.make_meeting() for _ in range(8)]
    at = timezone.now()
    stats.live_counts(meetings, at=at)
    mode.servers[1].pause()
    stats.live_counts(meetings, at=at)

    # Every node has some of the keys. An answer from one node must not close the breaker while another is away.
    closed = 0
    for meeting in meetings * 5:
        counts(meeting)
        closed += not stats.breaker.is_open
    mode.servers[1].resume()

    assert closed == 0
