"""The roster view, tested by examples and against a model of its rules in Python."""

import datetime
import json
from collections import Counter

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.models import GroupSeat, MeetingState, RosterEntry, Status
from tests.support.factories import (
    fill_register,
    make_enrolment,
    make_group,
    make_meeting,
    make_record,
    make_section,
    make_student,
    students_of,
)

pytestmark = pytest.mark.django_db

STARTS_AT = datetime.datetime(2026, 10, 10, 9, tzinfo=datetime.UTC)
DATE = STARTS_AT.date()
YESTERDAY, TOMORROW = DATE - datetime.timedelta(days=1), DATE + datetime.timedelta(days=1)


def roll_numbers(entries):
    return sorted(entry.roll_number for entry in entries)


def counted_at(student, group):
    """The meetings of the group at which the student counts."""
    entries = RosterEntry.objects.counted().filter(student=student, meeting__group=group)
    return [entry.meeting for entry in entries.select_related("meeting")]


def two_meetings_of_a_group():
    """The meetings of two sections, the one with the lower id first."""
    group = make_group()
    first, second = make_section(), make_section()
    return (
        make_meeting(section=first, group=group, starts_at=STARTS_AT),
        make_meeting(section=second, group=group, starts_at=STARTS_AT),
    )


# --- Who is on the roster -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_date", "to_date", "holds"),
    [
        (DATE, None, True),
        (DATE, TOMORROW, True),
        (YESTERDAY, None, True),
        (YESTERDAY, DATE, False),
        (TOMORROW, None, False),
        (DATE, DATE, False),
    ],
)
def test_roster_has_students_enrolled_on_the_date(from_date, to_date, holds):
    enrolment = make_enrolment(from_date=from_date, to_date=to_date)
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT)

    assert meeting.roster.filter(student=enrolment.student).exists() is holds


def test_roster_uses_the_meetings_local_date():
    enrolment = make_enrolment(from_date=TOMORROW)
    # In UTC it is still the day before.
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT, date=TOMORROW)

    assert roll_numbers(meeting.roster.all()) == [enrolment.roll_number]


def test_roster_entry_has_the_enrolment_and_the_record():
    section = make_section(students=2)
    joined, other = students_of(section)
    meeting = make_meeting(section=section, starts_at=STARTS_AT)
    record = make_record(meeting=meeting, student=joined, roll_number="01", status=Status.LATE)

    entries = meeting.roster.order_by("roll_number").values(
        "student", "record", "roll_number", "enrolled", "counts"
    )

    assert list(entries) == [
        {"student": joined.pk, "record": record.pk, "roll_number": "01", "enrolled": True, "counts": True},
        {"student": other.pk, "record": None, "roll_number": "02", "enrolled": True, "counts": True},
    ]


def test_roster_has_students_with_a_record_but_no_enrolment():
    meeting = make_meeting(section=make_section(students=1), starts_at=STARTS_AT)
    record = make_record(meeting=meeting, roll_number="guest")

    entry = meeting.roster.get(student=record.student)

    assert (entry.record, entry.roll_number, entry.enrolled, entry.counts) == (record, "guest", False, True)
    assert roll_numbers(meeting.roster.all()) == ["01", "guest"]


def test_roster_keeps_the_roll_number_of_the_record():
    enrolment = make_enrolment(roll_number="new")
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT)
    make_record(meeting=meeting, student=enrolment.student, roll_number="old")

    assert roll_numbers(meeting.roster.all()) == ["old"]


def test_roster_keeps_a_student_who_left_after_the_meeting():
    enrolment = make_enrolment()
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT)
    make_record(meeting=meeting, student=enrolment.student, roll_number=enrolment.roll_number)

    enrolment.delete()

    assert roll_numbers(meeting.roster.all()) == [enrolment.roll_number]


def test_student_who_returned_has_one_entry():
    student, section = make_student(), make_section()
    make_enrolment(section=section, student=student, roll_number="1", to_date=YESTERDAY)
    make_enrolment(section=section, student=student, roll_number="2", from_date=DATE)
    meeting = make_meeting(section=section, starts_at=STARTS_AT)

    assert roll_numbers(meeting.roster.all()) == ["2"]


