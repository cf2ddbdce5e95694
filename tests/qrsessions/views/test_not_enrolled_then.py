"""Students who were not enrolled when a class first ended, on the pages of teachers and on their own."""

import pytest
from django.urls import reverse

from attendance.models import AttendanceRecord, Enrolment, Status
from qrsessions.models import RefusedScan, SessionStatus
from tests.support import factories
from tests.support.factories import fill_register
from tests.support.pages import browser_of, messages_of, teacher_address, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def teacher():
    return factories.make_teacher()


@pytest.fixture
def page(client, teacher):
    client.force_login(teacher)
    return client


def held(teacher, *, status=SessionStatus.ENDED, group=None):
    """A session with a register of two students. A third is enrolled with an earlier date since."""
    section = factories.make_section(students=2, teachers=[teacher])
    session = factories.make_session(section=section, status=SessionStatus.ENDED, group=group)
    fill_register(session.meeting)
    if status is not SessionStatus.ENDED:
        session.meeting.state, session.meeting.ended_at = "open", None
        session.meeting.save()
        session.status = status
        session.save()
    late = factories.make_student(name="Late Comer")
    factories.make_enrolment(section=section, student=late, roll_number="33")
    return session, late


@pytest.mark.parametrize("status", [SessionStatus.ENDED, SessionStatus.ACTIVE])
def test_session_page_offers_to_add_a_student_who_was_not_enrolled_then(page, teacher, status):
    session, late = held(teacher, status=status)

    response = page.get(teacher_address(session))

    text = text_of(response)
    assert "Not enrolled then 1" in text
    assert f"Late Comer {late.student_id} Mark" in text
    link = f"{teacher_address(session, 'mark/')}?student={late.student_id}"
    assert link in response.content.decode()
    form = page.get(link)
    assert "33 · not enrolled then" in text_of(form)

    marked = page.post(teacher_address(session, "mark/"), {"student": late.student_id, "status": "present"})

    assert messages_of(marked) == ["Late Comer: present."]
    assert AttendanceRecord.objects.get(student=late).status == Status.PRESENT
    assert "Not enrolled then" not in text_of(page.get(teacher_address(session)))


def test_live_session_page_lists_nobody_as_not_enrolled_then(page, teacher):
    section = factories.make_section(students=2, teachers=[teacher])
    session = factories.make_session(section=section)

    assert "Not enrolled then" not in text_of(page.get(teacher_address(session)))


def test_student_who_was_never_enrolled_cannot_be_marked(page, teacher):
    session, _late = held(teacher)
    stranger = factories.make_student()

    address = teacher_address(session, "mark/")

    assert page.get(address, {"student": stranger.student_id}).status_code == 404
    assert page.post(address, {"student": stranger.student_id, "status": "present"}).status_code == 404
    assert not AttendanceRecord.objects.filter(student=stranger).exists()


def test_waiting_scan_of_a_student_who_was_not_enrolled_then_says_so(page, teacher):
    session, late = held(teacher, status=SessionStatus.ACTIVE)
    RefusedScan.objects.create(session=session, student=late, scanned_at=session.created_at, method="qr")

    response = page.get(teacher_address(session))

    assert f"{late.name} not enrolled then" in text_of(response)
    assert "data-not-enrolled-then>" in response.content.decode()
    page.post(teacher_address(session, "admit/"), {"student": late.student_id})
    assert AttendanceRecord.objects.get(student=late).status == Status.PRESENT


def test_group_register_lists_those_on_none_of_its_rosters(page, teacher):
    group = factories.make_group()
    first, late = held(teacher, group=group)
    second, _ = held(teacher, group=group)
    # On the roster of the first section, and enrolled in the second since.
    both = factories.students_of(first.meeting.section)[0]
    factories.make_enrolment(section=second.meeting.section, student=both)
    factories._make(factories.GroupSession, group=group, opened_by=teacher, created_at=first.created_at)

    text = text_of(page.get(f"/teach/groups/{group.public_id}/register/"))

    assert "Not enrolled then 2" in text
    assert f"Late Comer {late.student_id} Mark" in text
    assert f"{both.name} {both.student_id} Mark" not in text


def test_own_attendance_shows_the_class_and_does_not_count_it(teacher):
    session, late = held(teacher)
    other = factories.make_session(section=session.meeting.section, status=SessionStatus.ENDED)
    factories.make_record(meeting=other.meeting, student=late, status=Status.PRESENT)

    text = text_of(browser_of(late).get(reverse("qrsessions:attendance")))

    assert "1 of 1 class" in text
    assert "not enrolled then" in text


def test_class_is_not_shown_after_the_enrolment_is_gone(teacher):
    _session, late = held(teacher)
    Enrolment.objects.filter(student=late).delete()

    assert "No class has ended yet" in text_of(browser_of(late).get(reverse("qrsessions:attendance")))
