"""Marks that a teacher makes at the own device: students show their personal QR codes, or say their numbers.

Such a mark is one by hand: it is taken in every state of the session, and its note says where it came from.
"""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from attendance.models import ATTENDED, RosterEntry, Status, Student, User
from attendance.models.roster import RosterQuerySet
from attendance.refusals import NotEnrolled, Refused
from qrsessions import personal_codes
from qrsessions.correcting import correct
from qrsessions.models import GroupSession, QRSession
from qrsessions.places import share_places
from qrsessions.sources import source_of

# The most recent marks that the page shows when it is opened.
RECENT = 20


class SeveralStudents(Refused):
    """``extra["students"]`` names them."""

    code = "several_students"


@dataclass(frozen=True)
class DeskMark:
    """The mark that stands, in the session where the student counts. ``created`` is false where it stood before."""

    session: QRSession
    entry: RosterEntry
    created: bool


def mark_by_personal_code(
    *, source: QRSession | GroupSession, code: str, by: User, at: datetime.datetime
) -> DeskMark:
    """Mark the student whose personal code was shown as present.

    :raises PersonalCodeInvalid: if it is none
    :raises PersonalCodeExpired: if it is no longer the present one
    :raises NotEnrolled: if the student is on no roster of the source
    """
    student = personal_codes.read(code, at=at)
    try:
        return _mark(source, student, by=by, at=at, note=_("personal QR code"))
    except NotEnrolled as error:
        words = _("%(name)s (%(student_id)s) is not on the list of this class.")
        raise NotEnrolled(words % {"name": student.name, "student_id": student.student_id}) from error


def mark_by_number(
    *, source: QRSession | GroupSession, number: str, by: User, at: datetime.datetime
) -> DeskMark:
    """Mark the student with this roll number or student id as present.

    :raises NotEnrolled: if nobody on the rosters of the source has it
    :raises SeveralStudents: if it is not one student's alone
    """
    found = find_students(source, number.strip())
    if not found:
        raise NotEnrolled(_("Nobody in this class has this roll number or student id. Is it complete?"))
    if len(found) > 1:
        words = _(
            "“%(number)s” is the number of several students. Type the student id, or mark by hand: %(names)s."
        )
        names = [f"{student.name} ({student.student_id})" for student in found]
        raise SeveralStudents(words % {"number": number.strip(), "names": ", ".join(names)}, students=names)
    return _mark(source, found[0], by=by, at=at, note=_("number told at the desk"))


def find_students(source: QRSession | GroupSession, number: str) -> list[Student]:
    """Who on the rosters of the source has this roll number, or this student id (there small and capital letters are one)."""
    matches = _rosters(source).filter(Q(roll_number=number) | Q(student__student_id__iexact=number))
    return list(Student.objects.filter(pk__in=matches.values("student_id")).order_by("student_id"))


def recent_marks(source: QRSession | GroupSession, *, by: User) -> list[RosterEntry]:
    """Whom the user marked as present by hand at this class, the latest first."""
    mine = _rosters(source).counted().filter(record__marked_by=by, record__status__in=ATTENDED)
    mine = mine.select_related("student", "record").order_by("-record__marked_at", "roll_number")
    return list(mine[:RECENT])


def _mark(
    source: QRSession | GroupSession, student: Student, *, by: User, at: datetime.datetime, note: str
) -> DeskMark:
    with transaction.atomic():
        places = share_places(
            source=source_of(source) if isinstance(source, QRSession) else source, student=student
        )
        if isinstance(source, QRSession):
            # A member of a group is marked here only with those of its own roster.
            places = [place for place in places if place.session.pk == source.pk]
        if not places:
            raise NotEnrolled
        place = places[0]
        if place.entry.record and place.entry.record.status in ATTENDED:
            return DeskMark(place.session, place.entry, created=False)
        entry = correct(
            session=place.session, student=student, status=Status.PRESENT, by=by, at=at, note=note
        )
    return DeskMark(place.session, entry, created=True)


def _rosters(source: QRSession | GroupSession) -> RosterQuerySet:
    if isinstance(source, GroupSession):
        return RosterEntry.objects.filter(meeting__group=source.group_id)
    return RosterEntry.objects.filter(meeting=source.meeting_id)
