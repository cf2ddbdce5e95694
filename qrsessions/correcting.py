"""The register of a session as its teacher reads and corrects it."""

import datetime
from collections.abc import Sequence

from django.db import transaction

from attendance import marking
from attendance.models import AttendanceRecord, Meeting, Method, RosterEntry, Status, Student, User
from attendance.natural_order import natural_key
from attendance.refusals import NotEnrolled
from qrsessions.models import QRSession
from qrsessions.places import Place, share_places, source_of


def roster_in_order(meeting: Meeting) -> list[RosterEntry]:
    """The meeting's whole roster with students and records, in natural order of the roll numbers."""
    entries = meeting.roster.select_related("student", "record")
    return sorted(entries, key=lambda entry: natural_key(entry.roll_number))


def correct(
    *,
    session: QRSession,
    student: Student,
    status: Status | None,
    by: User,
    at: datetime.datetime,
    note: str = "",
) -> RosterEntry:
    """Enter a student's status by hand in any state of the session; ``None`` takes a mark back.

    In a group, the student's registers in the other sections follow where they say the same as this one did.

    :returns: the student's entry as it is now
    :raises NotEnrolled: if the student is not on the session's roster
    """
    with transaction.atomic():
        places = share_places(source=source_of(session), student=student)
        for place in _that_say_the_same(places, session):
            marking.mark_by_hand(
                meeting=place.session.meeting, student=student, status=status, by=by, at=at, note=note
            )
    return RosterEntry.objects.select_related("student", "record").get(
        meeting=session.meeting, student=student
    )


def _that_say_the_same(places: Sequence[Place], session: QRSession) -> list[Place]:
    """The place in the session, and those whose marks came from the same scan or hand, or that have none either."""
    here = next((place for place in places if place.session.pk == session.pk), None)
    if here is None:
        raise NotEnrolled
    mark = _mark_of(here.entry.record)
    return [place for place in places if place is here or _mark_of(place.entry.record) == mark]


def _mark_of(record: AttendanceRecord | None) -> tuple[object, ...] | None:
    """What tells one mark from another; an absence that the end recorded is as none."""
    if record is None or record.status is None or record.method == Method.END:
        return None
    return record.status, record.method, record.marked_at, record.marked_by_id
