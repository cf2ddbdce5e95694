"""Joining: a student opens the session on the phone and is in the room's list."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance import crowds, stamps
from attendance.crowds import Counted, Joined, NewJoin
from attendance.models import Meeting, Student
from attendance.refusals import Refused
from attendance.stats import Stats, forget_verified, meeting_stats
from attendance.together import Together
from qrsessions.lifecycle import WrongState
from qrsessions.limits import JOINS
from qrsessions.models import JoinPolicy, QRSession, SessionStatus
from qrsessions.places import Place, count_again, share_all_places, take_seats
from qrsessions.sources import Source


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
    """The student's own session, also in a group, the join that stands there, and the counts after it."""

    session: QRSession
    joined: Joined
    stats: Stats


@dataclass(frozen=True)
class _Wanted:
    """What a phone asked for."""

    source: Source
    student: Student
    at: datetime.datetime
    section: int | None


async def join(
    *, source: Source, student: Student, at: datetime.datetime, section: int | None = None
) -> JoinedSession:
    """Join the student to a session, or to the own session of a group, once; a second call says so and changes nothing.

    :param section: the id of the section to join with, for a student of several sections of a group
    :raises NotEnrolled: if the student is on no roster
    :raises WrongState: if the session has ended
    :raises JoiningLocked: if joining is locked and the student had not joined
    :raises ChooseSection: if the student is in several sections of the group and named none of them
    :raises InGroup: if the session is run with a group
    :raises TooOften: if the student has tried too often
    """
    return await _joins.do(_Wanted(source, student, at, section))


def _join_all(wanted: Sequence[_Wanted]) -> list[JoinedSession | Exception]:
    """What comes of each, which are of different students."""
    refusals = JOINS.allow_each([str(one.student.pk) for one in wanted])
    allowed = [one for one, refusal in zip(wanted, refusals, strict=True) if not refusal]
    answers = iter(_join_allowed(allowed) if allowed else ())
    return [refusal or next(answers) for refusal in refusals]


def _join_allowed(wanted: Sequence[_Wanted]) -> list[JoinedSession | Exception]:
    """In one transaction, or else each in its own."""
    counted: Counted = {}
    try:
        with transaction.atomic():
            outcomes = _join_together(wanted, counted)
    except IntegrityError:
        if len(wanted) == 1:
            raise
        return [_join_allowed([one])[0] for one in wanted]
    sessions = {one[0].pk: one[0] for one in outcomes if not isinstance(one, Refused)}
    meetings = [session.meeting for session in sessions.values()]
    stats = meeting_stats(meetings, at=timezone.now(), known=counted)
    return [one if isinstance(one, Refused) else JoinedSession(*one, stats[one[0].pk]) for one in outcomes]


# The phones of a hall join at once: what arrives while a transaction runs goes into the next one, together.
_joins: Together[_Wanted, JoinedSession] = Together(_join_all, key=lambda wanted: wanted.student.pk)

# Where the student counts, and the join that stands there.
_Join = tuple[QRSession, Joined]


def _join_together(wanted: Sequence[_Wanted], counted: Counted) -> list[_Join | Refused]:
    outcomes: dict[int, _Join | Refused] = {}
    chosen: dict[int, Place] = {}
    standing: list[tuple[Place, Student]] = []
    placed = share_all_places([(one.source, one.student) for one in wanted])
    for number, (one, places) in enumerate(zip(wanted, placed, strict=True)):
        try:
            place = _place_to_join(one, places)
        except Refused as refusal:
            outcomes[number] = refusal
            continue
        if place.joined_at:
            outcomes[number] = place.session, Joined(place.joined_at, created=False)
            standing.append((place, one.student))
        else:
            chosen[number] = place
            _tell_where_it_counts(one, places)
    take_seats((place, wanted[number].student) for number, place in chosen.items())
    joins = [
        NewJoin(place.entry, place.session.meeting, wanted[number].student, at=wanted[number].at)
        for number, place in chosen.items()
    ]
    count_again(standing, counted=counted)
    made = crowds.join_all(joins, counted=counted, is_last=True)
    for (number, place), joined in zip(chosen.items(), made, strict=True):
        outcomes[number] = place.session, joined
    return [outcomes[number] for number in range(len(wanted))]


def _place_to_join(wanted: _Wanted, places: list[Place] | Refused) -> Place:
    """The place where the student has joined, or may join now."""
    if isinstance(places, Refused):
        raise places
    for place in places:
        if place.joined_at:
            return place
    session = places[0].session
    if session.status == SessionStatus.ENDED:
        raise WrongState(_("This session has ended."), session=session.public_id, status=session.status)
    if not may_join(session):
        raise JoiningLocked(session=session.public_id)
    return _chosen(places, wanted.section)


def _tell_where_it_counts(wanted: _Wanted, places: list[Place] | Refused) -> None:
    """Of several places the student, and a mark by hand, may have counted where they no longer do."""
    if isinstance(places, list) and len(places) > 1:
        meetings = [place.session.meeting for place in places]
        transaction.on_commit(lambda: forget_verified(meetings), robust=True)
        stamps.renew_on_commit([stamps.of_student(wanted.student.pk)])


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
