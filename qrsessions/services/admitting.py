"""Admitting students whose scans were refused because they had not joined or were not enrolled then."""

import datetime
from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from attendance.lib import advisory_locks
from attendance.models import Meeting, Method, User
from attendance.records.fixed_rosters import add_student
from attendance.records.locks import check_not_locked
from qrsessions.models import Action, QRSession
from qrsessions.queries.access import TeachersOnly
from qrsessions.queries.student_places import lock_places
from qrsessions.queries.waiting_scans import waiting_scans
from qrsessions.services import audit_log
from qrsessions.services.marking import MarkAtPlaces, seal_marks, write_marks_at_places


def admit(
    *,
    sessions: Sequence[QRSession],
    student_ids: list[str] | None,
    by: User,
    at: datetime.datetime,
    may_add: bool = True,
) -> int:
    """Join and mark the students whose scans were refused, at the time of each scan; recorded as the teacher's change.

    Students who are not on a fixed roster are added to it first.

    :param sessions: one session, or all of a group
    :param student_ids: the students to admit, or ``None`` for all
    :param may_add: whether ``by`` may add students to a fixed roster; otherwise "all" leaves them waiting
    :returns: the number of students marked
    :raises TeachersOnly: if a student who is named is not on the fixed roster, and ``by`` may not add anybody
    :raises RegisterLocked: if a student would be marked in a register that is locked
    """
    with transaction.atomic():
        shown = [session.meeting_id for session in sessions]
        # Lock every meeting where the students may have a place now, so that all locks are taken in one order.
        with_groups = Meeting.objects.filter(Q(pk__in=shown) | Q(group__meetings__in=shown))
        advisory_locks.share(with_groups.values_list("pk", flat=True).distinct())
        scans = [
            scan
            for scan in waiting_scans(sessions)
            if student_ids is None or scan.student.student_id in student_ids
        ]
        if not may_add:
            if student_ids is not None and any(scan.not_enrolled_then for scan in scans):
                raise TeachersOnly
            scans = [scan for scan in scans if not scan.not_enrolled_then]
        admitted: Counter[QRSession] = Counter()
        marks = []
        # One by one: in a group a student may have been refused in several sections.
        for scan in scans:
            if scan.not_enrolled_then:
                add_student(meeting=scan.session.meeting, student=scan.student)
            places = lock_places(session_or_group=scan.session.run_as, student=scan.student)
            check_not_locked([place.session.meeting_id for place in places], at=at)
            mark = MarkAtPlaces(
                places,
                scan.student,
                at=scan.scanned_at,
                method=Method(scan.method),
                device=scan.device,
                by_program=scan.by_program,
                joins=True,
                admitted_by=(by, at),
            )
            (marked,) = write_marks_at_places([mark])
            marks.append(mark)
            admitted[scan.session] += marked.created
            scan.delete()
        for session, number in admitted.items():
            if number:
                audit_log.record(session=session, action=Action.ADMIT, by=by, at=at, detail=str(number))
        seal_marks(marks, at=at)
    return admitted.total()
