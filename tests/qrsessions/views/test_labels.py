"""The institution's own labels and reasons on the pages, without scripts."""

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import RecordChange, Status
from qrsessions.models import SessionStatus
from qrsessions.services import corrections
from tests.support import factories
from tests.support.pages import browser_of, messages_of, shown, teacher_address, text_of
from tests.support.postgres.database import everything_written

pytestmark = pytest.mark.django_db

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def section():
    return factories.make_section(students=2, teachers=[factories.make_teacher()])


@pytest.fixture
def student(section):
    return factories.students_of(section)[0]


@pytest.fixture
def teacher(section):
    client = Client()
    client.force_login(section.teachers.get())
    return client


@pytest.fixture
def session(section):
    return factories.make_session(section=section, status=SessionStatus.ACTIVE)


@pytest.fixture
def past(section):
    """Yesterday's class, whose register was not taken."""
    return factories.make_planned(section=section, starts_at=timezone.now() - 24 * HOUR)


@pytest.fixture
def left_early():
    return factories.make_label("left early", Status.LATE, colour="orange")


@pytest.fixture
def medical():
    return factories.make_reason("medical", name="Medical certificate")


def mark(teacher, session, student, **fields):
    return teacher.post(teacher_address(session, "mark/"), {"student": student.student_id} | fields)


def type_register(teacher, meeting, **fields):
    return teacher.post(f"/teach/meetings/{meeting.public_id}/", fields)


def mark_of(meeting, student):
    """Status, label and reason."""
    record = meeting.records.filter(student=student).select_related("label", "excused_reason").first()
    return record and (record.status, record.label, record.excused_reason)


def test_institution_without_labels_sees_nothing_new(teacher, session, past, student):
    address = teacher_address(session, f"mark/?student={student.student_id}")
    pages = [
        teacher.get(page).content.decode()
        for page in (address, teacher_address(session), f"/teach/meetings/{past.public_id}/")
    ]

    for page in pages:
        assert not [part for part in ("mark-kind", " label-", 'name="label', 'data-reason="') if part in page]


def test_form_offers_labels_below_their_status_and_the_reasons(
    teacher, session, student, left_early, medical
):
    factories.make_label("old", Status.LATE, letter="X", is_active=False)
    factories.make_reason("old", name="Old reason", is_active=False)

    text = text_of(teacher.get(teacher_address(session, f"mark/?student={student.student_id}")))

    assert "Present Late left early Excused Absent" in text
    assert "Medical certificate" in text
    assert "Old reason" not in text
    assert "old" not in text.split("Present")[1].split("Absent")[0]


def test_label_is_entered_shown_and_kept_in_the_history(teacher, session, student, left_early):
    answer = mark(teacher, session, student, label="left early", note="bus")

    assert messages_of(answer) == [f"{student.name}: left early."]
    assert mark_of(session.meeting, student) == ("late", left_early, None)
    for page in ("", "history/", f"history/?student={student.student_id}"):
        html = teacher.get(teacher_address(session, page)).content.decode()
        assert 'class="tag late label-orange"' in html, page
        assert "left early" in html


def test_reason_counts_only_with_an_excuse(teacher, session, student, medical):
    mark(teacher, session, student, status="present", reason="medical")
    assert mark_of(session.meeting, student) == ("present", None, None)

    mark(teacher, session, student, status="excused", reason="medical", note="letter")

    assert mark_of(session.meeting, student) == ("excused", None, medical)
    assert "Medical certificate · letter" in text_of(teacher.get(teacher_address(session)))
    assert "Medical certificate" in text_of(teacher.get(teacher_address(session, "history/")))
    form = teacher.get(teacher_address(session, f"mark/?student={student.student_id}")).content.decode()
    assert '<option value="medical" selected>' in form


def test_removing_the_mark_removes_the_label(teacher, session, student, left_early):
    mark(teacher, session, student, label="left early")

    mark(teacher, session, student, status="none")

    assert mark_of(session.meeting, student) == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "Choose a status."),
        ({"label": "unknown"}, "This label can no longer be chosen."),
        ({"label": "old"}, "This label can no longer be chosen."),
        ({"label": "left early\0"}, "Null characters are not allowed."),
        ({"status": "excused", "reason": "old"}, "This reason can no longer be chosen."),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_the_form(teacher, session, student, left_early, fields, error):
    factories.make_label("old", Status.LATE, letter="X", is_active=False)
    factories.make_reason("old", is_active=False)
    before = everything_written()

    answer = mark(teacher, session, student, **fields)

    assert (answer.status_code, error in text_of(answer)) == (400, True)
    assert everything_written() == before


def test_student_sees_label_and_reason(session, section, student, left_early, medical):
    ended = factories.make_session(section=section, status=SessionStatus.ENDED)
    factories.make_record(meeting=ended.meeting, student=student, status=Status.LATE, label=left_early)
    other = factories.make_meeting(
        section=section, starts_at=timezone.now() - 48 * HOUR, ended_at=timezone.now() - 47 * HOUR
    )
    factories.make_record(meeting=other, student=student, status=Status.EXCUSED, excused_reason=medical)
    browser = browser_of(student)

    attendance = browser.get("/student/attendance/").content.decode()
    home = browser.get("/student/").content.decode()

    assert "left early" in shown(attendance)
    assert "Medical certificate excused" in shown(attendance)
    assert 'class="tag late label-orange"' in attendance
    assert "left early" in shown(home)


