"""Reads of unverified sets: one repair serves all readers, and the counts stay right."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection

from attendance import stats
from attendance.models import Meeting, Status
from attendance.stats import Counts, Source, healing, repairing
from attendance.stats.restarts import server_id
from attendance.stats.verified import verified_value
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meeting() -> Meeting:
    """Four students, three of whom joined; in the database, but not in any set."""
    meeting = factories.make_meeting(section=factories.make_section(students=4))
    for student in factories.students_of(meeting.section)[:3]:
        factories.make_record(meeting=meeting, student=student)
    return meeting


def counts(meeting: Meeting) -> Counts:
    try:
        return stats.live_counts([meeting], at=timezone.now())[meeting.pk]
    finally:
        if not connection.in_atomic_block:
            connection.close()


def key(meeting: Meeting, name: str) -> str:
    return f"session:{meeting.public_id}:{name}"


def fail(*args):
    raise AssertionError("the database was asked to count")


def test_one_repair_serves_many_readers_at_once(meeting, monkeypatch):
    compared, begun = [], threading.Barrier(12)
    read = repairing.members_in_database

    def counted(*args):
        compared.append(args)
        # Time for the other readers to arrive.
        time.sleep(0.05)
        return read(*args)

    def read_counts(_number):
        begun.wait(10)
        return counts(meeting)

    monkeypatch.setattr(healing, "WAIT_SECONDS", 10)
    monkeypatch.setattr(repairing, "members_in_database", counted)
    monkeypatch.setattr(stats, "counts_in_database", fail)
    # Only a reader that waits for another process polls.
    monkeypatch.setattr(healing, "send_commands", fail)
    live = get_redis_connection("live")
    live.sadd(key(meeting, "joined"), *(s.student_id for s in factories.students_of(meeting.section)[:3]))

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(read_counts, range(12))) == {Counts(3, 0, 4, Source.REDIS)}
    assert len(compared) == 1


def test_reader_waits_for_the_repair_of_another_process(meeting, monkeypatch):
    live = get_redis_connection("live")
    live.set(key(meeting, "repair"), "1", px=3000)
    monkeypatch.setattr(healing, "WAIT_SECONDS", 10)
    monkeypatch.setattr(stats, "counts_in_database", fail)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(counts, meeting) for _ in range(2)]
        time.sleep(0.1)
        assert not any(reader.done() for reader in readers)
        live.sadd(key(meeting, "joined"), *(s.student_id for s in factories.students_of(meeting.section)[:3]))
        live.set(key(meeting, "verified"), verified_value((3, 0, 4), server=server_id()), px=3000)
        live.delete(key(meeting, "repair"))
        assert [reader.result(10) for reader in readers] == [Counts(3, 0, 4, Source.REDIS)] * 2


def test_reader_in_a_transaction_does_not_wait(meeting, monkeypatch):
    get_redis_connection("live").set(key(meeting, "repair"), "1", px=3000)
    monkeypatch.setattr(healing, "_wait_for_other_processes", fail)

    with transaction.atomic(), healing._repairing:
        assert counts(meeting) == Counts(3, 0, 4, Source.REDIS)


def test_reader_does_not_trust_a_repair_that_began_before_a_failed_write(meeting, monkeypatch):
    get_redis_connection("live").set(key(meeting, "repair"), "1", px=3000)
    monkeypatch.setattr(healing, "verified_counts", fail)
    stats.failed_writes.add(meeting.public_id)
    try:
        assert counts(meeting) == Counts(3, 0, 4, Source.REDIS)
    finally:
        stats.failed_writes.take([meeting.public_id])


def test_every_read_counts_all_earlier_marks_while_sets_are_repaired_constantly():
    meeting = factories.make_meeting(section=factories.make_section(students=40))
    made, over = [], threading.Event()

    def mark(student):
        try:
            record = factories.make_record(meeting=meeting, student=student, status=Status.PRESENT)
            stats.add(
                joined=[(meeting, student.student_id)],
                attended=[(meeting, record.roll_number)],
            )
            made.append(student)
            before = len(made)
            found = counts(meeting)
            return before <= found.present <= found.joined <= 40
        finally:
            connection.close()

    def forget():
        while not over.is_set():
            stats.forget_verified([meeting])
            over.wait(0.003)

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(mark, factories.students_of(meeting.section)))
    finally:
        over.set()
        forgetting.join()
    assert counts(meeting) == Counts(40, 40, 40, Source.REDIS)
