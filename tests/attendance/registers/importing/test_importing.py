"""Importing old registers of one section: what is read, what is written, and what is refused."""

import datetime

import pytest
from django.utils import timezone
from django.utils.translation import override

from attendance.models import (
    AttendanceRecord,
    ExcuseReason,
    LabelColour,
    Meeting,
    MeetingState,
    Method,
    RecordChange,
    Status,
    StatusLabel,
)
from attendance.registers.importing import DateOrder, RegisterRefused
from attendance.registers.importing.words import BadMapping
from attendance.registers.term_register import term_register
from attendance.rosters import files
from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.registers.files import everything_imported, load

pytestmark = pytest.mark.django_db

FIRST = datetime.date(2026, 9, 7)
TODAY = datetime.date(2026, 10, 5)
AT = timezone.make_aware(datetime.datetime.combine(TODAY, datetime.time(18)))


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def section(teacher):
    """CS101-A of two students, S1 with the roll number 01 and S2 with 02."""
    students = [factories.make_student(student_id=f"S{number}") for number in (1, 2)]
    course = factories.make_course(code="CS101", title="Programming")
    return factories.make_section(course=course, name="A", students=students, teachers=[teacher])


def moment(day, hour=10):
    return timezone.make_aware(datetime.datetime.combine(datetime.date(2026, 9, day), datetime.time(hour)))


def held(section, day, statuses, hour=10):
    starts_at = moment(day, hour)
    meeting = factories.make_meeting(section=section, starts_at=starts_at, ended_at=starts_at)
    for student_id, status in statuses.items():
        enrolment = section.enrolments.get(student__student_id=student_id)
        factories.make_record(
            meeting=meeting, student=enrolment.student, status=status, roll_number=enrolment.roll_number
        )
    return meeting


def letters(section):
    """By student id a letter for each meeting: "-" for no status, "." for not on the roster."""
    rows = term_register(section, today=TODAY).rows
    return {
        row.student.student_id: "".join("." if cell is None else cell.letter or "-" for cell in row.cells)
        for row in rows
    }


def problems(content, section, **options):
    """The problems of a refused import, after checking that nothing was written."""
    before = everything_imported()
    with pytest.raises(RegisterRefused) as refused:
        load(content, section=section, at=AT, **options)
    assert everything_imported() == before
    return [(one.line, one.column, one.reason) for one in refused.value.report.problems]


def counts(report):
    return {str(kind): number for kind, number in report.counts.items() if number}


# --- What is read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "student_id,2026-09-07,2026-09-09 14:00\nS1,P,A\nS2,L,E\n",
        "Roll No;07.09.2026;Mi 9.9.26 14:00\n01;present;absent\n02;late;excused\n",
        "Student ID\tMon 7 Sep 2026\tSeptember 9, 2026 2:00 PM\nS1\tyes\t0\nS2\tL\tE\n",
        "Old register\n\nroll,Name,2026/09/07,2026-09-09T14:00:00\n01,Ann,✓,No\n02,Bo,LATE,e\n",
        "student_id,date,status,time\nS1,2026-09-07,p,\nS2,2026-09-07,l,\nS1,2026-09-09,a,14:00\nS2,2026-09-09,e,2 pm\n".replace(
            "2 pm", "2:00 pm"
        ),
        "﻿student_id,09/07/2026,09/09/2026 14:00,09/30/2026\nS1,P,A,\nS2,L,E,\n",
    ],
    ids=["ISO", "European", "named months", "other words", "long", "month first"],
)
def test_usual_forms_of_a_register_are_read(section, content):
    load(content.encode(), section=section, at=AT)

    assert letters(section) == {"S1": "PA", "S2": "LE"}
    assert [timezone.localtime(meeting.starts_at) for meeting in Meeting.objects.order_by("starts_at")] == [
        moment(7, 12),
        moment(9, 14),
    ]


def test_file_in_utf_16_is_read_and_the_page_language_as_well(section):
    with override("hi"):
        word = str(Status.PRESENT.label)
        load(f"student_id,2026-09-07\nS1,{word}\nS2,{word}\n".encode("utf-16"), section=section, at=AT)

    assert letters(section) == {"S1": "P", "S2": "P"}


