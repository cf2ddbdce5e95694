"""A register that is exported, imported into an empty database and exported again is the same, byte for byte."""

import datetime

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attendance.models import (
    AttendanceRecord,
    Course,
    Enrolment,
    ExcuseReason,
    LabelColour,
    Meeting,
    MeetingState,
    RecordChange,
    Section,
    Status,
    StatusLabel,
    Student,
    Term,
)
from tests.support import factories
from tests.support.registers.files import everything_imported, export, load

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
TODAY = FIRST + datetime.timedelta(days=20)
AT = timezone.make_aware(datetime.datetime.combine(TODAY, datetime.time(18)))
DAYS = range(0, 40, 2)


def moment(day, minute=0):
    at = datetime.datetime.combine(FIRST, datetime.time(10, minute))
    return timezone.make_aware(at) + datetime.timedelta(days=day)


def delete_everything():
    with connection.cursor() as cursor:
        # Otherwise the database keeps meetings that were held.
        cursor.execute("SET LOCAL session_replication_role = replica")
    for model in (RecordChange, AttendanceRecord, Enrolment, Meeting, Section, Course, Term, Student):
        model.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def assert_same_after_import(section):
    """Export, import into an empty database, export: the same bytes. And the second import changes nothing."""
    exported = export(section, today=TODAY)
    delete_everything()
    load(exported, section=None, at=AT)
    assert export(Section.objects.get(), today=TODAY).decode() == exported.decode()
    before = everything_imported()
    assert load(exported, section=None, at=AT).is_empty
    assert everything_imported() == before


def make_labels():
    StatusLabel.objects.create(name="left early", letter="V", colour=LabelColour.ORANGE, meaning=Status.LATE)
    StatusLabel.objects.create(name="official", letter="O", colour=LabelColour.BLUE, meaning=Status.EXCUSED)
    ExcuseReason.objects.create(code="medical", name="Medical leave")


def make_class(section, day, state, marks, *, minute=0, was_held=False):
    """A meeting in a state with the marks of students, each a letter: V and O are labels, M is a medical excuse.

    :param was_held: before it was cancelled
    """
    starts_at = moment(day, minute)
    meeting = factories.make_planned(section=section, starts_at=starts_at)
    labels = {label.letter: label for label in StatusLabel.objects.all()}
    by_letter = {status.letter: status for status in Status} | {"M": Status.EXCUSED, "-": None}
    fixed = state is MeetingState.HELD or was_held
    holding = section.enrolments.holding_on(meeting.date)
    numbers = {enrolment.student_id: enrolment.roll_number for enrolment in holding}
    for student, letter in marks.items():
        status = Status(labels[letter].meaning) if letter in labels else by_letter[letter]
        if student.pk not in numbers and not fixed:
            continue
        if not fixed and status is not Status.EXCUSED:
            continue
        factories.make_record(
            meeting=meeting,
            student=student,
            status=status,
            joined_at=None,
            roll_number=numbers.get(student.pk, student.student_id),
            label=labels.get(letter),
            excused_reason=ExcuseReason.objects.get() if letter == "M" else None,
        )
    meeting.state = state
    if fixed:
        meeting.ended_at = meeting.roster_fixed_at = starts_at
    meeting.save()
    return meeting


def test_late_comers_leavers_gaps_and_classes_of_every_state_come_back():
    make_labels()
    section = factories.make_section(students=2, term="Autumn 2026")
    first, second = factories.students_of(section)
    late, leaver, back, waiting = (factories.make_student(with_user=False) for _ in range(4))
    day = [FIRST + datetime.timedelta(days=number) for number in range(60)]
    factories.make_enrolment(section=section, student=late, roll_number="10", from_date=day[3])
    factories.make_enrolment(section=section, student=leaver, roll_number="9", to_date=day[3])
    factories.make_enrolment(section=section, student=back, roll_number="8", to_date=day[1])
    factories.make_enrolment(section=section, student=back, roll_number="8", from_date=day[5])
    factories.make_enrolment(section=section, student=waiting, roll_number="9", from_date=day[19])
    make_class(section, 0, MeetingState.HELD, {first: "P", second: "-", leaver: "V", back: "M"})
    make_class(section, 2, MeetingState.HELD, {first: "O", second: "A", leaver: "L"})
    make_class(section, 4, MeetingState.HELD, {first: "P", second: "E", late: "P"})
    make_class(section, 6, MeetingState.CANCELLED, {first: "E"})
    make_class(section, 8, MeetingState.HELD, {first: "P", second: "P", late: "A", back: "L"})
    make_class(section, 8, MeetingState.HELD, {first: "A", second: "P", late: "A", back: "L"})
    make_class(section, 30, MeetingState.PLANNED, {first: "M"})

    assert_same_after_import(section)


