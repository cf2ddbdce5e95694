"""Writing a student's mark at every place where the student belongs, and the seat where they count."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from attendance.models import ATTENDED, GroupSeat, Method, Student, User
from attendance.records.scans import Marked, NewMark, add_to_sets_on_commit, write_marks
from attendance.records.seals import seal
from qrsessions.queries.student_places import Place


@dataclass(frozen=True)
class MarkAtPlaces:
    """A mark of a student at all of their places, in the order of ``lock_places``.

    :param joins: join the student at the first place as well
    """

    places: Sequence[Place]
    student: Student
    at: datetime.datetime
    method: Method
    joins: bool
    device: str = ""
    by_program: bool = False
    admitted_by: tuple[User, datetime.datetime] | None = None

    def at_each_place(self) -> list[NewMark]:
        first = self.places[0]
        return [
            NewMark(
                entry=place.entry,
                meeting=place.session.meeting,
                student=self.student,
                at=self.at,
                method=self.method,
                # Each register follows the rule of its own section.
                late_from=place.session.late_from,
                joins=self.joins and place is first,
                device=self.device,
                by_program=self.by_program,
                admitted_by=self.admitted_by,
            )
            for place in self.places
        ]


def write_marks_at_places(marks: Sequence[MarkAtPlaces]) -> list[Marked]:
    """Mark each student at every one of their places, so that no register calls absent a student who was in the hall.

    :returns: the mark at each student's first place, where the student counts
    """
    take_seats((mark.places[0], mark.student) for mark in marks if mark.joins)
    marks_of_each = [mark.at_each_place() for mark in marks]
    written = write_marks([mark for each in marks_of_each for mark in each])
    firsts = accumulate((len(each) for each in marks_of_each), initial=0)
    return [written[first] for first, _each in zip(firsts, marks_of_each, strict=False)]


def seal_marks(marks: Iterable[MarkAtPlaces], *, at: datetime.datetime) -> None:
    """Seal those of the marks that were written into registers that have ended. Call it last in the transaction."""
    late = [(place.session.meeting, mark.student.pk) for mark in marks for place in mark.places]
    late = [(meeting, student) for meeting, student in late if meeting.ended_at]
    seal({meeting for meeting, _student in late}, at=at, students={student for _meeting, student in late})


def take_seats(seats: Iterable[tuple[Place, Student]]) -> None:
    """Make each student of a group count at this place and nowhere else, whatever is enrolled later."""
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


def count_again(places: Iterable[tuple[Place, Student]]) -> None:
    """Add students who have joined or are marked at these places to the live sets, in case nobody did."""
    standing = [
        (place.session.meeting, place.entry.record, student)
        for place, student in places
        if place.entry.counts and place.entry.record
    ]
    add_to_sets_on_commit(
        joined=[(meeting, student.student_id) for meeting, record, student in standing if record.joined_at],
        attended=[
            (meeting, record.roll_number)
            for meeting, record, _student in standing
            if record.status in ATTENDED
        ],
    )