def test_labels_and_reasons_of_the_institution_are_known(section):
    online = StatusLabel.objects.create(
        name="online", letter="O", colour=LabelColour.BLUE, meaning=Status.PRESENT
    )
    medical = ExcuseReason.objects.create(code="medical", name="Medical leave")

    load(
        "student_id,2026-09-07,2026-09-08,2026-09-09\nS1,O,e:medical,Online\nS2,medical,E,Medical leave\n",
        section=section,
        at=AT,
    )

    found = AttendanceRecord.objects.order_by("student__student_id", "meeting__date")
    assert [(one.status, one.label, one.excused_reason) for one in found] == [
        ("present", online, None),
        ("excused", None, medical),
        ("present", online, None),
        ("excused", None, medical),
        ("excused", None, None),
        ("excused", None, medical),
    ]


def test_unknown_words_are_asked_and_mean_what_the_mapping_says(section):
    content = "student_id,2026-09-07,2026-09-08\nS1,gone,P\nS2,ill,\n"

    assert problems(content, section) == [
        (2, "2026-09-07", "Say what “gone” means."),
        (3, "2026-09-07", "Say what “ill” means."),
    ]
    report = load(content, section=section, at=AT, dry_run=True)
    assert [(use.word, use.count) for use in report.unknown_words] == [("gone", 1), ("ill", 1)]

    load(content, section=section, at=AT, mapping={"GONE": "absent", "ill": "E", "": "absent"})
    assert letters(section) == {"S1": "AP", "S2": "EA"}


def test_word_may_mean_no_status_or_not_enrolled_then(section):
    content = "student_id,2026-09-07\nS1,gone\nS2,holiday\n"

    load(content, section=section, at=AT, mapping={"gone": "not_enrolled", "holiday": ""})

    assert letters(section) == {"S1": ".", "S2": "-"}


def test_mapping_to_what_does_not_exist_is_refused(section):
    with pytest.raises(BadMapping):
        load("student_id,2026-09-07\nS1,P\n", section=section, at=AT, mapping={"P": "asleep"})


def test_day_and_month_that_can_be_either_are_asked(section):
    content = "student_id,03/09/2026,04/09/2026\nS1,P,A\nS2,P,A\n"

    assert problems(content, section) == [
        (1, "", "Say whether the day or the month comes first in dates such as 03/09/2026.")
    ]
    assert load(content, section=section, at=AT, dry_run=True).asks_order
    load(content, section=section, at=AT, order=DateOrder.DAY_FIRST)
    assert list(Meeting.objects.values_list("date", flat=True).order_by("date")) == [
        datetime.date(2026, 9, 3),
        datetime.date(2026, 9, 4),
    ]


# --- What is written ----------------------------------------------------------------------------------------


def test_new_class_has_the_roster_of_its_date(section, teacher):
    third, later = factories.make_student(student_id="S3"), factories.make_student(student_id="S4")
    factories.make_enrolment(section=section, student=third, roll_number="03")
    factories.make_enrolment(
        section=section, student=later, roll_number="04", from_date=datetime.date(2026, 9, 20)
    )
    factories.make_pattern(section=section, weekday=0, start=datetime.time(8), end=datetime.time(9, 30))

    report = load("student_id,2026-09-07\nS1,P\nS2,\n", section=section, at=AT, by=teacher)

    assert letters(section) == {"S1": "P", "S2": ".", "S3": "-", "S4": "."}
    meeting = Meeting.objects.get()
    assert (meeting.state, meeting.starts_at, meeting.ended_at, meeting.roster_fixed_at) == (
        MeetingState.HELD,
        moment(7, 8),
        AT,
        AT,
    )
    assert counts(report) == {"classes_added": 1, "marks_added": 1}
    assert report.taken == [meeting]
    record = AttendanceRecord.objects.get(student__student_id="S1")
    assert (record.method, record.marked_by, record.marked_at) == (Method.IMPORT, teacher, AT)
    change = RecordChange.objects.get()
    assert (change.record, change.changed_by, change.from_status, change.to_status, change.note) == (
        record,
        teacher,
        None,
        "present",
        "import of old.csv",
    )


def test_planned_class_of_the_past_is_held_with_the_roster_of_its_date(section):
    planned = factories.make_planned(section=section, starts_at=moment(7))

    report = load("student_id,2026-09-07 10:00\nS1,P\n", section=section, at=AT)

    planned.refresh_from_db()
    assert (planned.state, Meeting.objects.count()) == (MeetingState.HELD, 1)
    assert letters(section) == {"S1": "P", "S2": "-"}
    assert counts(report) == {"classes_taken": 1, "marks_added": 1}


def test_class_without_a_time_is_the_only_one_of_its_date(section):
    held(section, 7, {"S1": None, "S2": "late"})
    cancelled = held(section, 7, {}, hour=15)
    Meeting.objects.filter(pk=cancelled.pk).update(state=MeetingState.CANCELLED)

    report = load("student_id,7 Sep 2026\nS1,P\nS2,L\n", section=section, at=AT)

    assert letters(section) == {"S1": "P.", "S2": "L."}
    assert counts(report) == {"marks_added": 1, "marks_unchanged": 1}


