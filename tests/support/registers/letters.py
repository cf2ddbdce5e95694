"""Sections whose registers are written as letters: P, L, E and A for the statuses, "-" for none, "." for not on the roster."""

import datetime
from typing import Any

from attendance.models import Section, Status
from qrsessions.models import SessionStatus
from tests.support import factories

STATUS = {status.letter: status for status in Status} | {"-": None}
DAY = datetime.timedelta(days=1)


def section_with(*letters: str, first: datetime.datetime, by_phone: bool = False, **fields: Any) -> Section:
    """A section with a student for each text, and a minimum of 75 % unless another is given.

    :param first: the moment of the first class; the others are held a day later each
    """
    section = factories.make_section(students=len(letters), **{"minimum_percentage": 75, **fields})
    hold(section, *letters, first=first, by_phone=by_phone)
    return section


def hold(section: Section, *letters: str, first: datetime.datetime, by_phone: bool = False) -> None:
    """Hold a class for each letter. The texts are in the order of the students' roll numbers."""
    enrolments = list(section.enrolments.select_related("student").order_by("roll_number"))
    for day, statuses in enumerate(zip(*letters, strict=True)):
        at = first + day * DAY
        if by_phone:
            meeting = factories.make_session(section=section, status=SessionStatus.ENDED, at=at).meeting
        else:
            meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
        for enrolment, letter in zip(enrolments, statuses, strict=True):
            if letter != ".":
                factories.make_record(
                    meeting=meeting,
                    student=enrolment.student,
                    status=STATUS[letter],
                    roll_number=enrolment.roll_number,
                )
