"""The live counts: reads repair the sets, and the numbers are right without Redis."""

import contextlib
import dataclasses
import datetime
import threading
import time

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.utils import timezone
from django_redis import get_redis_connection
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from attendance import stats
from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, Meeting, Method, RecordChange, RosterEntry, Status
from attendance.records import scans
from attendance.stats import Counts, Source, failed_writes, repairing
from attendance.stats.database import members_in_database
from attendance.stats.repairing import compare
from tests.support import factories
from tests.support.generated import examples
from tests.support.valkeys import OwnValkey, caches_with, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def own_valkey():
    valkey = OwnValkey()
    with override_settings(CACHES=valkey.caches()):
        yield valkey
    valkey.close()


def make_meeting(*, joined: int = 3, present: int = 2, **fields) -> Meeting:
    """A meeting with records in the database but not in any set."""
    meeting = factories.make_meeting(section=factories.make_section(students=joined + 1), **fields)
    for number, student in enumerate(factories.students_of(meeting.section)[:joined], start=1):
        status = Status.PRESENT if number <= present else None
        factories.make_record(meeting=meeting, student=student, status=status, roll_number=f"{number:02}")
    if meeting.ended_at:
        factories.fill_register(meeting)
    return meeting


def counts(meeting: Meeting) -> Counts:
    return stats.live_counts([meeting], at=timezone.now())[meeting.pk]


def members_of(meeting: Meeting) -> dict[str, set[bytes]]:
    live = get_redis_connection("live")
    return {name: live.smembers(f"session:{meeting.public_id}:{name}") for name in ("joined", "attended")}


def right_sets(meeting: Meeting) -> dict[str, set[bytes]]:
    records = AttendanceRecord.objects.filter(meeting=meeting)
    return {
        "joined": {r.student.student_id.encode() for r in records if r.joined_at},
        "attended": {r.roll_number.encode() for r in records if r.status in ("present", "late")},
    }


def forget_verified(meeting: Meeting):
    get_redis_connection("live").delete(f"session:{meeting.public_id}:verified")


def test_first_read_fills_sets_that_were_never_written():
    meeting = make_meeting()

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == right_sets(meeting)


def test_verified_counts_take_no_query(django_assert_num_queries):
    meeting = make_meeting()
    counts(meeting)

    with django_assert_num_queries(0):
        assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)


def test_verified_lives_at_most_ten_seconds():
    meeting = make_meeting()
    counts(meeting)

    assert 6_000 < get_redis_connection("live").pttl(f"session:{meeting.public_id}:verified") <= 10_000


def test_group_of_100_meetings_is_read_without_a_query(django_assert_num_queries):
    meetings = [factories.make_meeting() for _ in range(100)]
    first = stats.live_counts(meetings, at=timezone.now())

    with django_assert_num_queries(0):
        again = stats.meeting_stats(meetings, at=timezone.now())

    assert {pk: (s.total_students, s.total_joined, s.total_present) for pk, s in again.items()} == {
        pk: (c.total, c.joined, c.present) for pk, c in first.items()
    }


def test_next_read_repairs_a_flush():
    meeting = make_meeting()
    counts(meeting)
    get_redis_connection("live").flushall()

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == right_sets(meeting)


@pytest.mark.parametrize("name", ["joined", "attended"])
def test_next_read_repairs_a_lost_set(name):
    meeting = make_meeting()
    counts(meeting)
    get_redis_connection("live").delete(f"session:{meeting.public_id}:{name}")

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == right_sets(meeting)


def test_next_read_repairs_a_lost_member():
    meeting = make_meeting()
    counts(meeting)
    get_redis_connection("live").spop(f"session:{meeting.public_id}:attended")

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == right_sets(meeting)


@pytest.mark.parametrize("extra", [b"nobody", b"\xff\xfe", b"", b"\x00", "ñ".encode(), b"x" * 5000])
def test_repair_removes_an_extra_member(extra):
    meeting = make_meeting()
    counts(meeting)
    for name in ("joined", "attended"):
        get_redis_connection("live").sadd(f"session:{meeting.public_id}:{name}", extra)
    forget_verified(meeting)

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == right_sets(meeting)


@pytest.mark.parametrize("name", ["joined", "attended", "verified", "repair"])
def test_wrong_type_at_a_key_is_replaced(name):
    meeting = make_meeting()
    key = f"session:{meeting.public_id}:{name}"
    get_redis_connection("live").lpush(key, "not a set")

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    get_redis_connection("live").delete(f"session:{meeting.public_id}:repair")
    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    if name != "repair":
        assert members_of(meeting) == right_sets(meeting)