def test_roster_filters_by_joined_attended_and_without_status():
    section = make_section(students=4)
    meeting = make_meeting(section=section, starts_at=STARTS_AT)
    present, absent, joined, _other = students_of(section)
    make_record(meeting=meeting, student=present, roll_number="01", status=Status.PRESENT)
    make_record(meeting=meeting, student=absent, roll_number="02", status=Status.ABSENT, joined_at=None)
    make_record(meeting=meeting, student=joined, roll_number="03")

    assert roll_numbers(meeting.roster.joined()) == ["01", "03"]
    assert roll_numbers(meeting.roster.attended()) == ["01"]
    assert roll_numbers(meeting.roster.without_status()) == ["03", "04"]


# --- A fixed roster ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", MeetingState.values)
@pytest.mark.parametrize("fixed", [False, True])
def test_only_planned_and_open_meetings_that_never_ended_follow_enrolments(state, fixed):
    if state == MeetingState.HELD and not fixed:
        pytest.skip("the database refuses it")
    section = make_section(students=2)
    meeting = make_meeting(
        section=section,
        starts_at=STARTS_AT,
        state=state,
        ended_at=STARTS_AT if state == MeetingState.HELD else None,
        roster_fixed_at=STARTS_AT if fixed else None,
    )
    make_record(meeting=meeting, student=students_of(section)[0], roll_number="01")

    is_live = state in (MeetingState.PLANNED, MeetingState.OPEN) and not fixed
    assert roll_numbers(meeting.roster.all()) == (["01", "02"] if is_live else ["01"])


def test_enrolment_in_a_fixed_meeting_of_a_group_does_not_count_at_a_live_one_of_it():
    student = make_student()
    first, second = two_meetings_of_a_group()
    for meeting in (first, second):
        make_enrolment(section=meeting.section, student=student)
    first.roster_fixed_at = STARTS_AT
    first.save()

    assert counted_at(student, first.group) == [second]


# --- Where a student of several sections counts ------------------------------------------------


def test_student_of_two_sections_without_a_group_counts_in_both():
    student = make_student()
    meetings = [make_meeting(section=make_section(students=[student]), starts_at=STARTS_AT) for _ in range(2)]

    assert all(meeting.roster.get().counts for meeting in meetings)


def test_student_of_two_sections_of_a_group_counts_in_the_lowest_id():
    student = make_student()
    first, second = two_meetings_of_a_group()
    for meeting in (first, second):
        make_enrolment(section=meeting.section, student=student)

    assert counted_at(student, first.group) == [first]
    assert second.roster.get(student=student).counts is False


def test_student_counts_where_the_seat_is():
    student = make_student()
    first, second = two_meetings_of_a_group()
    for meeting in (first, second):
        make_enrolment(section=meeting.section, student=student)
    GroupSeat.objects.create(group=first.group, student=student, meeting=second)

    assert counted_at(student, first.group) == [second]


def test_student_whose_enrolment_in_the_lowest_section_is_over_counts_in_the_other():
    student = make_student()
    first, second = two_meetings_of_a_group()
    make_enrolment(section=first.section, student=student, to_date=DATE)
    make_enrolment(section=second.section, student=student)

    assert counted_at(student, first.group) == [second]


def test_student_with_only_a_record_in_one_section_counts_where_enrolled():
    student = make_student()
    first, second = two_meetings_of_a_group()
    make_record(meeting=first, student=student)
    make_enrolment(section=second.section, student=student)

    assert counted_at(student, first.group) == [second]


def test_student_with_a_record_and_no_enrolment_in_the_group_counts_there():
    student = make_student()
    _, second = two_meetings_of_a_group()
    make_record(meeting=second, student=student)

    assert counted_at(student, second.group) == [second]


def test_student_with_two_records_and_no_enrolment_in_the_group_counts_once():
    student = make_student()
    first, second = two_meetings_of_a_group()
    for meeting in (second, first):
        make_record(meeting=meeting, student=student)

    assert counted_at(student, first.group) == [first]


def test_large_group_is_read_quickly_with_statistics_from_before_any_group():
    sections = [make_section(students=4) for _ in range(40)]
    for section in sections:
        for _ in range(5):
            make_meeting(section=section, starts_at=STARTS_AT, ended_at=STARTS_AT)
    with connection.cursor() as cursor:
        # The statistics that the planner will use.
        cursor.execute("ANALYZE")
    group = make_group()
    meetings = [make_meeting(section=section, group=group) for section in sections]

    wanted = RosterEntry.objects.filter(meeting__in=meetings).counted().values("meeting_id")
    plan = json.loads(wanted.explain(analyze=True, buffers=True, format="json"))[0]["Plan"]

    assert plan["Actual Rows"] == 160
    assert plan["Shared Hit Blocks"] < 100 * 160


