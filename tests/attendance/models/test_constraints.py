"""What the database refuses: rows are written without Django's validation."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from attendance.models import (
    AttendanceRecord,
    Course,
    Enrolment,
    GroupSeat,
    Meeting,
    MeetingGroup,
    MeetingPattern,
    MeetingState,
    Method,
    RecordChange,
    Role,
    Section,
    Status,
    StatusLabel,
    Student,
    Term,
    User,
)
from attendance.models.public_ids import new_group_id, new_meeting_id
from tests.support.factories import (
    make_course,
    make_enrolment,
    make_group,
    make_label,
    make_meeting,
    make_pattern,
    make_reason,
    make_record,
    make_section,
    make_student,
    make_teacher,
    make_term,
    make_user,
    user_of,
)
from tests.support.postgres.constraints import refused_by

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 10, 5, 9, tzinfo=datetime.UTC)


def day(number):
    return datetime.date(2026, 10, number)


# --- People -----------------------------------------------------------------------------------------------


def test_user_email_is_unique_in_any_case():
    make_user(username="asha", email="Asha.Rao@example.edu")

    assert refused_by("user_email_unique", User(username="other", email="asha.rao@EXAMPLE.edu"))


def test_users_may_have_no_email():
    User.objects.bulk_create([User(username="one"), User(username="two")])

    assert User.objects.filter(email="").count() == 2


def test_username_is_unique_in_any_case():
    make_user(username="asha")

    assert refused_by("user_username_unique", User(username="ASHA"))


@pytest.mark.parametrize(
    ("flags", "role"),
    [
        ({}, Role.STUDENT),
        ({"is_staff": True}, Role.STUDENT),
        ({"is_teacher": True}, Role.TEACHER),
        ({"is_teacher": True, "is_superuser": True}, Role.ADMIN),
    ],
)
def test_role_is_the_highest_that_applies(flags, role):
    assert User(**flags).role is role


def test_student_id_is_unique():
    make_student(student_id="S1")

    assert refused_by("attendance_student_student_id_key", Student(student_id="S1", name="Another"))


def test_student_id_is_not_empty():
    assert refused_by("student_id_not_empty", Student(student_id="", name="Nobody"))


def test_user_belongs_to_one_student():
    student = make_student()

    assert refused_by(
        "attendance_student_user_id_key", Student(student_id="S2", name="Two", user=student.user)
    )


def test_deleting_a_user_keeps_the_student():
    student = make_student()

    user_of(student).delete()

    student.refresh_from_db()
    assert student.user is None


# --- Teaching ---------------------------------------------------------------------------------------------


def test_course_code_is_unique_and_not_empty():
    make_course(code="CS101")

    assert refused_by("attendance_course_code_key", Course(code="CS101", title="Again"))
    assert refused_by("course_code_not_empty", Course(code="", title="Nothing"))


def test_section_is_one_per_course_name_and_term():
    section = make_section(name="A", term="Autumn 2026")

    assert refused_by("section_unique", Section(course=section.course, name="A", term=section.term))
    Section.objects.bulk_create(
        [Section(course=section.course, name="A", term=make_term(name="Spring 2027"))]
    )


def test_section_name_is_not_empty():
    assert refused_by("section_name_not_empty", Section(course=make_course(), name=""))


def test_section_external_id_is_unique_where_there_is_one():
    course = make_course()
    Section.objects.bulk_create([Section(course=course, name="A"), Section(course=course, name="B")])
    make_section(external_id="sis-7")

    assert refused_by("section_external_id_unique", Section(course=course, name="C", external_id="sis-7"))


def enrolment_like(enrolment, **changes):
    fields = {
        "section": enrolment.section,
        "student": enrolment.student,
        "roll_number": enrolment.roll_number,
        "from_date": enrolment.from_date,
        "to_date": enrolment.to_date,
    }
    return Enrolment(**fields | changes)


@pytest.mark.parametrize(
    ("from_date", "to_date"),
    [
        (day(1), None),
        (day(1), day(11)),
        (day(12), day(13)),
        (day(19), None),
    ],
)
def test_enrolment_has_a_student_once_a_day(from_date, to_date):
    enrolment = make_enrolment(from_date=day(10), to_date=day(20))

    assert refused_by(
        "enrolment_student_once_a_day",
        enrolment_like(enrolment, roll_number="other", from_date=from_date, to_date=to_date),
    )


def test_open_enrolment_has_a_student_once():
    enrolment = make_enrolment(from_date=day(10))

    assert refused_by(
        "enrolment_student_once_a_day", enrolment_like(enrolment, roll_number="other", from_date=day(25))
    )


@pytest.mark.parametrize(("from_date", "to_date"), [(day(1), None), (day(19), day(20))])
def test_enrolment_has_a_roll_number_once_a_day(from_date, to_date):
    enrolment = make_enrolment(from_date=day(10), to_date=day(20))

    assert refused_by(
        "enrolment_roll_number_once_a_day",
        enrolment_like(enrolment, student=make_student(), from_date=from_date, to_date=to_date),
    )


def test_roll_number_can_be_reused_and_a_student_can_return():
    first = make_enrolment(from_date=day(10), to_date=day(20))

    Enrolment.objects.bulk_create(
        [
            enrolment_like(first, student=make_student(), from_date=day(20), to_date=day(25)),
            enrolment_like(first, from_date=day(25), to_date=None),
            enrolment_like(first, from_date=day(1), to_date=day(10)),
        ]
    )

    assert Enrolment.objects.filter(section=first.section, roll_number=first.roll_number).count() == 4


def test_enrolment_in_another_section_may_have_the_same_roll_number():
    enrolment = make_enrolment()

    Enrolment.objects.bulk_create([enrolment_like(enrolment, section=make_section())])

    assert Enrolment.objects.filter(student=enrolment.student).count() == 2


def test_enrolment_roll_number_is_text_and_kept_as_given():
    enrolment = make_enrolment(roll_number="07")

    Enrolment.objects.bulk_create([enrolment_like(enrolment, student=make_student(), roll_number="7")])

    assert set(Enrolment.objects.values_list("roll_number", flat=True)) == {"07", "7"}


def test_enrolment_roll_number_is_not_empty():
    assert refused_by("enrolment_roll_number_not_empty", enrolment_like(make_enrolment(), roll_number=""))


def test_enrolment_does_not_end_before_it_begins():
    enrolment = make_enrolment(to_date=day(1))

    assert refused_by(
        "enrolment_from_before_to", enrolment_like(enrolment, from_date=day(10), to_date=day(9))
    )


# --- Meetings ---------------------------------------------------------------------------------------------


def test_section_has_one_open_meeting():
    section = make_section()
    make_meeting(section=section, starts_at=NOW)

    assert refused_by(
        "meeting_one_open_per_section", Meeting(section=section, starts_at=NOW, date=NOW.date())
    )


def test_new_meeting_can_open_after_others_have_ended():
    section = make_section()
    for _ in range(2):
        make_meeting(section=section, starts_at=NOW, ended_at=NOW)

    make_meeting(section=section, starts_at=NOW)

    assert section.meetings.count() == 3


def test_meeting_is_not_planned_to_end_before_it_starts():
    section = make_section()
    for ends_at in (NOW, NOW - datetime.timedelta(seconds=1)):
        assert refused_by(
            "meeting_starts_before_end",
            Meeting(section=section, starts_at=NOW, ends_at=ends_at, date=NOW.date()),
        )


def test_meeting_may_end_before_its_planned_start():
    make_meeting(starts_at=NOW, ended_at=NOW - datetime.timedelta(minutes=5))


def test_meeting_is_planned_once_for_a_date_of_its_pattern():
    pattern = make_pattern()
    planned = {"section": pattern.section, "pattern": pattern, "starts_at": NOW, "date": NOW.date()}
    make_meeting(state=MeetingState.PLANNED, pattern_date=NOW.date(), **planned)

    again = Meeting(state=MeetingState.PLANNED, pattern_date=NOW.date(), **planned)
    assert refused_by("meeting_once_per_pattern_date", again)


def test_pattern_has_its_times_in_order_and_a_weekday():
    section = make_section()
    at_ten = {"section": section, "start": datetime.time(10), "end": datetime.time(11)}

    assert refused_by(
        "pattern_start_before_end", MeetingPattern(weekday=0, **at_ten | {"end": datetime.time(10)})
    )
    assert refused_by("pattern_weekly_or_imported", MeetingPattern(weekday=7, **at_ten))
    assert refused_by("pattern_weekly_or_imported", MeetingPattern(section=section))
    assert refused_by("pattern_every_weeks", MeetingPattern(weekday=0, every_weeks=0, **at_ten))


def test_terms_of_one_name_have_different_dates():
    first_day = datetime.date(2026, 8, 1)
    make_term(name="Autumn")
    make_term(name="Autumn", first_day=first_day)

    assert refused_by("term_unique", Term(name="Autumn"))
    assert refused_by("term_unique", Term(name="Autumn", first_day=first_day))
    assert refused_by(
        "term_first_day_before_last",
        Term(name="B", first_day=first_day, last_day=NOW.date().replace(year=2025)),
    )
    assert refused_by("term_name_not_empty", Term(name=""))


def test_section_without_a_term_is_one_per_course_and_name():
    section = make_section(name="A", term="")

    assert refused_by("section_unique", Section(course=section.course, name="A"))


def test_exactly_the_held_meetings_have_an_end():
    fields = {"section": make_section(), "starts_at": NOW, "date": NOW.date()}

    for state in (MeetingState.PLANNED, MeetingState.OPEN, MeetingState.DISCARDED):
        assert refused_by("meeting_held_has_ended", Meeting(**fields, state=state, ended_at=NOW))
    assert refused_by(
        "meeting_held_has_ended", Meeting(**fields, state=MeetingState.HELD, roster_fixed_at=NOW)
    )
    for ended_at in (None, NOW):
        Meeting.objects.create(**fields, state=MeetingState.CANCELLED, ended_at=ended_at)


def test_held_meeting_has_a_fixed_roster():
    assert refused_by(
        "meeting_held_has_fixed_roster",
        Meeting(
            section=make_section(), starts_at=NOW, date=NOW.date(), state=MeetingState.HELD, ended_at=NOW
        ),
    )


def test_unknown_state_of_a_meeting_is_refused():
    assert refused_by(
        "meeting_state", Meeting(section=make_section(), starts_at=NOW, date=NOW.date(), state="paused")
    )


@pytest.mark.parametrize("state", [MeetingState.PLANNED, MeetingState.CANCELLED, MeetingState.DISCARDED])
def test_meeting_that_is_not_open_keeps_no_section_from_opening_one(state):
    section = make_section()
    for _ in range(2):
        make_meeting(section=section, starts_at=NOW, state=state)

    assert make_meeting(section=section, starts_at=NOW).is_open


def test_group_has_one_meeting_per_section():
    group, section = make_group(), make_section()
    make_meeting(section=section, group=group, starts_at=NOW, ended_at=NOW)

    assert refused_by(
        "meeting_section_once_per_group",
        Meeting(section=section, group=group, starts_at=NOW, date=NOW.date()),
    )


def test_new_public_ids_fit_their_patterns():
    Meeting.objects.bulk_create(
        Meeting(
            section=section,
            state=MeetingState.HELD,
            starts_at=NOW,
            date=NOW.date(),
            ended_at=NOW,
            roster_fixed_at=NOW,
            public_id=new_meeting_id(),
        )
        for section in [make_section()]
        for _ in range(200)
    )
    MeetingGroup.objects.bulk_create(
        MeetingGroup(created_at=NOW, public_id=new_group_id()) for _ in range(200)
    )


@pytest.mark.parametrize(
    "public_id", ["", "7GK2QM9", "7gk2qm9x", "IGK2QM9X", "7GK2QM9O", "7GK2-M9X", "G1234567", "1234567\n"]
)
def test_meeting_public_id_is_eight_characters_and_never_a_groups(public_id):
    assert refused_by(
        "meeting_public_id",
        Meeting(section=make_section(), starts_at=NOW, date=NOW.date(), public_id=public_id),
    )


@pytest.mark.parametrize("public_id", ["", "G234567", "g1234567", "GI234567", "71234567", "G123456\n"])
def test_group_public_id_is_eight_characters_and_never_a_meetings(public_id):
    assert refused_by("meeting_group_public_id", MeetingGroup(created_at=NOW, public_id=public_id))


def test_public_ids_are_unique():
    meeting, group = make_meeting(), make_group()

    assert refused_by(
        "attendance_meeting_public_id_key",
        Meeting(section=make_section(), starts_at=NOW, date=NOW.date(), public_id=meeting.public_id),
    )
    assert refused_by(
        "attendance_meetinggroup_public_id_key", MeetingGroup(created_at=NOW, public_id=group.public_id)
    )


def test_student_has_one_seat_in_a_group():
    group, student = make_group(), make_student()
    first, second = make_meeting(group=group), make_meeting(group=group)
    GroupSeat.objects.create(group=group, student=student, meeting=first)

    assert refused_by("group_seat_one_per_student", GroupSeat(group=group, student=student, meeting=second))


# --- Records ----------------------------------------------------------------------------------------------


def record(**fields):
    defaults = {"roll_number": "01", "joined_at": NOW}
    if "meeting" not in fields:
        fields["meeting"] = make_meeting()
    if "student" not in fields:
        fields["student"] = make_student()
    return AttendanceRecord(**defaults | fields)


def marked(**fields):
    return record(**{"status": Status.PRESENT, "marked_at": NOW, "method": Method.QR} | fields)


def test_record_is_one_per_student_and_meeting():
    first = make_record()

    assert refused_by(
        "record_one_per_student", record(meeting=first.meeting, student=first.student, roll_number="other")
    )


def test_record_is_one_per_roll_number_and_meeting():
    first = make_record(roll_number="07")

    assert refused_by("record_one_per_roll_number", record(meeting=first.meeting, roll_number="07"))


def test_record_status_and_method_must_be_known():
    assert refused_by("record_status", marked(status="there"))
    assert refused_by("record_method", marked(method="nfc"))


@pytest.mark.parametrize(
    "missing", [{"status": None}, {"method": None}, {"marked_at": None}, {"status": None, "method": None}]
)
def test_mark_is_complete_or_absent(missing):
    assert refused_by("record_marked_whole", marked(**missing))


def test_record_without_status_has_no_author():
    assert refused_by("record_marked_whole", record(marked_by=make_teacher()))


# --- Labels and reasons -----------------------------------------------------------------------------------


def test_record_has_no_label_of_another_status():
    online = make_label("online", Status.PRESENT)

    assert refused_by("record_label_means_status", marked(status=Status.LATE, label=online))
    assert refused_by("record_label_has_status", record(label=online))


def test_only_an_excuse_has_a_reason():
    medical = make_reason("medical")

    assert refused_by("record_reason_of_excuse", marked(status=Status.ABSENT, excused_reason=medical))
    assert refused_by("record_reason_of_excuse", record(excused_reason=medical))


@pytest.mark.parametrize("side", ["from", "to"])
def test_change_has_no_label_of_another_status(side):
    fields = {"to_status": Status.PRESENT, "to_method": Method.MANUAL, "from_status": Status.PRESENT}
    fields |= {f"{side}_status": Status.LATE, f"{side}_label": make_label("online", Status.PRESENT)}

    assert refused_by(
        f"change_{side}_label_means_status", RecordChange(record=make_record(), changed_at=NOW, **fields)
    )


@pytest.mark.parametrize("used", ["record", "history"])
def test_label_that_was_used_keeps_its_meaning(used):
    online = make_label("online", Status.PRESENT)
    if used == "record":
        marked(label=online).save()
    else:
        make_change(make_record(), to_label=online)

    with pytest.raises(IntegrityError, match="label_means_status"), transaction.atomic():
        StatusLabel.objects.update(meaning=Status.LATE)

    online.refresh_from_db()
    assert online.meaning == Status.PRESENT


def test_label_that_was_never_used_may_get_another_meaning():
    online = make_label("online", Status.PRESENT)

    StatusLabel.objects.update(meaning=Status.LATE)

    online.refresh_from_db()
    assert online.meaning == Status.LATE


def test_label_that_was_used_is_not_deleted():
    online = make_label("online", Status.PRESENT)
    marked(label=online).save()

    with pytest.raises(IntegrityError, match="record_label_means_status"), transaction.atomic():
        StatusLabel.objects.all()._raw_delete("default")


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("status_label_name", {"name": "ONLINE"}),
        ("status_label_letter", {"letter": "o"}),
        ("status_label_not_empty", {"name": ""}),
        ("status_label_letter_is_free", {"letter": "p"}),
        ("status_label_meaning", {"meaning": "ill"}),
        ("status_label_colour", {"colour": "#fff"}),
    ],
)
def test_label_is_complete_and_its_letter_is_free(constraint, fields):
    make_label("online", Status.PRESENT, letter="O")
    other = {"name": "other", "letter": "T", "meaning": Status.LATE, "colour": "red"}

    assert refused_by(constraint, StatusLabel(**other | fields))


def make_change(changed, **fields):
    return RecordChange.objects.create(
        record=changed, changed_at=NOW, to_status=Status.PRESENT, to_method=Method.MANUAL, **fields
    )


def test_change_history_refuses_an_update():
    change = make_change(make_record(), note="came late")

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        RecordChange.objects.update(note="was ill")

    change.refresh_from_db()
    assert change.note == "came late"


def test_change_history_is_deleted_with_its_meeting():
    changed = make_record()
    make_change(changed)

    changed.meeting.delete()

    assert not RecordChange.objects.exists()


def test_student_with_records_cannot_be_deleted():
    kept = make_record().student

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; DELETE FROM attendance_student WHERE id = %s", [kept.pk]
        )

    assert Student.objects.filter(pk=kept.pk).exists()


# --- Named queries ----------------------------------------------------------------------------------------


def test_visible_to_shows_teachers_their_own_and_admins_all():
    teacher, colleague = make_teacher(), make_teacher()
    mine, other = make_section(teachers=[teacher]), make_section(teachers=[colleague])
    my_meeting, other_meeting = make_meeting(section=mine), make_meeting(section=other)
    former_teacher = make_user()
    mine.teachers.add(former_teacher)
    today = timezone.localdate()

    assert set(Section.objects.visible_to(teacher, on=today)) == {mine}
    assert set(Meeting.objects.visible_to(teacher, on=today)) == {my_meeting}
    assert set(Section.objects.visible_to(make_user(is_superuser=True), on=today)) == {mine, other}
    assert set(Meeting.objects.visible_to(make_user(is_superuser=True), on=today)) == {
        my_meeting,
        other_meeting,
    }
    assert not Section.objects.visible_to(former_teacher, on=today).exists()
    assert not Meeting.objects.visible_to(former_teacher, on=today).exists()


def test_total_students_counts_the_enrolments_of_the_date():
    section = make_section(students=2, teachers=[make_teacher(), make_teacher()])
    make_enrolment(section=section, from_date=day(1), to_date=day(5))
    make_enrolment(section=section, from_date=day(6))
    empty = make_section()

    found = Section.objects.with_total_students(day(5))
    totals = {section.pk: vars(section)["total_students"] for section in found}

    assert totals == {section.pk: 2, empty.pk: 0}


def test_open_meetings_are_those_without_an_end():
    running = make_meeting()
    make_meeting(starts_at=NOW, ended_at=timezone.now())

    assert list(Meeting.objects.open()) == [running]
