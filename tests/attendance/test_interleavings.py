"""A repair, a mark and a mark taken back at the same moment, stopped at chosen points: no mark is lost, none returns.

Real threads on the real servers. A thread that repairs is stopped before or after one of its calls to Redis or to the
database, the other one acts meanwhile, then the repair goes on.
"""

import itertools
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection

from attendance import crowds, locks, marking, stats
from attendance.models import AttendanceRecord, Meeting, Method, Status
from attendance.stats import Source, repairing
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_redis():
    get_redis_connection("live").flushdb()
    stats.breaker.succeeded()


@pytest.fixture
def meeting():
    """Four students; the first two are marked and in no set yet, one stranger is."""
    meeting = factories.make_meeting(section=factories.make_section(students=4))
    for place, student in enumerate(factories.students_of(meeting.section)[:2], start=1):
        factories.make_record(
            meeting=meeting, student=student, status=Status.PRESENT, roll_number=f"{place:02}"
        )
    get_redis_connection("live").sadd(key(meeting, "attended"), "03")
    return meeting


def key(meeting, name):
    return f"session:{meeting.public_id}:{name}"


def mark(meeting, place):
    student = factories.students_of(meeting.section)[place]
    with transaction.atomic():
        locks.share([meeting.pk])
        entry = marking.find_on_roster(meeting=meeting, student=student)
        crowds.mark_all(
            [crowds.NewMark(entry, meeting, student, at=timezone.now(), method=Method.QR, joins=True)]
        )


def set_by_hand(meeting, place, status):
    with transaction.atomic():
        locks.share([meeting.pk])
        marking.mark_by_hand(
            meeting=meeting,
            student=factories.students_of(meeting.section)[place],
            status=status,
            by=factories.make_teacher(),
            at=timezone.now(),
        )


OTHERS = {
    "mark a new one": lambda meeting: mark(meeting, 3),
    "mark the stranger": lambda meeting: mark(meeting, 2),
    "take back one that the repair adds": lambda meeting: set_by_hand(meeting, 0, None),
    "take one back and give it again": lambda meeting: (
        set_by_hand(meeting, 0, None),
        set_by_hand(meeting, 0, Status.LATE),
    ),
    "mark the stranger and take it back": lambda meeting: (
        set_by_hand(meeting, 2, Status.PRESENT),
        set_by_hand(meeting, 2, None),
    ),
    "lose everything": lambda meeting: get_redis_connection("live").flushdb(),
}
# Each call of a repair of this meeting: the lock, the sets, the database, the difference, the database again, vouching.
CALLS = range(6)


class Pause:
    """Stops one thread around its n-th call of a function, until it is told to go on."""

    def __init__(self, *, call: int, before: bool):
        self._call = call
        self._before = before
        self._count = itertools.count()
        self.thread: threading.Thread | None = None
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def around(self, function):
        def paused(*args, **kwargs):
            if threading.current_thread() is not self.thread:
                return function(*args, **kwargs)
            here = next(self._count) == self._call
            if here and self._before:
                self._wait()
            answer = function(*args, **kwargs)
            if here and not self._before:
                self._wait()
            return answer

        return paused

    def _wait(self):
        self.reached.set()
        assert self.go_on.wait(10)


@pytest.fixture
def paused_repair(monkeypatch, meeting):
    """Starts a repair that stops there, and returns what lets it go on and waits for its end."""

    def start(*, call, before):
        pause = Pause(call=call, before=before)
        monkeypatch.setattr(repairing, "ask", pause.around(repairing.ask))
        monkeypatch.setattr(repairing, "members_in_database", pause.around(repairing.members_in_database))

        def repair():
            try:
                stats.repair([Meeting.objects.get(pk=meeting.pk)])
            finally:
                connection.close()

        pause.thread = threading.Thread(target=repair)
        pause.thread.start()
        assert pause.reached.wait(10)

        def finish():
            pause.go_on.set()
            pause.thread.join(10)

        return finish

    return start


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_whatever_happens_while_a_repair_stands_still_the_counts_are_right(
    meeting, paused_repair, other, before, call
):
    finish = paused_repair(call=call, before=before)
    OTHERS[other](meeting)
    finish()

    # The counts of the very next answer, and the sets themselves once they are vouched for.
    right = right_sets(meeting)
    found = stats.live_counts([meeting], at=timezone.now())[meeting.pk]
    assert (found.joined, found.present, found.source) == (
        len(right["joined"]),
        len(right["attended"]),
        Source.REDIS,
    )
    stats.live_counts([meeting], at=timezone.now())
    live = get_redis_connection("live")
    assert {name: {m.decode() for m in live.smembers(key(meeting, name))} for name in right} == right


def right_sets(meeting):
    records = AttendanceRecord.objects.filter(meeting=meeting).select_related("student")
    return {
        "joined": {record.student.student_id for record in records if record.joined_at},
        "attended": {record.roll_number for record in records if record.status in ("present", "late")},
    }