def test_second_import_of_a_file_changes_nothing(section):
    content = "student_id,2026-09-07,2026-09-08,2026-09-09 (planned)\nS1,P,-,\nS2,,E,A\n"
    load(content, section=section, at=AT)
    before = everything_imported()

    report = load(content, section=section, at=AT + datetime.timedelta(days=1))

    assert report.is_empty
    assert counts(report) == {"marks_unchanged": 4}
    assert everything_imported() == before


def test_marks_that_differ_are_replaced_only_on_request(section, teacher):
    meeting = held(section, 7, {"S1": "present", "S2": "late"})
    content = "student_id,2026-09-07\nS1,A\nS2,-\n"

    assert problems(content, section) == [
        (
            2,
            "2026-09-07",
            "Already marked present; the file says absent. Choose to replace marks, or empty the cell.",
        ),
        (
            3,
            "2026-09-07",
            "Already marked late; the file says no status. Choose to replace marks, or empty the cell.",
        ),
    ]

    report = load(content, section=section, at=AT, by=teacher, replace=True)

    assert letters(section) == {"S1": "A", "S2": "-"}
    assert [
        (one.student.split("(")[1], one.held_on, str(one.before), str(one.after)) for one in report.changes
    ] == [
        ("S1)", "2026-09-07", "present", "absent"),
        ("S2)", "2026-09-07", "late", "no status"),
    ]
    record = meeting.records.get(student__student_id="S1")
    assert (record.method, record.marked_by, record.device) == (Method.IMPORT, teacher, "")
    assert list(
        RecordChange.objects.order_by("record__student__student_id").values_list(
            "from_status", "from_method", "to_status", "to_method", "note"
        )
    ) == [
        ("present", "qr", "absent", "import", "import of old.csv"),
        ("late", "qr", None, None, "import of old.csv"),
    ]


def test_empty_cell_takes_no_mark_away(section):
    held(section, 7, {"S1": "present", "S2": "late"})

    report = load("student_id,2026-09-07\nS1,\nS2,L\n", section=section, at=AT, replace=True)

    assert letters(section) == {"S1": "P", "S2": "L"}
    assert report.is_empty


def test_notes_of_a_long_file_are_kept(section):
    load("student_id,date,status,note\nS1,2026-09-07,L,missed the bus\n", section=section, at=AT)

    assert RecordChange.objects.get().note == "missed the bus (import of old.csv)"


def test_student_who_left_is_added_to_a_class_of_before(section):
    section.enrolments.filter(student__student_id="S2").update(to_date=datetime.date(2026, 9, 1))

    load("student_id,2026-09-07\nS1,P\nS2,A\n", section=section, at=AT)

    assert letters(section) == {"S1": "P", "S2": "A"}


def test_roll_number_means_who_had_it_on_the_date(section):
    third = factories.make_student(student_id="S3")
    day = datetime.date(2026, 9, 8)
    section.enrolments.filter(roll_number="02").update(to_date=day)
    factories.make_enrolment(section=section, student=third, roll_number="02", from_date=day)

    load("roll,2026-09-07,2026-09-09\n01,P,P\n02,L,A\n", section=section, at=AT)

    assert letters(section) == {"S1": "PP", "S2": "L.", "S3": ".A"}


def test_old_export_that_was_filled_in_takes_the_register(section):
    factories.make_planned(section=section, starts_at=moment(7))
    factories.make_planned(section=section, starts_at=moment(8))

    load(
        "student_id,2026-09-07 10:00 (planned),2026-09-08 10:00 (planned)\nS1,P,-\nS2,A,E\n",
        section=section,
        at=AT,
    )

    assert letters(section) == {"S1": "P-", "S2": "AE"}
    assert list(Meeting.objects.order_by("date").values_list("state", flat=True)) == ["held", "planned"]


