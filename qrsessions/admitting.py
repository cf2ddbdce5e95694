"""Scans that were refused for want of a join: the teacher sees them, and admits one or all."""

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from attendance import locks
from attendance.models import Meeting, Method, RosterEntry, User
from qrsessions.models import QRSession, RefusedScan
from qrsessions.places import mark_places, share_places, source_of


def waiting_scans(sessions: Sequence[QRSession]) -> list[RefusedScan]:
    """The refused scans of the sessions that the teacher may still admit, the earliest first."""
    unmarked = RosterEntry.objects.filter(
        Q(record__status=None) | Q(record__method=Method.END),
        meeting=OuterRef("session_id"),
        student=OuterRef("student_id"),
    )
    refused = RefusedScan.objects.filter(Exists(unmarked), session__in=sessions)
    # By the key, too: two teachers who admit at once go through them in the same order.
    return list(refused.select_related("student", "session__meeting__section").order_by("scanned_at", "pk"))


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
        admitted = 0
        for scan in waiting_scans(sessions):
            if student_ids is None or scan.student.student_id in student_ids:
                places = share_places(source=source_of(scan.session), student=scan.student)
                marked = mark_places(
                    places,
                    scan.student,
                    at=scan.scanned_at,
                    method=Method(scan.method),
                    joins=True,
                    replaces_end=True,
                    admitted_by=(by, at),
                )
                admitted += marked.created
                scan.delete()
    return admitted