def test_cancelled_class_that_was_held_can_be_restored_to_that():
    section = factories.make_section(students=2)
    first, second = factories.students_of(section)
    held = make_class(section, 0, MeetingState.CANCELLED, {first: "P", second: "-"}, was_held=True)
    make_class(section, 2, MeetingState.CANCELLED, {first: "E"})

    assert_same_after_import(section)

    assert {meeting.date: bool(meeting.ended_at) for meeting in Meeting.objects.all()} == {
        held.date: True,
        held.date + datetime.timedelta(days=2): False,
    }


def test_planned_class_keeps_a_student_who_is_no_longer_enrolled():
    section = factories.make_section(students=1)
    (stays,) = factories.students_of(section)
    leaver = factories.make_student()
    factories.make_enrolment(
        section=section, student=leaver, roll_number="9", to_date=FIRST + datetime.timedelta(days=2)
    )
    make_class(section, 0, MeetingState.HELD, {stays: "P", leaver: "P"})
    first = make_class(section, 30, MeetingState.PLANNED, {})
    make_class(section, 30, MeetingState.PLANNED, {}, minute=30)
    # An excuse that was taken back.
    factories.make_record(meeting=first, student=leaver, roll_number="9", joined_at=None)

    assert_same_after_import(section)


def test_two_students_who_had_one_roll_number_after_another_keep_it():
    section = factories.make_section()
    one, other = factories.make_student(), factories.make_student()
    day = FIRST + datetime.timedelta(days=3)
    factories.make_enrolment(section=section, student=one, roll_number="07", to_date=day)
    factories.make_enrolment(section=section, student=other, roll_number="08", to_date=day)
    factories.make_enrolment(section=section, student=other, roll_number="07", from_date=day)
    make_class(section, 0, MeetingState.HELD, {one: "P", other: "A"})
    make_class(section, 4, MeetingState.HELD, {other: "P"})

    assert_same_after_import(section)


def test_names_that_a_spreadsheet_would_run_come_back():
    section = factories.make_section(course=factories.make_course(code="=CS+1"), name="-A", term="@home")
    for number, name in enumerate(["=1+1", "+49", "-", "@x", '="007"', "|pipe", "＝wide", 'O"Neil, Ann']):  # noqa: RUF001
        student = factories.make_student(student_id=f"-{number}", name=name, with_user=False)
        factories.make_enrolment(section=section, student=student, roll_number=f"={number}")
    make_class(section, 0, MeetingState.HELD, dict.fromkeys(factories.students_of(section), "P"))

    assert_same_after_import(section)


def test_register_without_classes_comes_back():
    assert_same_after_import(factories.make_section(students=2))


letters = st.sampled_from("PLEAVOM-.")
spans = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True).map(sorted)
classes = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.sampled_from([MeetingState.HELD] * 3 + [MeetingState.PLANNED, MeetingState.CANCELLED]),
        st.lists(letters, min_size=4, max_size=4),
        st.sampled_from([0, 0, 30]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


registers = given(days=st.lists(spans, min_size=4, max_size=4), classes=classes, shares_number=st.booleans())
of_any_time = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(of_any_time, max_examples=10)
@registers
def test_any_register_comes_back(days, classes, shares_number):
    make_and_check(days, classes, shares_number=shares_number)


@pytest.mark.slow
@settings(of_any_time, max_examples=400)
@registers
def test_any_of_many_registers_comes_back(days, classes, shares_number):
    make_and_check(days, classes, shares_number=shares_number)


def make_and_check(days, classes, *, shares_number):
    """Check the register of one student for each of these lists of days, on which enrolments begin and end by turns.

    :param shares_number: a student who comes after another left has the same roll number
    """
    with transaction.atomic():
        make_labels()
        section = factories.make_section()
        students = [factories.make_student(with_user=False) for _ in days]
        ends: list[datetime.date | None] = []
        for number, (student, bounds) in enumerate(zip(students, days, strict=True)):
            dates = [FIRST + datetime.timedelta(days=day) for day in bounds] + [None] * (len(bounds) % 2)
            for begins, end in zip(dates[::2], dates[1::2], strict=True):
                roll_number = f"{number}"
                if shares_number and number and ends[-1] and begins >= ends[-1]:
                    roll_number = f"{number - 1}"
                factories.make_enrolment(
                    section=section, student=student, roll_number=roll_number, from_date=begins, to_date=end
                )
            ends.append(dates[-1])
        for day, state, marks, minute, was_held in classes:
            was_held &= state is MeetingState.CANCELLED
            if (state is MeetingState.HELD or was_held) and day > 20:
                continue
            given_marks = {
                student: mark for student, mark in zip(students, marks, strict=True) if mark != "."
            }
            make_class(section, day, state, given_marks, minute=minute, was_held=was_held)
        if len(export(section, today=TODAY).splitlines()) > 1:
            assert_same_after_import(section)
        transaction.set_rollback(True)