@pytest.mark.parametrize("value", [b"", b"3", b"a,b", b"0,0,4", b"0,0,4,another server", b"0,0,4,,", b"\xff"])
def test_verified_that_is_malformed_or_of_another_server_is_not_trusted(value):
    meeting = make_meeting()
    get_redis_connection("live").set(f"session:{meeting.public_id}:verified", value)

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)


def test_reader_does_not_wait_forever_for_another_repair():
    meeting = make_meeting()
    get_redis_connection("live").set(f"session:{meeting.public_id}:repair", "1", px=3000)

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == {"joined": set(), "attended": set()}


def test_overtaken_repair_does_not_mark_sets_as_verified():
    meeting = make_meeting()
    live = get_redis_connection("live")
    live.set(f"session:{meeting.public_id}:verified", "comparing by another", px=5000)

    expected = members_in_database([meeting])[meeting.pk]
    repairing._mark_verified([compare(meeting, set(), set(), expected)], "comparing by me", server="")

    assert live.get(f"session:{meeting.public_id}:verified") == b"comparing by another"


def test_nothing_is_repaired_inside_a_transaction():
    meeting = make_meeting()

    with transaction.atomic():
        assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)

    assert members_of(meeting) == {"joined": set(), "attended": set()}


def test_rolled_back_join_is_in_no_set():
    meeting = make_meeting(joined=0)
    student = factories.students_of(meeting.section)[0]

    class Wrong(Exception):
        pass

    with pytest.raises(Wrong), transaction.atomic():  # noqa: PT012 - the whole block is rolled back
        advisory_locks.share([meeting.pk])
        entry = RosterEntry.objects.find(meeting=meeting, student=student)
        scans.write_joins([scans.NewJoin(entry, meeting, student, at=timezone.now())])
        raise Wrong

    assert counts(meeting) == Counts(0, 0, 1, Source.REDIS)
    assert members_of(meeting) == {"joined": set(), "attended": set()}


def test_mark_is_rolled_back_if_its_change_cannot_be_saved(monkeypatch):
    meeting = make_meeting(joined=0)
    (student,) = factories.students_of(meeting.section)
    at = timezone.now()
    absence = {"status": Status.ABSENT, "method": Method.END, "marked_at": at}
    AttendanceRecord.objects.create(meeting=meeting, student=student, roll_number="01", **absence)

    def fail(*_changes):
        raise DatabaseError

    monkeypatch.setattr(RecordChange.objects, "bulk_create", fail)
    with pytest.raises(DatabaseError), transaction.atomic():  # noqa: PT012 - the whole block is rolled back
        advisory_locks.share([meeting.pk])
        entry = RosterEntry.objects.find(meeting=meeting, student=student)
        scans.write_marks([scans.NewMark(entry, meeting, student, at=at, method=Method.QR)])

    assert AttendanceRecord.objects.filter(meeting=meeting, **absence).count() == 1


NAMES = ["joined", "attended", "verified", "repair"]
KEY = st.sampled_from(NAMES)
MEMBER = st.one_of(st.sampled_from([b"S001", b"01", b"02"]), st.binary(max_size=8))
DAMAGE = st.one_of(
    st.tuples(st.just("delete"), KEY),
    st.tuples(st.just("spop"), KEY),
    st.tuples(st.just("sadd"), KEY, MEMBER),
    st.tuples(st.just("srem"), KEY, MEMBER),
    st.tuples(st.just("set"), KEY, st.sampled_from([b"", b"x", b"0,0", b"9,9", b"comparing"])),
    st.tuples(st.just("lpush"), KEY, MEMBER),
    st.tuples(st.just("expire"), KEY, st.just(100)),
    st.tuples(st.just("flushdb")),
)


@pytest.fixture
def damaged_meeting():
    """One meeting for all examples: only its keys in Redis are damaged."""
    return make_meeting()


any_damages = given(damages=st.lists(DAMAGE, max_size=8))
any_losses = given(damages=st.lists(DAMAGE.filter(lambda d: d[0] not in {"sadd", "set"}), max_size=8))


@examples(40, derandomize=False)
@any_damages
def test_one_read_repairs_any_damage_to_unverified_sets(damaged_meeting, damages):
    assert_one_read_repairs(damaged_meeting, damages)