def test_card_of_an_open_class_shows_the_label(session, section, student):
    factories.make_record(
        meeting=session.meeting,
        student=student,
        status=Status.PRESENT,
        method="manual",
        label=factories.make_label("online", Status.PRESENT),
    )
    browser = browser_of(student)

    home = browser.get("/student/").content.decode()
    (own,) = browser.get("/api/v1/me/session/").json()["sessions"]

    assert 'data-text="label">online</p>' in home
    assert (own["mark"], own["label"]) == ("present", "online")


# --- Registers typed after the class ----------------------------------------------------------------------


def test_typed_register_offers_labels_and_reasons(teacher, past, student, left_early, medical):
    html = teacher.get(f"/teach/meetings/{past.public_id}/").content.decode()

    assert html.count(f'name="label-{student.student_id}"') == 1
    assert html.count('<option value="left early" data-meaning="late">left early</option>') == 2
    assert html.count('<option value="medical">Medical certificate</option>') == 2


@pytest.mark.parametrize(
    ("sent", "marked"),
    [
        ({"status": "", "label": "left early"}, ("late", "left early", None)),
        ({"status": "late", "label": "left early"}, ("late", "left early", None)),
        ({"status": "present", "label": "left early"}, ("late", "left early", None)),
        ({"status": "excused", "reason": "medical"}, ("excused", None, "medical")),
        ({"status": "absent", "reason": "medical"}, ("absent", None, None)),
        ({"status": "present"}, ("present", None, None)),
    ],
)
def test_typed_register_takes_labels_and_reasons(teacher, past, student, left_early, medical, sent, marked):
    fields = {f"{name}-{student.student_id}": value for name, value in sent.items()}

    assert type_register(teacher, past, **fields).status_code == 302

    record = past.records.get(student=student)
    label, reason = record.label, record.excused_reason
    assert (record.status, label and label.name, reason and reason.code) == marked


def test_another_status_takes_the_label_away_and_the_same_keeps_it(teacher, past, student, left_early):
    number = student.student_id
    labelled = {f"status-{number}": "late", f"label-{number}": "left early"}
    type_register(teacher, past, **labelled)
    type_register(teacher, past, **labelled)
    same = mark_of(past, student), RecordChange.objects.count()

    type_register(teacher, past, **labelled | {f"status-{number}": "present"})

    assert same == (("late", left_early, None), 1)
    assert mark_of(past, student) == ("present", None, None)


def test_label_that_can_no_longer_be_chosen_stays_where_it_is(teacher, past, section, student, left_early):
    first, second = (one.student_id for one in factories.students_of(section))
    type_register(teacher, past, **{f"status-{first}": "", f"label-{first}": "left early"})
    left_early.is_active = False
    left_early.save()

    page = teacher.get(f"/teach/meetings/{past.public_id}/").content.decode()
    kept = type_register(teacher, past, **{f"status-{first}": "late", f"label-{first}": "left early"})
    refused = type_register(teacher, past, **{f"status-{second}": "late", f"label-{second}": "left early"})

    assert page.count('value="left early"') == 1
    assert (kept.status_code, mark_of(past, student)) == (302, ("late", left_early, None))
    assert messages_of(refused)[-1:] == ["A label or a reason can no longer be chosen. Nothing was saved."]
    assert past.records.count() == 1


def test_register_that_does_not_send_labels_keeps_them(teacher, past, section, student, left_early):
    corrections_at = timezone.now()
    factories.make_record(
        meeting=past,
        student=student,
        status=Status.LATE,
        label=left_early,
        method="manual",
        roll_number="01",
        marked_at=corrections_at,
    )

    type_register(teacher, past, **{f"status-{student.student_id}": "late"})

    assert mark_of(past, student) == ("late", left_early, None)


# --- Excuses before the class -----------------------------------------------------------------------------


def test_excuse_before_the_class_has_a_kind_and_a_reason(teacher, section, student, medical):
    meeting = factories.make_planned(section=section, starts_at=timezone.now() + HOUR)
    ill = factories.make_label("ill", Status.EXCUSED)
    factories.make_label("online", Status.PRESENT)
    page = f"/teach/meetings/{meeting.public_id}/"
    form = text_of(teacher.get(page))

    teacher.post(page, {"student": student.student_id, "label": "ill", "reason": "medical", "note": "letter"})

    assert "Kind of excuse (optional)" in form
    assert "online" not in form
    assert mark_of(meeting, student) == ("excused", ill, medical)
    assert f"{student.name} ill Medical certificate letter" in text_of(teacher.get(page))
    refused = teacher.post(page, {"student": student.student_id, "reason": "none"})
    assert refused.status_code == 400
    teacher.post(page, {"student": student.student_id, "take_back": "1"})
    assert mark_of(meeting, student) == (None, None, None)


def test_desk_shows_the_label_of_a_mark_by_hand(teacher, session, section, student):
    online = factories.make_label("online", Status.PRESENT)
    corrections.correct(
        session=session,
        student=student,
        status=Status.PRESENT,
        label=online,
        by=section.teachers.get(),
        at=timezone.now(),
    )

    assert (
        'class="tag present label-teal"><span data-status-word>online'
        in teacher.get(teacher_address(session, "scan/")).content.decode()
    )
