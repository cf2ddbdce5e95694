"""Scans that were refused because the student had not joined or was not enrolled then, and that a teacher may admit."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from attendance.models import Enrolment, Method, RosterEntry
from qrsessions.models import QRSession, RefusedScan


def waiting_scans(sessions: Sequence[QRSession]) -> list[RefusedScan]:
    """The refused scans of the sessions that the teacher may still admit, the earliest first.

    ``not_enrolled_then`` is set on each: the student is not on the fixed roster, and admitting adds them to it.
    """
    # Pages poll this every two seconds and usually nobody waits: do not read the roster for that.
    if not RefusedScan.objects.filter(session__in=sessions).exists():
        return []
    refused = _waiting(sessions)
    # Also by key, so that two teachers who admit at once lock in the same order.
    return list(refused.select_related("student", "session__meeting__section").order_by("scanned_at", "pk"))


def students_waiting(sessions: Sequence[QRSession]) -> dict[int, set[int]]:
    """The primary keys of students whose scans the teacher may still admit, by that of the session."""
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
    enrolments = Enrolment.objects.filter(
        section=OuterRef("session__meeting__section"), student=OuterRef("student_id")
    )
    scans = RefusedScan.objects.filter(session__in=sessions).with_not_enrolled_then()
    can_be_added = Q(
        Exists(enrolments), not_enrolled_then=True, session__meeting__roster_fixed_at__isnull=False
    )
    return scans.filter(Q(Exists(unmarked)) | can_be_added)
