"""Joining: a student opens the session on a phone and appears on the list."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from attendance.lib.batching import Batcher
from attendance.lib.rate_limits import Limit
from attendance.lib.refusals import Refused
from attendance.models import Meeting, Student
from attendance.records.scans import Joined, NewJoin, write_joins
from attendance.stats import Stats, forget_verified_on_commit
from qrsessions.models import QRSession, SessionOrGroup, SessionStatus
from qrsessions.queries.student_places import Place, lock_places_of_all, not_enrolled
from qrsessions.refusals import ChooseSection, InGroup, JoiningLocked
from qrsessions.services.batches import Decided, decide_batch
from qrsessions.services.lifecycle import WrongState
from qrsessions.services.marking import count_again, take_seats

# A phone that retries is let through; a script is not.
JOINS = Limit("join", times=60, per_seconds=60)


@dataclass(frozen=True)
class JoinedSession:
    """The student's own session, also in a group, the join recorded there, and the counts after it."""

    session: QRSession
    joined: Joined
    stats: Stats


@dataclass(frozen=True)
class _Request:
    """A phone's request to join."""

    session_or_group: SessionOrGroup
    student: Student
    at: datetime.datetime
    section: int | None


def join(
    *, session_or_group: SessionOrGroup, student: Student, at: datetime.datetime, section: int | None = None
) -> JoinedSession:
    """Join the student to a session, or to their own session of a group. Joining twice changes nothing.

    :param section: the id of the section to join with, for a student of several sections of a group
    :raises NotEnrolled: if the student is on no roster
    :raises WrongState: if the session has ended
    :raises JoiningLocked: if joining is locked and the student had not joined
    :raises ChooseSection: if the student is in several sections of the group and named none of them
    :raises InGroup: if the session is run with a group
    :raises TooOften: if the student has tried too often
    """
    return _batches.run(_Request(session_or_group, student, at, section))


def _join_batch(requests: Sequence[_Request]) -> list[JoinedSession | Exception]:
    outcomes = decide_batch(requests, limit=JOINS, decide=_join_together)
    return [one if isinstance(one, Exception) else JoinedSession(*one) for one in outcomes]


_batches: Batcher[_Request, JoinedSession] = Batcher(_join_batch, key=lambda request: request.student.pk)


def _join_together(requests: Sequence[_Request]) -> list[Decided[Joined] | Refused]:
    locked = lock_places_of_all([(request.session_or_group, request.student) for request in requests])
    decided: list[Place | Decided[Joined] | Refused] = []
    joined_before: list[tuple[Place, Student]] = []
    for request, places in zip(requests, locked, strict=True):
        try:
            place = _place_to_join(request, places)
        except Refused as refusal:
            decided.append(refusal)
            continue
        if place.joined_at:
            decided.append((place.session, Joined(place.joined_at, created=False)))
            joined_before.append((place, request.student))
            continue
        decided.append(place)
        if len(places) > 1:
            # A mark by hand may have been counted at another place.
            forget_verified_on_commit([place.session.meeting for place in places])

    count_again(joined_before)
    chosen = [
        (place, request) for place, request in zip(decided, requests, strict=True) if isinstance(place, Place)
    ]
    take_seats((place, request.student) for place, request in chosen)
    joins = [
        NewJoin(place.entry, place.session.meeting, request.student, at=request.at)
        for place, request in chosen
    ]
    written = iter(write_joins(joins))
    return [(one.session, next(written)) if isinstance(one, Place) else one for one in decided]


def _place_to_join(request: _Request, places: list[Place]) -> Place:
    """The place where the student has joined, or may join now."""
    if not places:
        raise not_enrolled(request.session_or_group)
    session = places[0].session
    if isinstance(request.session_or_group, QRSession) and session.meeting.group:
        raise InGroup(group=session.meeting.group.public_id)
    for place in places:
        if place.joined_at:
            return place
    if session.status == SessionStatus.ENDED:
        raise WrongState(_("This session has ended."), session=session.public_id, status=session.status)
    if not session.accepts_joins:
        raise JoiningLocked(session=session.public_id)
    return _chosen(places, request.section)


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
