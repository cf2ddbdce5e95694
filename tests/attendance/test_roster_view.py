"""The roster of a meeting: the database's view against examples and against a model of its rules in Python."""

import datetime
import json
from collections import Counter

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from attendance.models import GroupSeat, RosterEntry, Status
from tests.factories import (
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


# --- Who is on it -----------------------------------------------------------------------------------------


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
def test_roster_has_whose_enrolment_holds_on_the_date(from_date, to_date, holds):
    enrolment = make_enrolment(from_date=from_date, to_date=to_date)
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT)

    assert meeting.roster.filter(student=enrolment.student).exists() is holds


def test_roster_goes_by_the_meetings_own_date_and_not_by_its_moment():
    enrolment = make_enrolment(from_date=TOMORROW)
    # 23:30 UTC in an institution whose day has begun already.
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT, date=TOMORROW)

    assert roll_numbers(meeting.roster.all()) == [enrolment.roll_number]


def test_roster_entry_tells_the_enrolment_and_the_record():
    section = make_section(students=2)
    joined, silent = students_of(section)
    meeting = make_meeting(section=section, starts_at=STARTS_AT)
    record = make_record(meeting=meeting, student=joined, roll_number="01", status=Status.LATE)

    entries = meeting.roster.order_by("roll_number").values(
        "student", "record", "roll_number", "enrolled", "counts"
    )

    assert list(entries) == [
        {"student": joined.pk, "record": record.pk, "roll_number": "01", "enrolled": True, "counts": True},
        {"student": silent.pk, "record": None, "roll_number": "02", "enrolled": True, "counts": True},
    ]


def test_roster_has_whoever_has_a_record_without_an_enrolment():
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


def test_roster_keeps_who_left_the_section_after_the_meeting():
    enrolment = make_enrolment()
    meeting = make_meeting(section=enrolment.section, starts_at=STARTS_AT)
    make_record(meeting=meeting, student=enrolment.student, roll_number=enrolment.roll_number)

    enrolment.delete()

    assert roll_numbers(meeting.roster.all()) == [enrolment.roll_number]


def test_roster_of_a_student_who_came_back_has_one_entry():
    student, section = make_student(), make_section()
    make_enrolment(section=section, student=student, roll_number="1", to_date=YESTERDAY)
    make_enrolment(section=section, student=student, roll_number="2", from_date=DATE)
    meeting = make_meeting(section=section, starts_at=STARTS_AT)

    assert roll_numbers(meeting.roster.all()) == ["2"]


def test_roster_can_be_asked_for_who_joined_attended_and_has_no_status():
    section = make_section(students=4)
    meeting = make_meeting(section=section, starts_at=STARTS_AT)
    present, absent, joined, _silent = students_of(section)
    make_record(meeting=meeting, student=present, roll_number="01", status=Status.PRESENT)
    make_record(meeting=meeting, student=absent, roll_number="02", status=Status.ABSENT, joined_at=None)
    make_record(meeting=meeting, student=joined, roll_number="03")

    assert roll_numbers(meeting.roster.joined()) == ["01", "03"]
    assert roll_numbers(meeting.roster.attended()) == ["01"]
    assert roll_numbers(meeting.roster.without_status()) == ["03", "04"]


# --- Where a student of several sections of a group counts ------------------------------------------------


def test_student_of_two_sections_without_a_group_counts_in_both():
    student = make_student()
    meetings = [make_meeting(section=make_section(students=[student]), starts_at=STARTS_AT) for _ in range(2)]

    assert all(meeting.roster.get().counts for meeting in meetings)


def test_student_of_two_sections_of_a_group_counts_in_the_one_with_the_lowest_id():
    student = make_student()
    first, second = two_meetings_of_a_group()
    for meeting in (first, second):
        make_enrolment(section=meeting.section, student=student)

    assert counted_at(student, first.group) == [first]
    assert second.roster.get(student=student).counts is False


def test_student_counts_at_the_seat():
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


def test_large_group_is_read_in_few_steps_though_no_meeting_was_in_a_group_before():
    sections = [make_section(students=4) for _ in range(40)]
    for section in sections:
        for _ in range(5):
            make_meeting(section=section, starts_at=STARTS_AT, ended_at=STARTS_AT)
    with connection.cursor() as cursor:
        # What the planner believes from now on.
        cursor.execute("ANALYZE")
    group = make_group()
    meetings = [make_meeting(section=section, group=group) for section in sections]

    wanted = RosterEntry.objects.filter(meeting__in=meetings).counted().values("meeting_id")
    plan = json.loads(wanted.explain(analyze=True, buffers=True, format="json"))[0]["Plan"]

    assert plan["Actual Rows"] == 160
    assert plan["Shared Hit Blocks"] < 100 * 160


def test_groups_do_not_see_each_other():
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


def expected_roster(*, in_group, enrolments, records, seats):
    """(section, student) to (enrolled, counts), by the words of the design."""
    enrolled = {
        place for place, (start, end) in enrolments.items() if start <= DATE and (end is None or end > DATE)
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
    enrolments=st.dictionaries(places, spans),
    records=st.sets(places),
    seated=st.sets(st.sampled_from(STUDENTS)),
    data=st.data(),
)
def test_roster_follows_its_rules(in_group, enrolments, records, seated, data):
    unseated = expected_roster(in_group=in_group, enrolments=enrolments, records=records, seats={})
    # A seat is taken by joining, which makes a student part of that meeting's roster.
    seats = {
        student: data.draw(
            st.sampled_from(sorted(section for section, other in unseated if other == student))
        )
        for student in seated
        if in_group and any(other == student for _, other in unseated)
    }

    with transaction.atomic():
        found = roster_of(in_group=in_group, enrolments=enrolments, records=records, seats=seats)
        transaction.set_rollback(True)

    assert found == expected_roster(in_group=in_group, enrolments=enrolments, records=records, seats=seats)
    if in_group:
        times_counted = Counter(student for (_, student), (_, counts) in found.items() if counts)
        assert times_counted == Counter({student for _, student in found})


def roster_of(*, in_group, enrolments, records, seats):
    """What the database says for such rows."""
    group = make_group() if in_group else None
    sections = [make_section() for _ in SECTIONS]
    meetings = [make_meeting(section=section, group=group, starts_at=STARTS_AT) for section in sections]
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


def test_lookup_by_student_cannot_take_the_index_that_is_forty_times_slower():
    make_section(students=2)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Not even where there is no other.
        cursor.execute("DROP INDEX enrolment_of_student")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT section_id FROM attendance_enrolment WHERE student_id = 1")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "once_a_day" not in plan
