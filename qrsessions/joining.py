"""Joining: a student opens the session on the phone and is in the room's list."""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from attendance import marking, stamps, stats
from attendance.marking import Joined
from attendance.models import Meeting, Student
from attendance.refusals import Refused
from qrsessions.lifecycle import WrongState
from qrsessions.models import GroupSession, JoinPolicy, QRSession, SessionStatus
from qrsessions.places import Place, share_places, take_seats


class JoiningLocked(Refused):
    code = "locked"
    detail = _(
        "Joining is locked. If you are in the room, scan the code all the same: your teacher can admit you."
    )


class ChooseSection(Refused):
    """``extra["choices"]`` are the student's sections in the group: ``[{section, course, name}]``."""

    code = "choose_section"
    detail = _("You are in several sections of this class. Choose the one that you attend with.")


@dataclass(frozen=True)
class JoinedSession:
    """The student's own session, also in a group, and the join that stands there."""

    session: QRSession
    joined: Joined


def join(
    *, source: QRSession | GroupSession, student: Student, at: datetime.datetime, section: int | None = None
) -> JoinedSession:
    """Join the student to a session, or to the own session of a group, once; a second call says so and changes nothing.

    :param section: the id of the section to join with, for a student of several sections of a group
    :raises NotEnrolled: if the student is on no roster
    :raises WrongState: if the session has ended
    :raises JoiningLocked: if joining is locked and the student had not joined
    :raises ChooseSection: if the student is in several sections of the group and named none of them
    :raises InGroup: if the session is run with a group
    """
    with transaction.atomic():
        places = share_places(source=source, student=student)
        for place in places:
            if place.joined_at:
                return JoinedSession(place.session, Joined(place.joined_at, created=False))
        session = places[0].session
        if session.status == SessionStatus.ENDED:
            raise WrongState(_("This session has ended."), session=session.public_id, status=session.status)
        if not may_join(session):
            raise JoiningLocked(session=session.public_id)
        chosen = _chosen(places, section)
        take_seats([(chosen, student)])
        joined = marking.join(meeting=chosen.session.meeting, student=student, at=at)
        if len(places) > 1:
            # The student, and a mark by hand, may have counted where they no longer do.
            meetings = [place.session.meeting for place in places]
            transaction.on_commit(lambda: stats.forget_verified(meetings), robust=True)
            stamps.renew_on_commit([stamps.of_student(student.pk)])
        return JoinedSession(chosen.session, joined)


def may_join(session: QRSession) -> bool:
    """Whether somebody new may join now: before the lock, or until the end where the policy is open."""
    if session.join_policy == JoinPolicy.OPEN:
        return session.status != SessionStatus.ENDED
    return session.status == SessionStatus.CREATED


def _chosen(places: list[Place], section: int | None) -> Place:
    if len(places) == 1:
        return places[0]
    for place in places:
        if place.session.meeting.section_id == section:
            return place
    raise ChooseSection(choices=[_choice(place.session.meeting) for place in places])


def _choice(meeting: Meeting) -> dict[str, object]:
    section = meeting.section
    return {"section": section.pk, "course": section.course.code, "name": section.name}
