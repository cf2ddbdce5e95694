"""Joining: a student opens the session on the phone and is in the room's list."""

import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from attendance import locks, marking
from attendance.marking import Joined
from attendance.models import Student
from attendance.refusals import Refused
from qrsessions.lifecycle import InGroup, WrongState
from qrsessions.models import JoinPolicy, QRSession, SessionStatus


class JoiningLocked(Refused):
    code = "locked"
    detail = _(
        "Joining is locked. If you are in the room, scan the code all the same: your teacher can admit you."
    )


def join_session(*, session: QRSession, student: Student, at: datetime.datetime) -> Joined:
    """Join the student to a single session, once; a second call says so and changes nothing.

    :raises NotEnrolled: if the student is not on the roster
    :raises WrongState: if the session has ended
    :raises JoiningLocked: if joining is locked and the student had not joined
    :raises InGroup: if the session belongs to a group session
    """
    with transaction.atomic():
        locks.share([session.meeting_id])
        session = QRSession.objects.with_names().get(pk=session.pk)
        entry = marking.find_on_roster(meeting=session.meeting, student=student)
        if session.meeting.group:
            raise InGroup(group=session.meeting.group.public_id)
        if entry.record and entry.record.joined_at:
            return Joined(entry.record.joined_at, created=False)
        if session.status == SessionStatus.ENDED:
            raise WrongState(_("This session has ended."), session=session.public_id, status=session.status)
        if not may_join(session):
            raise JoiningLocked(session=session.public_id)
        return marking.join(meeting=session.meeting, student=student, at=at)


def may_join(session: QRSession) -> bool:
    """Whether somebody new may join now: before the lock, or until the end where the policy is open."""
    if session.join_policy == JoinPolicy.OPEN:
        return session.status != SessionStatus.ENDED
    return session.status == SessionStatus.CREATED
