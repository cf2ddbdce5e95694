"""The register of a session as its teacher reads and corrects it."""

import datetime
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from attendance import hand_marks, marking, stamps
from attendance.models import (
    AttendanceRecord,
    Meeting,
    Method,
    RecordChange,
    RosterEntry,
    Status,
    Student,
    User,
)
from attendance.natural_order import natural_key
from attendance.refusals import NotEnrolled, Refused
from qrsessions.models import QRSession
from qrsessions.places import Place, share_places
from qrsessions.sources import source_of


class ChangedSince(Refused):
    code = "changed_since"
    detail = _("The mark was changed again since, so nothing was undone. The list shows it as it is now.")


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
        stamps.renew_on_commit([stamps.of_student(student.pk)])
    return _entry(session, student)


def change_of(entry: RosterEntry, *, by: User, at: datetime.datetime) -> RecordChange | None:
    """What a correction changed of the entry's record; None where it was so already."""
    return RecordChange.objects.filter(record=entry.record, changed_by=by, changed_at=at).first()


def undo(*, session: QRSession, change: RecordChange, by: User, at: datetime.datetime) -> RosterEntry:
    """Put back what a correction changed, here and in those of the student's other registers that had followed it.

    :param change: of a record in the session
    :returns: the student's entry as it is now
    :raises NotEnrolled: if the student is no longer on the session's roster
    :raises ChangedSince: if the record has changed since; nothing is put back then
    """
    student, note = change.record.student, gettext("undo")
    with transaction.atomic():
        places = share_places(source=source_of(session), student=student)
        if not hand_marks.put_back(change, by=by, at=at, note=note):
            raise ChangedSince(session=session.public_id)
        followed = RecordChange.objects.filter(
            record__meeting__in=[place.session.meeting_id for place in places],
            record__student=student,
            changed_by=change.changed_by,
            changed_at=change.changed_at,
        )
        for other in followed.exclude(pk=change.pk).order_by("record"):
            hand_marks.put_back(other, by=by, at=at, note=note)
        stamps.renew_on_commit([stamps.of_student(student.pk)])
    return _entry(session, student)


def _entry(session: QRSession, student: Student) -> RosterEntry:
    return RosterEntry.objects.select_related("student", "record").get(
        meeting=session.meeting, student=student
    )


def _that_say_the_same(places: Sequence[Place], session: QRSession) -> list[Place]:
    """The place in the session, and those whose marks came from the same scan or hand, or that have none either."""
    here = next((place for place in places if place.session.pk == session.pk), None)
    if here is None:
        raise NotEnrolled
    mark = mark_of(here.entry.record)
    return [place for place in places if place is here or mark_of(place.entry.record) == mark]


def mark_of(record: AttendanceRecord | None) -> tuple[object, ...] | None:
    """What tells one mark from another; an absence that the end recorded is as none."""
    if record is None or record.status is None or record.method == Method.END:
        return None
    # One scan may be late by the rule of one section, and in time by another's.
    status = None if record.method in marking.SCANS else record.status
    return status, record.method, record.marked_at, record.marked_by_id
