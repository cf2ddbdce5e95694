"""Scans that were refused for want of a join: the teacher sees them, and admits one or all."""

import datetime
from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from attendance import locks
from attendance.models import Meeting, Method, RosterEntry, User
from qrsessions import events
from qrsessions.models import Action, QRSession, RefusedScan
from qrsessions.places import PlacedMark, mark_places, share_places
from qrsessions.sources import source_of


def waiting_scans(sessions: Sequence[QRSession]) -> list[RefusedScan]:
    """The refused scans of the sessions that the teacher may still admit, the earliest first."""
    # Nearly always nobody waits, and pages ask every two seconds: the roster is not read for that.
    if not RefusedScan.objects.filter(session__in=sessions).exists():
        return []
    refused = _waiting(sessions)
    # By the key, too: two teachers who admit at once go through them in the same order.
    return list(refused.select_related("student", "session__meeting__section").order_by("scanned_at", "pk"))


def students_waiting(sessions: Sequence[QRSession]) -> dict[int, set[int]]:
    """By the primary key of a session, the students whose scans the teacher may still admit."""
    found: dict[int, set[int]] = {}
    for session, student in _waiting(sessions).values_list("session_id", "student_id"):
        found.setdefault(session, set()).add(student)
    return found


def _waiting(sessions: Sequence[QRSession]) -> QuerySet[RefusedScan]:
    unmarked = RosterEntry.objects.filter(
        Q(record__status=None) | Q(record__method=Method.END),
        meeting=OuterRef("session_id"),
        student=OuterRef("student_id"),
    )
    return RefusedScan.objects.filter(Exists(unmarked), session__in=sessions)


def admit(
    *, sessions: Sequence[QRSession], student_ids: list[str] | None, by: User, at: datetime.datetime
) -> int:
    """Join and mark the students whose scans were refused, with the moment of each scan; kept as the teacher's change.

    :param sessions: one session, or all of a group
    :param student_ids: whom to admit, or ``None`` for all
    :returns: how many were marked
    """
    with transaction.atomic():
        shown = [session.meeting_id for session in sessions]
        # With all that the students' places may lie in, so that the locks are taken in one order.
        with_groups = Meeting.objects.filter(Q(pk__in=shown) | Q(group__meetings__in=shown))
        locks.share(with_groups.values_list("pk", flat=True).distinct())
        scans = [
            scan
            for scan in waiting_scans(sessions)
            if student_ids is None or scan.student.student_id in student_ids
        ]
        admitted: Counter[QRSession] = Counter()
        # In a group, a student may have been refused in several sections: each scan finds what the one before it did.
        for scan in scans:
            places = share_places(source=source_of(scan.session), student=scan.student)
            (marked,) = mark_places(
                [
                    PlacedMark(
                        places,
                        scan.student,
                        at=scan.scanned_at,
                        method=Method(scan.method),
                        device=scan.device,
                        joins=True,
                        admitted_by=(by, at),
                    )
                ]
            )
            admitted[scan.session] += marked.created
            scan.delete()
        for session, number in admitted.items():
            if number:
                events.record(session=session, action=Action.ADMIT, by=by, at=at, detail=str(number))
    return admitted.total()
