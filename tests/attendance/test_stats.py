"""The live counts: sets that heal when they are read, and numbers that are right without Redis."""

import datetime
import random

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from django_redis import get_redis_connection

from attendance import locks, marking, stats
from attendance.models import AttendanceRecord, Meeting, Method, Status
from attendance.stats import Counts, Source
from tests import factories
from tests.valkeys import OwnValkey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_redis():
    get_redis_connection("live").flushdb()
    stats.breaker.succeeded()
    yield
    stats.breaker.succeeded()


@pytest.fixture
def own_valkey(settings):
    valkey = OwnValkey()
    settings.CACHES = valkey.caches()
    yield valkey
    valkey.close()


def make_meeting(*, joined: int = 3, present: int = 2, **fields) -> Meeting:
    """A meeting whose records are in the database and in no set."""
    meeting = factories.make_meeting(section=factories.make_section(students=joined + 1), **fields)
    for place, student in enumerate(factories.students_of(meeting.section)[:joined], start=1):
        status = Status.PRESENT if place <= present else None
        factories.make_record(meeting=meeting, student=student, status=status, roll_number=f"{place:02}")
    return meeting


def counts(meeting: Meeting) -> Counts:
    return stats.live_counts([meeting], at=timezone.now())[meeting.pk]


def redis_keys(meeting: Meeting) -> dict[str, set[bytes]]:
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


def test_sets_that_were_never_written_are_right_at_the_first_read_and_filled():
    meeting = make_meeting()

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


def test_verified_counts_take_no_query(django_assert_num_queries):
    meeting = make_meeting()
    counts(meeting)

    with django_assert_num_queries(0):
        assert counts(meeting) == Counts(3, 2, Source.REDIS)


def test_verified_lives_at_most_ten_seconds():
    meeting = make_meeting()
    counts(meeting)

    assert 6_000 < get_redis_connection("live").pttl(f"session:{meeting.public_id}:verified") <= 10_000


def test_group_of_100_meetings_is_read_in_one_query_and_no_more(django_assert_num_queries):
    meetings = [factories.make_meeting() for _ in range(100)]
    first = stats.live_counts(meetings, at=timezone.now())

    with django_assert_num_queries(1):  # the totals
        again = stats.meeting_stats(meetings, at=timezone.now())

    assert {pk: (s.total_joined, s.total_present) for pk, s in again.items()} == {
        pk: (c.joined, c.present) for pk, c in first.items()
    }


def test_flush_is_healed_by_the_next_read():
    meeting = make_meeting()
    counts(meeting)
    get_redis_connection("live").flushall()

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


@pytest.mark.parametrize("name", ["joined", "attended"])
def test_lost_set_is_healed_by_the_next_read(name):
    meeting = make_meeting()
    counts(meeting)
    get_redis_connection("live").delete(f"session:{meeting.public_id}:{name}")

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


def test_lost_member_is_healed_by_the_next_read():
    meeting = make_meeting()
    counts(meeting)
    get_redis_connection("live").spop(f"session:{meeting.public_id}:attended")

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


@pytest.mark.parametrize("stranger", [b"nobody", b"\xff\xfe", b"", b"\x00", "ñ".encode(), b"x" * 5000])
def test_stranger_in_a_set_is_removed_when_the_sets_are_compared(stranger):
    meeting = make_meeting()
    counts(meeting)
    for name in ("joined", "attended"):
        get_redis_connection("live").sadd(f"session:{meeting.public_id}:{name}", stranger)
    forget_verified(meeting)

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


@pytest.mark.parametrize("name", ["joined", "attended", "verified", "repair"])
def test_wrong_type_at_a_key_is_replaced(name):
    meeting = make_meeting()
    key = f"session:{meeting.public_id}:{name}"
    get_redis_connection("live").lpush(key, "not a set")

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    get_redis_connection("live").delete(f"session:{meeting.public_id}:repair")
    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    if name != "repair":
        assert redis_keys(meeting) == right_sets(meeting)


@pytest.mark.parametrize("value", [b"", b"3", b"a,b", b"1,2,3", b"\xff"])
def test_nonsense_does_not_vouch(value):
    meeting = make_meeting()
    get_redis_connection("live").set(f"session:{meeting.public_id}:verified", value)

    assert counts(meeting) == Counts(3, 2, Source.REDIS)


def test_only_one_caller_repairs_and_the_others_answer_from_the_database():
    meeting = make_meeting()
    get_redis_connection("live").set(f"session:{meeting.public_id}:repair", "1", px=3000)

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == {"joined": set(), "attended": set()}


def test_repair_that_was_overtaken_does_not_vouch():
    meeting = make_meeting()
    live = get_redis_connection("live")
    live.set(f"session:{meeting.public_id}:verified", "comparing by another", px=5000)

    stats._repair_one(
        meeting,
        set(),
        set(),
        stats._members_in_database([meeting])[meeting.pk],
        "comparing by me",
    )

    assert live.get(f"session:{meeting.public_id}:verified") == b"comparing by another"


