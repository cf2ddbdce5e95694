"""Labels and reasons in records: whoever writes a status also sets or removes them, and the history keeps both."""

import datetime

import pytest

from attendance.models import AttendanceRecord, Method, RecordChange, RosterEntry, Status
from attendance.records import added_section, by_hand, session_end
from attendance.records.scans import NewMark, write_marks
from tests.support import factories

pytestmark = pytest.mark.django_db

AT = datetime.datetime(2026, 10, 5, 9, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def left_early():
    return factories.make_label("left early", Status.LATE)


@pytest.fixture
def medical():
    return factories.make_reason("medical")


@pytest.fixture
def section():
    return factories.make_section(students=2, teachers=[factories.make_teacher()])


@pytest.fixture
def meeting(section):
    return factories.make_meeting(section=section, starts_at=AT)


def enter(meeting, status, minutes=1, **fields):
    by_hand.mark_by_hand(
        meeting=meeting,
        student=factories.students_of(meeting.section)[0],
        status=status,
        by=meeting.section.teachers.first(),
        at=AT + minutes * MINUTE,
        **fields,
    )


def undo_latest(meeting, minutes=9):
    change = RecordChange.objects.latest("pk")
    by = meeting.section.teachers.first()
    return by_hand.undo_change(change, by=by, at=AT + minutes * MINUTE, note="undone")


def mark_of(meeting):
    """Status, label, reason and method of the first student."""
    record = meeting.records.get(student=factories.students_of(meeting.section)[0])
    label, reason = record.label, record.excused_reason
    return record.status, label and label.name, reason and reason.code, record.method


def history():
    """From and to of each change, with status and label."""
    changes = RecordChange.objects.order_by("pk")
    fields = ("from_status", "from_label__name", "to_status", "to_label__name")
    return [((was, its_label), (now, label)) for was, its_label, now, label in changes.values_list(*fields)]


def test_label_of_a_mark_by_hand_is_kept_and_removed_with_it(meeting, left_early):
    enter(meeting, Status.LATE, 1, label=left_early)
    labelled = mark_of(meeting)
    enter(meeting, Status.PRESENT, 2)

    assert labelled == ("late", "left early", None, "manual")
    assert mark_of(meeting) == ("present", None, None, "manual")
    assert history() == [
        ((None, None), ("late", "left early")),
        (("late", "left early"), ("present", None)),
    ]


def test_removing_a_mark_removes_label_and_reason(meeting, medical):
    enter(meeting, Status.EXCUSED, 1, label=factories.make_label("ill", Status.EXCUSED), reason=medical)
    enter(meeting, None, 2)

    assert mark_of(meeting) == (None, None, None, None)
    change = RecordChange.objects.latest("pk")
    assert (change.from_label.name, change.from_reason, change.to_label, change.to_reason) == (
        "ill",
        medical,
        None,
        None,
    )


def test_another_label_or_reason_of_the_same_status_is_a_change_that_keeps_the_note(meeting, medical):
    ill = factories.make_label("ill", Status.EXCUSED)
    enter(meeting, Status.EXCUSED, 1, note="doctor's letter")
    enter(meeting, Status.EXCUSED, 2, reason=medical)
    enter(meeting, Status.EXCUSED, 3, label=ill, reason=medical)
    enter(meeting, Status.EXCUSED, 4)

    changes = RecordChange.objects.order_by("pk")
    assert [(change.to_label, change.to_reason, change.note) for change in changes] == [
        (None, None, "doctor's letter"),
        (None, medical, "doctor's letter"),
        (ill, medical, "doctor's letter"),
        (None, None, "doctor's letter"),
    ]


def test_the_same_label_again_changes_nothing(meeting, left_early):
    enter(meeting, Status.LATE, 1, label=left_early)
    enter(meeting, Status.LATE, 2, label=left_early)

    assert RecordChange.objects.count() == 1
    assert meeting.records.get().marked_at == AT + MINUTE


def test_undo_restores_label_and_reason(meeting, medical, left_early):
    enter(meeting, Status.EXCUSED, 1, reason=medical)
    enter(meeting, Status.LATE, 2, label=left_early)
    enter(meeting, None, 3)

    assert undo_latest(meeting)
    assert mark_of(meeting) == ("late", "left early", None, "manual")
    change = RecordChange.objects.get(to_status=Status.LATE, note="")
    assert by_hand.undo_change(change, by=change.changed_by, at=AT, note="undone")
    assert mark_of(meeting) == ("excused", None, "medical", "manual")


def test_undo_restores_the_reason_of_an_excuse(meeting, medical):
    enter(meeting, Status.EXCUSED, 1, reason=medical)
    enter(meeting, Status.EXCUSED, 2)

    assert undo_latest(meeting)
    assert mark_of(meeting) == ("excused", None, "medical", "manual")


def test_undo_restores_a_label_that_can_no_longer_be_chosen(meeting, left_early):
    enter(meeting, Status.LATE, 1, label=left_early)
    enter(meeting, Status.ABSENT, 2)
    left_early.is_active = False
    left_early.save()

    assert undo_latest(meeting)
    assert mark_of(meeting) == ("late", "left early", None, "manual")


def test_bulk_mark_and_the_end_leave_labels_alone_and_set_none(meeting, left_early):
    enter(meeting, Status.LATE, 1, label=left_early)
    _, second = factories.students_of(meeting.section)
    entry = RosterEntry.objects.find(meeting=meeting, student=second)

    by_hand.mark_many([entry], status=Status.EXCUSED, by=meeting.section.teachers.first(), at=AT)
    session_end.record_absentees(meetings=[meeting], at=AT)

    labels = dict(meeting.records.values_list("student", "label__name"))
    assert sorted(labels.values(), key=str) == [None, "left early"]


@pytest.mark.parametrize("method", [Method.END, None])
def test_scan_that_replaces_an_absence_of_the_end_leaves_no_label(meeting, method):
    """Only SQL could have given such a record a label."""
    student = factories.students_of(meeting.section)[0]
    record = factories.make_record(meeting=meeting, student=student, status=method and Status.ABSENT)
    if method:
        away = factories.make_label("away", Status.ABSENT)
        AttendanceRecord.objects.filter(pk=record.pk).update(method=method, label=away)
    entry = RosterEntry.objects.find(meeting=meeting, student=student)

    write_marks([NewMark(entry=entry, meeting=meeting, student=student, at=AT, method=Method.QR)])

    assert mark_of(meeting) == ("present", None, None, "qr")
    assert history() == ([(("absent", "away"), ("present", None))] if method else [])


def test_scan_never_changes_a_label(meeting, left_early):
    enter(meeting, Status.LATE, 1, label=left_early)
    student = factories.students_of(meeting.section)[0]
    entry = RosterEntry.objects.find(meeting=meeting, student=student)

    (marked,) = write_marks([NewMark(entry=entry, meeting=meeting, student=student, at=AT, method=Method.QR)])

    assert not marked.created
    assert mark_of(meeting) == ("late", "left early", None, "manual")


def test_taking_back_the_absences_of_the_end_removes_their_labels(meeting):
    away = factories.make_label("away", Status.ABSENT)
    session_end.record_absentees(meetings=[meeting], at=AT)
    student = factories.students_of(meeting.section)[0]
    factories.make_record(
        meeting=meeting, student=student, status=Status.ABSENT, method=Method.END, label=away
    )

    session_end.clear_absentees(meetings=[meeting])

    assert mark_of(meeting) == (None, None, None, None)


def test_end_of_a_group_carries_label_and_reason_to_the_other_sections(medical):
    student, teacher = factories.make_student(), factories.make_teacher()
    group = factories.make_group()
    sections = [factories.make_section(students=[student], teachers=[teacher]) for _ in range(2)]
    first, second = (factories.make_meeting(section=one, starts_at=AT, group=group) for one in sections)
    ill = factories.make_label("ill", Status.EXCUSED)
    enter(first, Status.EXCUSED, 1, label=ill, reason=medical)
    factories.fill_register(second)

    session_end.copy_marks_in_group([first, second])

    assert mark_of(second) == ("excused", "ill", "medical", "manual")


def test_section_that_joins_a_group_gets_label_and_reason(medical):
    student, teacher = factories.make_student(), factories.make_teacher()
    group = factories.make_group()
    sections = [factories.make_section(students=[student], teachers=[teacher]) for _ in range(2)]
    first, added = (factories.make_meeting(section=one, starts_at=AT, group=group) for one in sections)
    ill = factories.make_label("ill", Status.EXCUSED)
    enter(first, Status.EXCUSED, 1, label=ill, reason=medical)

    added_section.copy_marks(to=added, others=[first])

    assert mark_of(added) == ("excused", "ill", "medical", "manual")
