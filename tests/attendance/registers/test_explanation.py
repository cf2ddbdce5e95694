"""The explanation of one student's numbers: whole results, and the same numbers as everywhere else."""

import datetime

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from attendance.models import (
    AttendanceRule,
    ExcuseReason,
    LabelColour,
    MeetingState,
    Method,
    RecordChange,
    Status,
    StatusLabel,
)
from attendance.queries.student_history import own_sections
from attendance.registers.dates import DateRange
from attendance.registers.explanation import explain
from attendance.registers.standings import standings
from attendance.registers.student_courses import student_courses
from attendance.registers.term_register import term_register
from tests.support import factories
from tests.support.factories import key_of, user_of
from tests.support.generated import examples

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
DAY = datetime.timedelta(days=1)
TODAY = FIRST + 60 * DAY
NOON = datetime.datetime(2026, 9, 7, 12, tzinfo=datetime.UTC)
P, L, E, A = Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT


def meet(section, student, day, status, **fields):
    """A held meeting this many days after the first."""
    at = NOON + day * DAY
    meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
    return factories.make_record(meeting=meeting, student=student, status=status, roll_number="01", **fields)


def change(record, *, by, from_status, to_status, note="", **fields):
    method, at = Method.MANUAL if to_status else None, NOON + 20 * DAY
    record.marked_at = at if to_status else None
    record.save()
    return RecordChange.objects.create(
        record=record,
        changed_by=by,
        changed_at=at,
        from_status=from_status,
        to_status=to_status,
        to_method=method,
        note=note,
        **fields,
    )


@pytest.fixture
def asha():
    return factories.make_student(name="Asha Rao")


@pytest.fixture
def section(asha):
    return factories.make_section(students=[asha], minimum_percentage=60)


def shown(explanation):
    return [
        (
            one.meeting.date.day,
            one.cell.letter if one.cell else None,
            one.row.counts if one.row else None,
            one.why,
            one.rule_in_words,
            one.note,
        )
        for one in explanation.meetings
    ]


def test_each_meeting_says_what_it_counts_and_why(asha, section):
    teacher = factories.make_teacher()
    medical = ExcuseReason.objects.create(code="medical", name="Medical")
    online = StatusLabel.objects.create(name="online", letter="O", colour=LabelColour.BLUE, meaning=P)
    meet(section, asha, 0, L)
    excused = meet(section, asha, 1, E, excused_reason=medical)
    made = change(excused, by=teacher, from_status=A, to_status=E, note="letter", to_reason=medical)
    meet(section, asha, 2, L)
    meet(section, asha, 3, P, label=online)
    meet(section, asha, 4, A)
    meet(section, asha, 5, None)
    cancelled = meet(section, asha, 6, P).meeting
    cancelled.state = MeetingState.CANCELLED
    cancelled.save()
    at = NOON + 7 * DAY
    other = factories.make_meeting(section=section, starts_at=at, ended_at=at)
    factories.make_record(meeting=other, status=P, roll_number="09")
    factories.make_planned(section=section, starts_at=NOON + 70 * DAY)
    rule = factories.make_rule(
        section=section,
        valid_from=FIRST + 2 * DAY,
        minimum_percentage=60,
        late_counts=50,
        forecast_counts_planned=True,
    )
    rule.label_weights.create(label=online, counts=90)

    found = explain(section, asha, today=TODAY)

    of_day = ["A late mark counts as attended.", "Excused classes do not count."]
    assert shown(found) == [
        (7, "L", 100, "", of_day, ""),
        (8, "E", None, "excused, so it does not count", of_day, "letter"),
        (9, "L", 50, "late counts 50%", [], ""),
        (10, "O", 90, "this label counts 90%", [], ""),
        (11, "A", 0, "", [], ""),
        (12, "", None, "no status, so it does not count", [], ""),
        (13, "P", None, "", [], ""),
        (14, None, None, "", [], ""),
    ]
    assert (found.roll_number, found.is_enrolled) == ("01", True)
    assert found.arithmetic == "1 + 1 × 90% + 1 × 50% = 2.4 of 4 classes = 60%"
    assert found.forecast == "May miss 0 of the 1 class that remains."
    assert found.words == [
        "Required: 60%.",
        "A late mark counts 50%.",
        "Excused classes do not count.",
        "“online” counts 90%.",
    ]
    assert [(one.cell.excused_reason, one.note) for one in found.excuses] == [(medical, "letter")]
    assert found.changes == [made]


def test_note_is_of_the_change_that_made_the_status(asha, section):
    teacher = factories.make_teacher()
    record = meet(section, asha, 0, A)
    change(record, by=teacher, from_status=A, to_status=E, note="was ill")
    change(record, by=teacher, from_status=E, to_status=A, note="no letter came")

    found = explain(section, asha, today=TODAY)

    assert [one.note for one in found.meetings] == ["no letter came"]
    assert [one.note for one in found.changes] == ["no letter came", "was ill"]


def test_days_limit_meetings_numbers_and_changes(asha, section):
    teacher = factories.make_teacher()
    early, late = meet(section, asha, 0, A), meet(section, asha, 10, P)
    for record in (early, late):
        change(record, by=teacher, from_status=None, to_status=P)

    found = explain(section, asha, today=TODAY, dates=DateRange(FIRST + DAY, FIRST + 20 * DAY))

    assert [one.meeting for one in found.meetings] == [late.meeting]
    assert (found.result.percentage, [one.record for one in found.changes]) == (100.0, [late])


