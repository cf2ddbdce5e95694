"""Marks at the teacher's device: students show their personal QR code or say their number.

They are marks by hand, possible whatever the session's status, with a note that says how they were made.
"""

import datetime
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from attendance.lib.refusals import NotEnrolled, Refused
from attendance.models import ATTENDED, RosterEntry, Section, Status, Student, User
from qrsessions.codes import personal_codes
from qrsessions.models import QRSession, SessionOrGroup
from qrsessions.queries.rosters import find_students
from qrsessions.queries.student_places import Place, lock_places
from qrsessions.services import used_nonces
from qrsessions.services.corrections import correct


class SeveralStudents(Refused):
    """``extra["students"]`` names them."""

    code = "several_students"


@dataclass(frozen=True)
class DeskMark:
    """The student's mark in the session where they count. ``created`` is false if they had been marked before."""

    session: QRSession
    entry: RosterEntry
    created: bool


def mark_by_personal_code(
    *,
    session_or_group: SessionOrGroup,
    code: str,
    by: User,
    at: datetime.datetime,
    waited: datetime.timedelta = datetime.timedelta(),
) -> DeskMark:
    """Mark the student who showed this personal code present.

    :param waited: how long ago the teacher's device scanned the code, which must have been valid then. The device says so
        itself: a teacher may mark anybody by hand anyway
    :raises PersonalCodeInvalid: if it is not a personal code
    :raises PersonalCodeExpired: if it has expired
    :raises PersonalCodeUsed: if it has marked the student in this class, and the mark was taken back
    :raises NotEnrolled: if the student is on no roster of the class
    """
    student = personal_codes.read(code, at=at - waited)
    try:
        # The text names the student and the time step.
        nonce = f"{session_or_group.run_as.public_id} {code.strip()}"
        return _mark(session_or_group, student, by=by, at=at, note=_("personal QR code"), nonce=nonce)
    except NotEnrolled as error:
        # Only their own teachers learn who it is.
        own = Section.objects.run_by(by, on=timezone.localdate(at))
        if not own.filter(enrolments__student=student).exists():
            raise NotEnrolled(_("This is the code of a student of another section.")) from error
        words = _("%(name)s (%(student_id)s) is not on this class's roster.")
        raise NotEnrolled(words % {"name": student.name, "student_id": student.student_id}) from error


def mark_by_number(
    *, session_or_group: SessionOrGroup, number: str, by: User, at: datetime.datetime
) -> DeskMark:
    """Mark the student with this roll number or student id present.

    :raises NotEnrolled: if nobody on the rosters of the class has it
    :raises SeveralStudents: if several students have it
    """
    found = find_students(session_or_group, number.strip())
    if not found:
        raise NotEnrolled(
            _("No student in this class has this roll number or student id. Check that it is complete.")
        )
    if len(found) > 1:
        words = _(
            "Several students have the number “%(number)s”: %(names)s. Type the student id, or "
            "mark the student by hand."
        )
        names = [f"{student.name} ({student.student_id})" for student in found]
        raise SeveralStudents(words % {"number": number.strip(), "names": ", ".join(names)}, students=names)
    return _mark(session_or_group, found[0], by=by, at=at, note=_("number typed by the teacher"))


def _mark(
    session_or_group: SessionOrGroup,
    student: Student,
    *,
    by: User,
    at: datetime.datetime,
    note: str,
    nonce: str = "",
) -> DeskMark:
    """
    :param nonce: of the personal code that marks, which works once
    """
    with transaction.atomic():
        place = _place(session_or_group, student)
        if not _is_present(place) and nonce and not used_nonces.use({nonce: at}):
            # Another device may have marked with the same code a moment ago.
            place = _place(session_or_group, student)
            if not _is_present(place):
                raise personal_codes.PersonalCodeUsed
        if _is_present(place):
            return DeskMark(place.session, place.entry, created=False)
        entry = correct(
            session=place.session, student=student, status=Status.PRESENT, by=by, at=at, note=note
        )
    return DeskMark(place.session, entry, created=True)


def _place(session_or_group: SessionOrGroup, student: Student) -> Place:
    places = lock_places(session_or_group=session_or_group.run_as, student=student)
    if isinstance(session_or_group, QRSession):
        # On the page of one section of a group, only students of that section can be marked.
        places = [place for place in places if place.session.pk == session_or_group.pk]
    if not places:
        raise NotEnrolled
    return places[0]


def _is_present(place: Place) -> bool:
    return bool(place.entry.record and place.entry.record.status in ATTENDED)
