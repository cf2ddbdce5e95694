"""Where a student belongs: in a session, or in which sessions of a group session."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from attendance import locks, marking
from attendance.marking import Marked
from attendance.models import Course, GroupSeat, Method, RosterEntry, Student, User
from attendance.refusals import NotEnrolled
from qrsessions.lifecycle import InGroup
from qrsessions.models import GroupSession, QRSession


@dataclass(frozen=True)
class Place:
    """A session on whose roster the student is, and the entry there."""

    session: QRSession
    entry: RosterEntry

    @property
    def joined_at(self) -> datetime.datetime | None:
        return self.entry.record.joined_at if self.entry.record else None


def source_of(session: QRSession) -> QRSession | GroupSession:
    """What the session is run as: itself, or the group session that it belongs to."""
    if session.meeting.group_id is None:
        return session
    return GroupSession.objects.with_names().get(group=session.meeting.group_id)


def share_places(*, source: QRSession | GroupSession, student: Student) -> list[Place]:
    """Share the locks of the student's sessions until the transaction ends, and read how they stand then.

    :returns: the place where the student counts, then in a group the others
    :raises NotEnrolled: if the student is on no roster of them
    :raises InGroup: if the session is run with a group
    """
    mine = RosterEntry.objects.filter(student=student).select_related("record")
    if isinstance(source, GroupSession):
        entries: dict[int, RosterEntry] = {}
        locked: set[int] = set()
        # Until all that is read was locked before: a section may have been added meanwhile.
        while (
            missing := (
                entries := {entry.meeting_id: entry for entry in mine.filter(meeting__group=source.group_id)}
            ).keys()
            - locked
        ):
            locks.share(missing)
            locked |= missing
            if len(entries) > 1:
                # Two phones of one student must not choose different sections.
                locks.hold_student(student.pk)
    else:
        locks.share([source.meeting_id])
        entries = {entry.meeting_id: entry for entry in mine.filter(meeting=source.meeting_id)}
    sessions = QRSession.objects.filter(pk__in=entries).with_names()
    places = [Place(session, entries[session.pk]) for session in sessions]
    if not places:
        raise _not_enrolled(source)
    if isinstance(source, QRSession) and (group := places[0].session.meeting.group):
        raise InGroup(group=group.public_id)
    return sorted(places, key=lambda place: (not place.entry.counts, place.session.meeting.section_id))


def _not_enrolled(source: QRSession | GroupSession) -> NotEnrolled:
    if isinstance(source, QRSession):
        return NotEnrolled()
    courses = Course.objects.filter(sections__meetings__group=source.group_id).distinct()
    return NotEnrolled(
        _("You are in no section of this class (%(courses)s). Ask your teacher to enrol you.")
        % {"courses": ", ".join(courses.values_list("code", flat=True))}
    )


def take_seat(place: Place, student: Student) -> None:
    """Make the student of a group count at this place, and nowhere else, whatever is enrolled later."""
    if place.session.meeting.group_id:
        GroupSeat.objects.update_or_create(
            group_id=place.session.meeting.group_id,
            student=student,
            defaults={"meeting": place.session.meeting},
        )


def mark_places(
    places: Sequence[Place],
    student: Student,
    *,
    at: datetime.datetime,
    method: Method,
    joins: bool,
    replaces_end: bool,
    claim_nonce: str | None = None,
    admitted_by: tuple[User, datetime.datetime] | None = None,
) -> Marked:
    """Mark the student at every place, so that no register calls absent who sat in the hall.

    :param places: as ``share_places`` gave them
    :param joins: the mark joins at the first place, too
    :returns: the mark that stands at the first place, where the student counts
    """
    own = places[0]
    if joins:
        take_seat(own, student)
    marks = [
        marking.mark_present(
            entry=place.entry,
            meeting=place.session.meeting,
            student=student,
            at=at,
            method=method,
            joins=joins and place is own,
            replaces_end=replaces_end,
            # It works once, so it stands on one record.
            claim_nonce=claim_nonce if place is own else None,
            admitted_by=admitted_by,
        )
        for place in places
    ]
    return marks[0]