def test_large_group_that_ended_is_read_quickly_too():
    sections = [make_section(students=4) for _ in range(40)]
    group = make_group()
    meetings = [
        make_meeting(section=section, group=group, ended_at=STARTS_AT, starts_at=STARTS_AT)
        for section in sections
    ]
    for meeting in meetings:
        fill_register(meeting)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    wanted = RosterEntry.objects.filter(meeting__in=meetings).counted().values("meeting_id")
    plan = json.loads(wanted.explain(analyze=True, buffers=True, format="json"))[0]["Plan"]

    assert plan["Actual Rows"] == 160
    assert plan["Shared Hit Blocks"] < 100 * 160


def test_groups_are_independent():
    student = make_student()
    first, second = two_meetings_of_a_group(), two_meetings_of_a_group()
    for meeting in (first[0], second[0]):
        make_enrolment(section=meeting.section, student=student)

    assert counted_at(student, first[0].group) == [first[0]]
    assert counted_at(student, second[0].group) == [second[0]]


# --- Against a model of the rules -------------------------------------------------------------------------

SECTIONS, STUDENTS = range(3), range(3)
dates = st.sampled_from([YESTERDAY, DATE, TOMORROW])
spans = st.tuples(dates, st.none() | dates).filter(lambda span: span[1] is None or span[0] <= span[1])
places = st.tuples(st.sampled_from(SECTIONS), st.sampled_from(STUDENTS))


def expected_roster(*, in_group, is_fixed, enrolments, records, seats):
    """The roster that the rules give: (section, student) to (enrolled, counts)."""
    enrolled = {
        place
        for place, (start, end) in enrolments.items()
        if not is_fixed and start <= DATE and (end is None or end > DATE)
    }

    def counts_in(student):
        """The section at whose meeting the student counts."""
        if student in seats:
            return seats[student]
        where = [section for section, other in enrolled if other == student]
        return min(where or [section for section, other in records if other == student])

    return {
        (section, student): (
            (section, student) in enrolled,
            not in_group or counts_in(student) == section,
        )
        for section, student in enrolled | records
    }


@settings(max_examples=40, deadline=None)
@given(
    in_group=st.booleans(),
    is_fixed=st.booleans(),
    enrolments=st.dictionaries(places, spans),
    records=st.sets(places),
    seated=st.sets(st.sampled_from(STUDENTS)),
    data=st.data(),
)
def test_roster_follows_its_rules(in_group, is_fixed, enrolments, records, seated, data):
    given = {"in_group": in_group, "is_fixed": is_fixed, "enrolments": enrolments, "records": records}
    unseated = expected_roster(**given, seats={})
    # A student gets a seat by joining, so only at a meeting whose roster has the student.
    seats = {
        student: data.draw(
            st.sampled_from(sorted(section for section, other in unseated if other == student))
        )
        for student in seated
        if in_group and any(other == student for _, other in unseated)
    }

    with transaction.atomic():
        found = roster_of(**given, seats=seats)
        transaction.set_rollback(True)

    assert found == expected_roster(**given, seats=seats)
    if in_group:
        times_counted = Counter(student for (_, student), (_, counts) in found.items() if counts)
        assert times_counted == Counter({student for _, student in found})


def roster_of(*, in_group, is_fixed, enrolments, records, seats):
    """The roster that the database gives for these rows."""
    group = make_group() if in_group else None
    sections = [make_section() for _ in SECTIONS]
    ended_at = STARTS_AT if is_fixed else None
    meetings = [
        make_meeting(section=section, group=group, starts_at=STARTS_AT, ended_at=ended_at)
        for section in sections
    ]
    students = [make_student(with_user=False) for _ in STUDENTS]
    for (section, student), (start, end) in enrolments.items():
        make_enrolment(section=sections[section], student=students[student], from_date=start, to_date=end)
    for section, student in records:
        make_record(meeting=meetings[section], student=students[student])
    for student, section in seats.items():
        GroupSeat.objects.create(
            group_id=meetings[section].group_id, student=students[student], meeting=meetings[section]
        )
    return {
        (meetings.index(entry.meeting), students.index(entry.student)): (entry.enrolled, entry.counts)
        for entry in RosterEntry.objects.select_related("meeting", "student")
    }


def test_lookup_by_student_never_uses_the_slow_index():
    make_section(students=2)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Not even when it is the only one.
        cursor.execute("DROP INDEX enrolment_of_student")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT section_id FROM attendance_enrolment WHERE student_id = 1")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "once_a_day" not in plan
