"""A repair paused at each step while marks are made and removed: no mark is lost, and no removed mark returns.

Real threads on real servers. The repairing thread stops before or after one of its calls to Redis or the database,
the test acts, and the repair goes on.
"""

import itertools
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_redis import get_redis_connection

from attendance import stats
from attendance.lib import advisory_locks
from attendance.models import AttendanceRecord, Meeting, Method, RosterEntry, Status
from attendance.records import by_hand, scans
from attendance.stats import Source, repairing
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def meeting():
    """Four students. The first two are marked but in no set; the third is in the set without a mark."""
    meeting = factories.make_meeting(section=factories.make_section(students=4))
    for number, student in enumerate(factories.students_of(meeting.section)[:2], start=1):
        factories.make_record(
            meeting=meeting, student=student, status=Status.PRESENT, roll_number=f"{number:02}"
        )
    get_redis_connection("live").sadd(key(meeting, "attended"), "03")
    return meeting


def key(meeting, name):
    return f"session:{meeting.public_id}:{name}"


def mark(meeting, index):
    student = factories.students_of(meeting.section)[index]
    with transaction.atomic():
        advisory_locks.share([meeting.pk])
        entry = RosterEntry.objects.find(meeting=meeting, student=student)
        scans.write_marks(
            [scans.NewMark(entry, meeting, student, at=timezone.now(), method=Method.QR, joins=True)]
        )


def set_by_hand(meeting, index, status):
    with transaction.atomic():
        advisory_locks.share([meeting.pk])
        by_hand.mark_by_hand(
            meeting=meeting,
            student=factories.students_of(meeting.section)[index],
            status=status,
            by=factories.make_teacher(),
            at=timezone.now(),
        )


OTHERS = {
    "mark another student": lambda meeting: mark(meeting, 3),
    "mark the extra member": lambda meeting: mark(meeting, 2),
    "remove a mark that the repair adds": lambda meeting: set_by_hand(meeting, 0, None),
    "remove a mark and make it again": lambda meeting: (
        set_by_hand(meeting, 0, None),
        set_by_hand(meeting, 0, Status.LATE),
    ),
    "mark the extra member and remove the mark": lambda meeting: (
        set_by_hand(meeting, 2, Status.PRESENT),
        set_by_hand(meeting, 2, None),
    ),
    "lose everything": lambda meeting: get_redis_connection("live").flushdb(),
}
# The calls of a repair: lock, read sets, read database, write difference, read database again, write ``verified``.
CALLS = range(6)


class Pause:
    """Stops one thread around its n-th call of a function, until it may go on."""

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
    """Start a repair that pauses there; return a function that resumes it and waits for its end."""

    def start(*, call, before):
        pause = Pause(call=call, before=before)
        monkeypatch.setattr(repairing, "send_commands", pause.around(repairing.send_commands))
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
def test_counts_are_right_whatever_happens_while_a_repair_is_paused(
    meeting, paused_repair, other, before, call
):
    finish = paused_repair(call=call, before=before)
    OTHERS[other](meeting)
    finish()

    # The very next counts must be right, and so must the sets once they are verified.
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