@pytest.mark.slow
@examples(300, derandomize=False)
@any_damages
def test_one_read_repairs_any_of_many_more_damages(damaged_meeting, damages):
    assert_one_read_repairs(damaged_meeting, damages)


def assert_one_read_repairs(damaged_meeting, damages):
    """Verified sets may keep an extra member for up to 10 s."""
    live = get_redis_connection("live")
    live.flushdb()
    counts(damaged_meeting)
    damage_sets(live, damaged_meeting, damages)
    live.delete(*(f"session:{damaged_meeting.public_id}:{name}" for name in ("verified", "repair")))

    assert counts(damaged_meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(damaged_meeting) == right_sets(damaged_meeting)
    assert counts(damaged_meeting) == Counts(3, 2, 4, Source.REDIS)


@examples(40, derandomize=False)
@any_losses
def test_very_next_read_is_right_after_any_loss(damaged_meeting, damages):
    assert_very_next_read_is_right(damaged_meeting, damages)


@pytest.mark.slow
@examples(300, derandomize=False)
@any_losses
def test_very_next_read_is_right_after_any_of_many_more_losses(damaged_meeting, damages):
    assert_very_next_read_is_right(damaged_meeting, damages)


def assert_very_next_read_is_right(damaged_meeting, damages):
    live = get_redis_connection("live")
    live.flushdb()
    counts(damaged_meeting)
    damage_sets(live, damaged_meeting, damages)

    assert counts(damaged_meeting) == Counts(3, 2, 4, Source.REDIS)


def damage_sets(live, meeting: Meeting, damages):
    for command, *arguments in damages:
        if arguments:
            arguments[0] = f"session:{meeting.public_id}:{arguments[0]}"
        # A command for a different type than the key's fails and does no damage.
        with contextlib.suppress(ResponseError):
            live.execute_command(command, *arguments)


# --- Expiry of the sets -----------------------------------------------------------------------------------


def test_sets_of_an_open_meeting_never_expire():
    meeting = make_meeting()
    live = get_redis_connection("live")
    counts(meeting)
    for name in ("joined", "attended"):
        live.expire(f"session:{meeting.public_id}:{name}", 100)
    forget_verified(meeting)
    counts(meeting)

    assert [live.ttl(f"session:{meeting.public_id}:{name}") for name in ("joined", "attended")] == [-1, -1]


def test_sets_of_an_ended_meeting_expire_and_the_numbers_stay():
    ended_at = timezone.now() - datetime.timedelta(hours=1)
    meeting = make_meeting(starts_at=ended_at - datetime.timedelta(hours=1), ended_at=ended_at)
    live = get_redis_connection("live")

    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    for name in ("joined", "attended"):
        assert 22 * 3600 < live.ttl(f"session:{meeting.public_id}:{name}") <= 23 * 3600

    live.flushdb()
    with time_machine.travel(ended_at + datetime.timedelta(hours=25)):
        assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
        stats.add(attended=[(meeting, "01")])
    assert members_of(meeting) == {"joined": set(), "attended": set()}


def test_sets_of_a_meeting_open_for_a_week_are_kept():
    meeting = make_meeting()
    counts(meeting)

    with time_machine.travel(timezone.now() + datetime.timedelta(days=7)):
        mark(meeting, factories.students_of(meeting.section)[3])
        forget_verified(meeting)
        assert counts(meeting) == Counts(4, 3, 4, Source.REDIS)

    live = get_redis_connection("live")
    assert [live.ttl(f"session:{meeting.public_id}:{name}") for name in ("joined", "attended")] == [-1, -1]


def test_final_stats_are_equal_before_and_after_the_sets_are_gone():
    ended_at = timezone.now()
    meeting = make_meeting(starts_at=ended_at - datetime.timedelta(hours=1), ended_at=ended_at)
    before = stats.meeting_stats([meeting], at=ended_at)[meeting.pk]
    live = get_redis_connection("live")
    for name in ("joined", "attended"):
        live.delete(f"session:{meeting.public_id}:{name}")
    forget_verified(meeting)
    later = ended_at + datetime.timedelta(hours=24)

    after = stats.meeting_stats([meeting], at=later)[meeting.pk]

    assert members_of(meeting) == {"joined": set(), "attended": set()}
    assert dataclasses.replace(after, as_of=before.as_of) == before
    assert (before.total_joined, before.total_present, before.source) == (3, 2, Source.REDIS)


def test_sets_of_deleted_meetings_are_deleted():
    meetings = [make_meeting(), make_meeting(), make_meeting()]
    stats.live_counts(meetings, at=timezone.now())
    keys = [f"session:{meeting.public_id}:*" for meeting in meetings]
    live = get_redis_connection("live")
    assert all(live.keys(key) for key in keys)

    meetings[0].delete()
    Meeting.objects.filter(pk=meetings[1].pk).delete()
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        Meeting.objects.get(pk=meetings[2].pk).delete()
        raise ZeroDivisionError

    assert [bool(live.keys(key)) for key in keys] == [False, False, True]


# --- Counts after a mark ------------------------------------------------------------------------------


def test_counts_right_after_a_mark_include_it():
    meeting = make_meeting()
    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)

    for number, expected in ((2, Counts(3, 3, 4, Source.REDIS)), (3, Counts(4, 4, 4, Source.REDIS))):
        mark(meeting, factories.students_of(meeting.section)[number])
        assert counts(meeting) == expected