def test_nothing_is_repaired_inside_a_transaction():
    meeting = make_meeting()

    with transaction.atomic():
        assert counts(meeting) == Counts(3, 2, Source.REDIS)

    assert redis_keys(meeting) == {"joined": set(), "attended": set()}


def test_mark_that_is_rolled_back_is_in_no_set():
    meeting = make_meeting(joined=0)
    student = factories.students_of(meeting.section)[0]

    class Wrong(Exception):
        pass

    with pytest.raises(Wrong), transaction.atomic():  # noqa: PT012 - it is the block that is rolled back
        locks.share([meeting.pk])
        marking.join(meeting=meeting, student=student, at=timezone.now())
        raise Wrong

    assert counts(meeting) == Counts(0, 0, Source.REDIS)
    assert redis_keys(meeting) == {"joined": set(), "attended": set()}


@pytest.mark.parametrize("seed", range(20))
def test_any_damage_is_right_after_one_read_and_the_sets_after_the_next_comparison(seed):
    chance = random.Random(seed)
    meeting = make_meeting(joined=chance.randint(0, 6), present=chance.randint(0, 4))
    live = get_redis_connection("live")
    counts(meeting)
    for _ in range(chance.randint(1, 5)):
        key = f"session:{meeting.public_id}:{chance.choice(['joined', 'attended', 'verified'])}"
        damage = chance.choice(["del", "spop", "set", "flush"])
        if damage == "del":
            live.delete(key)
        elif damage == "spop" and live.type(key) == b"set":
            live.spop(key)
        elif damage == "set":
            live.set(key, "x")
        elif damage == "flush":
            live.flushdb()

    right = {name: len(members) for name, members in right_sets(meeting).items()}
    assert counts(meeting) == Counts(right["joined"], right["attended"], Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


# --- How long sets live -----------------------------------------------------------------------------------


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

    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    for name in ("joined", "attended"):
        assert 22 * 3600 < live.ttl(f"session:{meeting.public_id}:{name}") <= 23 * 3600

    live.flushdb()
    with time_machine.travel(ended_at + datetime.timedelta(hours=25)):
        assert counts(meeting) == Counts(3, 2, Source.REDIS)
        stats.add_attended(meeting, ["01"])
    assert redis_keys(meeting) == {"joined": set(), "attended": set()}


# --- Redis away -------------------------------------------------------------------------------------------


def mark(meeting: Meeting, student):
    with transaction.atomic():
        locks.share([meeting.pk])
        entry = marking.find_on_roster(meeting=meeting, student=student)
        return marking.mark_present(
            entry=entry, meeting=meeting, student=student, at=timezone.now(), method=Method.QR, joins=True
        )


def close_breaker():
    stats.breaker.succeeded()


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_without_redis_marks_succeed_and_are_counted_from_the_database(own_valkey, how):
    meeting = make_meeting(joined=1, present=1)
    newcomer = factories.students_of(meeting.section)[1]
    assert counts(meeting).source is Source.REDIS
    getattr(own_valkey, how)()

    assert mark(meeting, newcomer).created
    assert counts(meeting) == Counts(2, 2, Source.DATABASE)
    assert not stats.redis_answers()

    own_valkey.resume() if how == "pause" else own_valkey.start()
    close_breaker()
    assert counts(meeting) == Counts(2, 2, Source.REDIS)
    forget_and_compare(own_valkey, meeting)


def forget_and_compare(valkey: OwnValkey, meeting: Meeting):
    forget_verified(meeting)
    counts(meeting)
    assert redis_keys(meeting) == right_sets(meeting)


def test_redis_that_comes_back_empty_is_filled_by_the_next_read(own_valkey):
    meeting = make_meeting()
    counts(meeting)
    own_valkey.kill()
    own_valkey.forget_data()
    own_valkey.start()
    close_breaker()

    # The first call finds the connection broken; nobody waits, and the numbers are right.
    assert counts(meeting) in (Counts(3, 2, Source.REDIS), Counts(3, 2, Source.DATABASE))
    close_breaker()
    assert counts(meeting) == Counts(3, 2, Source.REDIS)
    assert redis_keys(meeting) == right_sets(meeting)


def test_open_breaker_keeps_callers_from_waiting(own_valkey):
    meeting = make_meeting()
    counts(meeting)
    own_valkey.pause()
    counts(meeting)

    # Paused, it would be asked for 50 ms each time; the breaker lets nobody but a probe ask.
    assert stats.breaker.is_open
    assert not stats.breaker.allows()
    own_valkey.resume()


@pytest.mark.parametrize(
    ("part", "total", "expected"),
    [
        (0, 0, 0.0),
        (1, 1, 100.0),
        (1, 3, 33.3),
        (2, 3, 66.7),
        (1, 8, 12.5),
        (1, 2000, 0.1),
        (1, 16, 6.3),
        (5, 0, 0.0),
    ],
)
def test_percentage_is_rounded_half_up(part, total, expected):
    assert stats.percentage(part, total) == expected