def test_student_without_a_class_in_the_days_has_no_percentage(asha, section):
    meet(section, asha, 0, A)

    found = explain(section, asha, today=TODAY, dates=DateRange(FIRST - 9 * DAY, FIRST - DAY))

    assert (found.meetings, found.result.percentage) == ([], None)
    assert found.arithmetic == "No class counts yet, so there is no percentage."


def test_queries_do_not_grow(asha, section, django_assert_num_queries):
    def more(days):
        for day in days:
            record = meet(section, asha, day, E)
            change(record, by=factories.make_teacher(), from_status=None, to_status=E, note="ill")

    more([0])
    with django_assert_num_queries(9):
        explain(section, asha, today=TODAY)
    more([1, 2])
    with django_assert_num_queries(9):
        explain(section, asha, today=TODAY)


def test_order_of_two_classes_on_one_day_is_the_same_for_teacher_and_student(asha, section):
    left_early = StatusLabel.objects.create(name="left early", letter="V", colour=LabelColour.BLUE, meaning=L)
    for minutes, label in ((0, left_early), (90, None)):
        at = NOON + datetime.timedelta(minutes=minutes)
        meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
        factories.make_record(meeting=meeting, student=asha, status=L, label=label, roll_number="01")
    rule = factories.make_rule(section=section, lates_per_absence=2)
    rule.label_weights.create(label=left_early, counts=90)

    (own,) = own_sections(asha, on=TODAY)

    # The second one is the absence. By the other order it would be 50 %.
    assert [explain(section, asha, today=TODAY).result.percentage, own.result.percentage] == [45.0, 45.0]
    assert [meeting["counts"] for meeting in own.meetings] == [0, 90]


any_letter = st.sampled_from([P, L, E, A, None])
any_rule = st.fixed_dictionaries(
    {
        "minimum_percentage": st.sampled_from([0, 50, 75]),
        "warn_below": st.sampled_from([0, 80]),
        "late_counts": st.sampled_from([0, 50, 100]),
        "lates_per_absence": st.sampled_from([0, 2]),
        "excused": st.sampled_from(["neutral", "attended"]),
        "drop_lowest": st.sampled_from([0, 1]),
        "forecast_counts_planned": st.booleans(),
        "label_counts": st.fixed_dictionaries({"online": st.integers(0, 100)}),
    }
)


any_history = given(
    # Several meetings on one day, so that their order matters.
    meetings=st.lists(st.tuples(st.integers(0, 4), any_letter, st.booleans()), min_size=1, max_size=9),
    first_rule=any_rule,
    second_rule=any_rule,
)


@examples(8)
@any_history
def test_every_place_shows_the_same_numbers(db, meetings, first_rule, second_rule):
    assert_every_place_shows_the_same(meetings, first_rule, second_rule)


@pytest.mark.slow
@examples(60)
@any_history
def test_every_place_shows_the_same_numbers_of_many_more_histories(db, meetings, first_rule, second_rule):
    assert_every_place_shows_the_same(meetings, first_rule, second_rule)


def assert_every_place_shows_the_same(meetings, first_rule, second_rule):
    with transaction.atomic():
        labels = {
            meaning: StatusLabel.objects.create(
                name=f"as {meaning}", letter=letter, colour=LabelColour.BLUE, meaning=meaning
            )
            for meaning, letter in ((P, "O"), (L, "V"))
        }
        student, teacher = factories.make_student(), factories.make_teacher()
        section = factories.make_section(students=[student], teachers=[teacher])
        today = timezone.localdate()
        start = timezone.now() - 30 * DAY
        for number, (day, status, is_labelled) in enumerate(meetings):
            at = start + day * DAY + datetime.timedelta(seconds=number)
            meeting = factories.make_meeting(section=section, starts_at=at, ended_at=at)
            label = labels.get(status) if is_labelled else None
            factories.make_record(
                meeting=meeting, student=student, status=status, label=label, roll_number="01"
            )
        for days in (3, 6):
            factories.make_planned(section=section, starts_at=timezone.now() + days * DAY)
        for valid_from, rule in ((today - 99 * DAY, first_rule), (today - 28 * DAY, second_rule)):
            counts = {label.pk: rule["label_counts"]["online"] for label in labels.values()}
            AttendanceRule.objects.set_for_section(
                section,
                {**rule, "label_counts": counts},
                valid_from=valid_from,
                by=teacher,
                at=timezone.now(),
            )

        explained = explain(section, student, today=today)
        result = explained.result

        (row,) = term_register(section, today=today).rows
        (standing,) = standings([section], today=today)
        ((part,),) = (course.parts for course in student_courses(student, section_of(section), today=today))
        assert [row.result, standing.result, part.result] == [result] * 3
        (own,) = own_sections(student, on=today)
        assert numbers(own.result) == numbers(result)
        assert [one["counts"] for one in reversed(own.meetings)] == [one.counts for one in result.rows]
        assert own.arithmetic == explained.arithmetic
        (answer,) = client_of(user_of(student)).get("/api/v1/me/records/").json()
        of_teacher = client_of(teacher).get(f"/api/v1/sections/{section.pk}/explain/{student.student_id}/")
        names = ("attended", "held", "standing", "may_miss", "must_attend")
        assert of_teacher.json()["result"] == {
            "percentage": answer["present_percentage"],
            **{name: answer[name] for name in names},
        }
        assert answer["present_percentage"] == result.percentage
        transaction.set_rollback(True)


def section_of(section):
    return type(section).objects.filter(pk=section.pk).select_related("course", "term")


def numbers(result):
    return (
        result.attended,
        result.held,
        result.percentage,
        result.standing,
        result.may_miss,
        result.must_attend,
    )


def client_of(user):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key_of(user)}")
    return client