# --- What is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", (None, "", "The file is empty.")),
        (b"PK\x03\x04\0\0\0\0", (1, "", "This is not a text file. Save it as “CSV UTF-8” and import that.")),
        (
            "student_id,2026-09-07\nS1,présent\n".encode("latin-1"),
            (2, "", "The text is not UTF-8 (byte 28 of the file). Save it as “CSV UTF-8” and import that."),
        ),
        ("name,2026-09-07\nAnn,P\n", (1, "", "A column with the student id or the roll number is missing.")),
        (
            "student_id,first\nS1,P\n",
            (
                1,
                "",
                "No column has a date as its heading, such as 2026-09-07, and there are no columns “date” and “status”.",
            ),
        ),
        ("student_id,2026-09-07\n", (1, "", "The file has no students.")),
        (
            "student_id,2026-09-07,7.9.2026\nS1,P,P\n",
            (
                1,
                "7.9.2026",
                "The column “2026-09-07” is about the same class. Add the time to each, or remove one.",
            ),
        ),
        (
            "student_id,sid,2026-09-07\nS1,S1,P\n",
            (1, "sid", "Two columns are read as student_id. Rename the one that is something else."),
        ),
        ("student_id,2026-09-07\nS1,P\nS2,P\nS1,A\n", (4, "student_id", "S1 is in line 2 already.")),
        (
            "student_id,date,status\nS1,2026-09-07,P\nS1,2026-09-07,P\n",
            (3, "student_id", "The file has two rows for S1 on this date; the other is line 2."),
        ),
        (
            "student_id,date,status\nS1,yesterday,P\n",
            (2, "date", "“yesterday” is not a date. Write it as 2026-09-01."),
        ),
        (
            "student_id,date,time,status\nS1,2026-09-07,noon,P\n",
            (2, "time", "“noon” is not a time. Write it as 14:00."),
        ),
        (
            "student_id,2026-09-07,7/9\nS1,P,P\n",
            (1, "7/9", "This is not a complete date. Write it as 2026-09-07 or 2026-09-07 10:00."),
        ),
        (
            "student_id,Mon 7 Sep\nS1,P\n",
            (1, "Mon 7 Sep", "This is not a complete date. Write it as 2026-09-07 or 2026-09-07 10:00."),
        ),
        (
            "student_id,2026-09-07 25:00\nS1,P\n",
            (
                1,
                "2026-09-07 25:00",
                "This is not a complete date. Write it as 2026-09-07 or 2026-09-07 10:00.",
            ),
        ),
        ("student_id,2026-09-31\nS1,P\n", (1, "2026-09-31", "There is no such date.")),
        ("student_id,2026-09-07\nS9,P\n", (2, "student_id", "S9: There is no student with this id.")),
        ("roll,2026-09-07\n99,P\n", (2, "roll", "99: Nobody in this section has this roll number.")),
        ("student_id,2026-09-07\n,P\n", (2, "student_id", "The row names no student.")),
        ("student_id,2026-09-07\nS1,P,A\n", (2, "", "The line has 3 cells, but the header has 2.")),
        (
            "student_id,2026-10-06\nS1,P\n",
            (1, "2026-10-06", "2026-10-06: This class is still to come."),
        ),
        (
            "course,section,student_id,2026-09-07\nCS102,A,S1,P\n",
            (2, "", "This is the register of CS102 · A, and not of CS101 · A · Autumn 2026."),
        ),
        (
            "student_id,2026-09-07 10:00 (open)\nS1,P\n",
            (
                1,
                "2026-09-07 10:00 (open)",
                "2026-09-07 10:00: The session was still open when this file was made. End it, and export again.",
            ),
        ),
    ],
)
def test_bad_file_is_refused_with_line_and_column(section, content, found):
    assert problems(content, section) == [found]


def test_student_who_was_never_in_the_section_is_refused(section):
    factories.make_student(student_id="S7")

    assert problems("student_id,2026-09-07\nS7,P\n", section) == [
        (2, "student_id", "S7: This student was never enrolled in this section. Enrol the student first.")
    ]


def test_open_cancelled_and_future_classes_are_refused(section):
    factories.make_session(section=section, at=moment(7))
    cancelled = held(section, 8, {"S1": "present"})
    Meeting.objects.filter(pk=cancelled.pk).update(state=MeetingState.CANCELLED)
    factories.make_planned(section=section, starts_at=AT + datetime.timedelta(days=1))

    assert problems("student_id,2026-09-07,2026-09-08,2026-10-06\nS1,P,P,P\n", section) == [
        (1, "2026-09-07", "2026-09-07: This class has an open session. End it first."),
        (
            1,
            "2026-09-08",
            "2026-09-08: This class was cancelled. Restore it first, or remove it from the file.",
        ),
        (1, "2026-10-06", "2026-10-06: This class is still to come."),
    ]


def test_student_of_a_group_is_added_only_where_the_whole_group_is_seen(section):
    other = factories.make_section()
    group = factories.make_group_session(sections=[section, other], status=SessionStatus.ENDED, at=moment(7))
    first = factories.students_of(section)[0]
    meeting = group.group.meetings.get(section=section)
    factories.make_record(meeting=meeting, student=first, roll_number="01")

    assert problems("student_id,2026-09-07\nS1,P\nS2,P\n", section) == [
        (
            3,
            "2026-09-07",
            "This class was held for several sections, and the student is not in its register. Add the student there first.",
        )
    ]


