"""Where a student belongs: in a session, or in which sessions of a group session."""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from attendance import crowds, locks
from attendance.crowds import Counted, Marked, NewMark
from attendance.models import ATTENDED, Course, GroupSeat, Method, RosterEntry, Student, User
from attendance.refusals import NotEnrolled, Refused
from qrsessions.lifecycle import InGroup
from qrsessions.models import GroupSession, QRSession
from qrsessions.place_rows import entries_in, sessions_of, share
from qrsessions.sources import Source


@dataclass(frozen=True)
class Place:
    """A session on whose roster the student is, and the entry there."""

    session: QRSession
    entry: RosterEntry

    @property
    def joined_at(self) -> datetime.datetime | None:
        return self.entry.record.joined_at if self.entry.record else None


def share_places(*, source: Source, student: Student) -> list[Place]:
    """Share the locks of the student's sessions until the transaction ends, and read how they stand then.

    :returns: the place where the student counts, then in a group the others
    :raises NotEnrolled: if the student is on no roster of them
    :raises InGroup: if the session is run with a group
    """
    (places,) = share_all_places([(source, student)])
    if isinstance(places, Refused):
        raise places
    return places


def share_all_places(asked: Sequence[tuple[Source, Student]]) -> list[list[Place] | Refused]:
    """As ``share_places`` for several students, each of whom comes once; a few statements, however many they are."""
    meetings = list({source.meeting_id for source, _student in asked if isinstance(source, QRSession)})
    groups = list({source.group_id for source, _student in asked if isinstance(source, GroupSession)})
    students = [student.pk for _source, student in asked]
    entries: list[RosterEntry] = []
    by_meeting: dict[int, QRSession] = {}
    if meetings:
        entries, by_meeting = share(meetings, students=students)
    if groups:
        in_groups = _share_groups(students, groups)
        by_meeting |= sessions_of({entry.meeting_id for entry in in_groups})
        entries += in_groups
    places: dict[int, list[Place]] = {pk: [] for pk in students}
    for entry in entries:
        places[entry.student_id].append(Place(by_meeting[entry.meeting_id], entry))
    return [_of_source(source, places[student.pk]) for source, student in asked]


def _share_groups(students: list[int], groups: list[int]) -> list[RosterEntry]:
    """Share the locks of all meetings of the groups that have one of the students, and read the entries after that."""
    locked: set[int] = set()
    entries = entries_in(groups, students=students)
    # Until all that is read was locked before: a section may have been added meanwhile.
    while missing := {entry.meeting_id for entry in entries} - locked:
        locks.share(missing)
        locked |= missing
        of_students = Counter(entry.student_id for entry in entries)
        # Two phones of one student must not choose different sections.
        locks.hold_students(pk for pk, places in of_students.items() if places > 1)
        entries = entries_in(groups, students=students)
    return entries


def _of_source(source: Source, places: list[Place]) -> list[Place] | Refused:
    """Those of the student's places that belong to the session or group that was asked for."""
    if isinstance(source, QRSession):
        places = [place for place in places if place.session.pk == source.pk]
    else:
        places = [place for place in places if place.session.meeting.group_id == source.group_id]
    if not places:
        return _not_enrolled(source)
    if isinstance(source, QRSession) and (group := places[0].session.meeting.group):
        return InGroup(group=group.public_id)
    return sorted(places, key=lambda place: (not place.entry.counts, place.session.meeting.section_id))


def _not_enrolled(source: Source) -> NotEnrolled:
    if isinstance(source, QRSession):
        return NotEnrolled()
    courses = Course.objects.filter(sections__meetings__group=source.group_id).distinct()
    return NotEnrolled(
        # Said in the language of the student, who is not who asks here.
        format_lazy(
            _("You are in no section of this class ({courses}). Ask your teacher to enrol you."),
            courses=", ".join(courses.values_list("code", flat=True)),
        )
    )


def take_seats(seats: Iterable[tuple[Place, Student]]) -> None:
    """Make each student of a group count at this place, and nowhere else, whatever is enrolled later."""
    taken = [
        GroupSeat(group=place.session.meeting.group, student=student, meeting=place.session.meeting)
        for place, student in seats
        if place.session.meeting.group
    ]
    if taken:
        GroupSeat.objects.bulk_create(
            sorted(taken, key=lambda seat: (seat.group_id, seat.student_id)),
            update_conflicts=True,
            unique_fields=["group", "student"],
            update_fields=["meeting"],
        )


@dataclass(frozen=True)
class PlacedMark:
    """A mark of a student at all places, as ``share_places`` gave them. ``joins``: at the first place it joins, too."""

    places: Sequence[Place]
    student: Student
    at: datetime.datetime
    method: Method
    joins: bool
    claim_nonce: str | None = None
    device: str = ""
    admitted_by: tuple[User, datetime.datetime] | None = None

    def at_each_place(self) -> list[NewMark]:
        own = self.places[0]
        return [
            NewMark(
                entry=place.entry,
                meeting=place.session.meeting,
                student=self.student,
                at=self.at,
                method=self.method,
                # Each register follows the rule of its own section.
                late_from=place.session.late_from,
                joins=self.joins and place is own,
                # It works once, so it stands on one record.
                claim_nonce=self.claim_nonce if place is own else None,
                device=self.device,
                admitted_by=self.admitted_by,
            )
            for place in self.places
        ]


def mark_places(
    marks: Sequence[PlacedMark], *, counted: Counted | None = None, is_last: bool = False
) -> list[Marked]:
    """Mark students at every one of their places, so that no register calls absent who sat in the hall.

    :param counted: as of ``crowds``
    :param is_last: as of ``crowds.mark_all``
    :returns: the marks that stand at each first place, where the student counts
    """
    take_seats((mark.places[0], mark.student) for mark in marks if mark.joins)
    each = [mark.at_each_place() for mark in marks]
    marked = crowds.mark_all(
        [mark for at_places in each for mark in at_places], counted=counted, is_last=is_last
    )
    firsts = accumulate((len(at_places) for at_places in each), initial=0)
    return [marked[first] for first, _at_places in zip(firsts, each, strict=False)]


def count_again(places: Iterable[tuple[Place, Student]], *, counted: Counted) -> None:
    """Put students whose join or mark stands at these places into the live sets, should they not be there.

    :param counted: as of ``crowds``
    """
    standing = [
        (place.session.meeting, place.entry.record, student)
        for place, student in places
        if place.entry.counts and place.entry.record
    ]
    crowds.add_on_commit(
        counted,
        joined=[(meeting, student.student_id) for meeting, record, student in standing if record.joined_at],
        attended=[
            (meeting, record.roll_number)
            for meeting, record, _student in standing
            if record.status in ATTENDED
        ],
    )
