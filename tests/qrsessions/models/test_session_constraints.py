"""The database constraints on sessions, without Django's validation."""

import datetime

import pytest
from django.utils import timezone

from attendance.models import Method
from qrsessions.models import GroupSession, QRSession, RefusedScan, SessionStatus
from qrsessions.models.choices import SECRET_BYTES
from tests.support.factories import (
    make_admin,
    make_group,
    make_meeting,
    make_section,
    make_session,
    make_student,
    make_teacher,
    make_user,
)
from tests.support.postgres.constraints import refused_by

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 10, 5, 9, tzinfo=datetime.UTC)


def session(**fields):
    if "meeting" not in fields:
        fields["meeting"] = make_meeting()
    return QRSession(**{"opened_by": make_teacher(), "created_at": NOW} | fields)


def test_meeting_has_at_most_one_session():
    first = make_session()

    assert refused_by("qrsessions_qrsession_pkey", session(meeting=first.meeting))


def test_session_status_and_join_policy_must_be_known_values():
    assert refused_by("session_status", session(status="paused"))
    assert refused_by("session_join_policy", session(join_policy="anyone"))


def test_active_session_was_started():
    assert refused_by("session_active_was_started", session(status=SessionStatus.ACTIVE))


def test_group_session_join_policy_is_a_known_word():
    assert refused_by(
        "group_session_join_policy",
        GroupSession(group=make_group(), opened_by=make_teacher(), created_at=NOW, join_policy="anyone"),
    )


def test_refused_scan_is_kept_once_per_student():
    student, refusing = make_student(), make_session()
    RefusedScan.objects.create(session=refusing, student=student, scanned_at=NOW, method=Method.QR)

    assert refused_by(
        "refused_scan_first_per_student",
        RefusedScan(session=refusing, student=student, scanned_at=NOW, method=Method.CODE),
    )


def test_refused_scan_method_is_a_known_word():
    assert refused_by(
        "refused_scan_method",
        RefusedScan(session=make_session(), student=make_student(), scanned_at=NOW, method="nfc"),
    )


def test_secrets_are_long_and_differ():
    first, second = make_session(), make_session()

    assert len(bytes(first.secret)) == SECRET_BYTES
    assert bytes(first.secret) != bytes(second.secret)


def test_sessions_are_visible_to_the_teachers_of_the_section_and_to_admins():
    teacher = make_teacher()
    mine = make_session(section=make_section(teachers=[teacher]))
    other = make_session()

    assert list(QRSession.objects.visible_to(teacher, on=timezone.localdate())) == [mine]
    assert set(QRSession.objects.visible_to(make_admin(), on=timezone.localdate())) == {mine, other}
    assert not QRSession.objects.visible_to(make_user(), on=timezone.localdate()).exists()


def test_open_sessions_are_those_that_have_not_ended():
    still_open = {
        make_session(status=status)
        for status in (SessionStatus.CREATED, SessionStatus.LOCKED, SessionStatus.ACTIVE)
    }
    make_session(status=SessionStatus.ENDED)

    assert set(QRSession.objects.open()) == still_open


def test_names_come_in_the_same_query(django_assert_num_queries):
    for _ in range(3):
        make_session(group=make_group())

    with django_assert_num_queries(1):
        for found in QRSession.objects.with_names():
            assert str(found)
            assert found.opened_by.display_name
            assert str(found.meeting.group)
            assert found.ended_at is None