def test_columns_of_classes_that_are_not_the_sections_are_left_out_with_a_note(section):
    held(section, 7, {"S1": "present"})
    content = "student_id,2026-09-07 10:00 (cancelled),2026-09-08 10:00 (planned),2026-09-09\nS1,,-,\n"

    report = load(content, section=section, at=AT)

    assert report.notes == [
        "Empty columns, left out: 2026-09-09",
        "2026-09-07 10:00 (cancelled): left as it is, because the class is not cancelled here.",
        "2026-09-08 10:00 (planned): not a class of this section, left out.",
    ]
    assert report.is_empty
    assert Meeting.objects.count() == 1


def test_students_without_an_entry_are_named_in_a_note(section):
    report = load("student_id,2026-09-07,2026-09-08\nS1,P,A\n", section=section, at=AT)

    name = section.enrolments.get(student__student_id="S2").student.name
    assert report.notes == [
        f"{section}: 1 enrolled student has no entry for a class in the file, so gets no status there: {name}"
    ]
    assert letters(section) == {"S1": "PA", "S2": "--"}


def test_student_whose_word_is_not_known_yet_is_not_named_as_missing(section):
    report = load("student_id,2026-09-07\nS1,P\nS2,gone\n", section=section, at=AT, dry_run=True)

    assert [use.word for use in report.unknown_words] == ["gone"]
    assert report.notes == []


def test_date_with_two_classes_needs_a_time(section):
    held(section, 7, {"S1": "present"})
    held(section, 7, {"S1": "absent"}, hour=15)

    assert problems("student_id,2026-09-07\nS1,P\n", section) == [
        (
            1,
            "2026-09-07",
            "2026-09-07: The section has several classes on this date. Add the time to the file.",
        )
    ]


def test_one_problem_keeps_everything_else_from_being_written(section):
    content = "student_id,2026-09-07,2026-09-08\nS1,P,P\nS9,P,P\n"

    assert len(problems(content, section)) == 1


def test_huge_file_is_not_read_into_memory_line_by_line(section, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1000)
    heads = ",".join(
        f"2026-09-{day:02} {hour:02}:{minute:02}"
        for day in range(1, 21)
        for hour in range(10)
        for minute in range(6)
    )

    (found,) = problems(f"student_id,{heads}\nS1,P\n", section)

    assert found == (1, "", "The file has more than 1000 classes.")


def test_guarded_cells_are_read_without_their_guard(section):
    student = factories.make_student(student_id="=S3", name="=1+1")
    factories.make_enrolment(section=section, student=student, roll_number="-3")

    load("student_id,roll_number,2026-09-07\n'=S3,'-3,P\n=\"S1\",,A\n", section=section, at=AT)

    assert letters(section) == {"=S3": "P", "S1": "A", "S2": "-"}


# --- The whole ----------------------------------------------------------------------------------------------


def test_dry_run_writes_nothing_and_says_the_same(section):
    content = "student_id,2026-09-07\nS1,P\nS2,L\n"
    before = everything_imported()

    preview = load(content, section=section, at=AT, dry_run=True)

    assert everything_imported() == before
    done = load(content, section=section, at=AT)
    assert (preview.counts, preview.classes, preview.outcome) == (done.counts, done.classes, done.outcome)


def test_import_that_fails_in_the_middle_leaves_nothing(section, monkeypatch):
    before = everything_imported()

    def broken(*args, **kwargs):
        raise RuntimeError("the connection is gone")

    monkeypatch.setattr(RecordChange.objects, "bulk_create", broken)
    with pytest.raises(RuntimeError):
        load("student_id,2026-09-07\nS1,P\n", section=section, at=AT)

    assert everything_imported() == before


def test_queries_do_not_grow_with_cells(section, django_assert_num_queries):
    def content(students, days):
        heads = ",".join(f"2026-09-{day:02}" for day in days)
        return f"student_id,{heads}\n" + "".join(f"{one},{','.join('P' * len(days))}\n" for one in students)

    with django_assert_num_queries(15):
        load(content(["S1"], [1]), section=section, at=AT)
    for number in range(3, 9):
        student = factories.make_student(student_id=f"S{number}")
        factories.make_enrolment(section=section, student=student, roll_number=f"0{number}")
    with django_assert_num_queries(15):
        load(content([f"S{number}" for number in range(1, 9)], range(2, 12)), section=section, at=AT)
