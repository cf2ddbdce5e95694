"""A register that has one of everything."""

import datetime

import pytest

from attendance.exports.registers.table import Options
from attendance.models import ExcuseReason, LabelColour, MeetingState, Status, StatusLabel
from attendance.registers.term_register import TermRegister, term_register
from tests.support import factories
from tests.support.registers.terms import FIRST, TODAY, hold, moment


@pytest.fixture
def section():
    """Asha is excused for medical reasons, Ben left early and has no status once, Chen came later."""
    course = factories.make_course(code="CS101", title="Computing")
    asha = factories.make_student(student_id="S1", name="Asha Rao")
    ben = factories.make_student(student_id="S2", name="Ben Miller")
    chen = factories.make_student(student_id="S10", name="王小明")
    section = factories.make_section(course=course, name="A", students=[asha, ben], minimum_percentage=75)
    factories.make_enrolment(
        section=section, student=chen, roll_number="10", from_date=FIRST + datetime.timedelta(days=5)
    )
    label = StatusLabel.objects.create(
        name="left early", letter="V", colour=LabelColour.ORANGE, meaning=Status.LATE
    )
    reason = ExcuseReason.objects.create(code="medical", name="Medical certificate")
    hold(section, 0, {asha: Status.PRESENT, ben: Status.ABSENT})
    second = hold(section, 7, {asha: Status.EXCUSED, ben: Status.LATE, chen: Status.PRESENT})
    second.records.filter(student=asha).update(excused_reason=reason)
    second.records.filter(student=ben).update(label=label)
    hold(section, 7, {asha: Status.PRESENT, ben: None, chen: Status.ABSENT})
    cancelled = hold(section, 14, dict.fromkeys([asha, ben, chen], Status.PRESENT))
    cancelled.state = MeetingState.CANCELLED
    cancelled.save()
    factories.make_planned(section=section, starts_at=moment(30))
    return section


@pytest.fixture
def register(section) -> TermRegister:
    return term_register(section, today=TODAY)


@pytest.fixture
def options() -> Options:
    return Options(today=TODAY)