# --- Redis away -------------------------------------------------------------------------------------------


def mark(meeting: Meeting, student):
    with transaction.atomic():
        advisory_locks.share([meeting.pk])
        entry = RosterEntry.objects.find(meeting=meeting, student=student)
        new = scans.NewMark(entry, meeting, student, at=timezone.now(), method=Method.QR, joins=True)
        (marked,) = scans.write_marks([new])
        return marked


def close_breaker():
    stats.breaker.succeeded()


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_without_redis_marks_succeed_and_are_counted_from_the_database(own_valkey, how):
    meeting = make_meeting(joined=1, present=1)
    newcomer = factories.students_of(meeting.section)[1]
    assert counts(meeting).source is Source.REDIS
    getattr(own_valkey, how)()

    assert mark(meeting, newcomer).created
    assert counts(meeting) == Counts(2, 2, 2, Source.DATABASE)
    assert not stats.redis_answers()

    own_valkey.resume() if how == "pause" else own_valkey.start()
    close_breaker()
    assert counts(meeting) == Counts(2, 2, 2, Source.REDIS)
    # The background thread may have tried just before the server came back.
    wait_until(lambda: not any(thread.name == failed_writes.THREAD_NAME for thread in threading.enumerate()))
    close_breaker()
    forget_verified(meeting)

    def reads_right_sets() -> bool:
        counts(meeting)
        return members_of(meeting) == right_sets(meeting)

    # A killed server may come back with the lock of a repair, which ends after three seconds.
    wait_until(reads_right_sets)


def test_verified_is_deleted_after_a_failed_write(own_valkey):
    meeting = make_meeting(joined=1, present=1)
    counts(meeting)
    verified = f"session:{meeting.public_id}:verified"
    # Without an expiry, only the process that failed to write can remove it.
    own_valkey.client().persist(verified)
    own_valkey.pause()
    mark(meeting, factories.students_of(meeting.section)[1])
    own_valkey.resume()

    wait_until(lambda: not own_valkey.client().exists(verified))


def test_redis_that_never_answers_delays_one_caller_a_second(black_hole):
    meeting = make_meeting(joined=1, present=1)
    with override_settings(CACHES=caches_with(f"redis://127.0.0.1:{black_hole}/0")):
        mark(meeting, factories.students_of(meeting.section)[1])
        asked = []
        started = time.monotonic()
        for _ in range(50):
            asked.append(stats.breaker.allows())
            assert counts(meeting) == Counts(2, 2, 2, Source.DATABASE)
        seconds = time.monotonic() - started

    # One probe a second; no other caller waits.
    assert asked.count(True) <= seconds + 1


def test_next_read_fills_a_redis_that_comes_back_empty(own_valkey):
    meeting = make_meeting()
    counts(meeting)
    own_valkey.kill()
    own_valkey.forget_data()
    own_valkey.start()
    close_breaker()

    # The first call finds a broken connection; the numbers are right all the same.
    assert counts(meeting) in (Counts(3, 2, 4, Source.REDIS), Counts(3, 2, 4, Source.DATABASE))
    close_breaker()
    assert counts(meeting) == Counts(3, 2, 4, Source.REDIS)
    assert members_of(meeting) == right_sets(meeting)


def test_callers_do_not_wait_while_the_breaker_is_open(own_valkey):
    meeting = make_meeting()
    counts(meeting)
    own_valkey.pause()
    counts(meeting)

    # Each call to the paused server would take 50 ms; the breaker lets only a probe through.
    assert stats.breaker.is_open
    assert not stats.breaker.allows()
    own_valkey.resume()
