"""The past classes of the demo: what a trial shows on its first day, and that real data stays untouched."""

import datetime
import re
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db.models import Count, Q
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, Course, Meeting, Method, Section, Status, Student, User
from attendance.queries.section_rules import rule_of
from config.serving.banner import SIGN_INS
from qrsessions.models import GroupSession, QRSession, SessionStatus
from tests.support import factories
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db(transaction=True)

# A Monday.
NOW = datetime.datetime(2026, 11, 23, 12, 30, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def on_a_monday():
    with time_machine.travel(NOW, tick=True):
        yield


def seed(*commands: str) -> str:
    output = StringIO()
    for command in commands:
        call_command(
            command, *(["--sections=4", "--students=120"] if command == "seed_demo" else []), stdout=output
        )
    return output.getvalue()


def page_of(username: str, path: str) -> str:
    client = Client()
    client.force_login(User.objects.get(username=username))
    return text_of(client.get(path))


def sections_of(user: User) -> set[str]:
    own = Q(teachers=user) | Q(enrolments__student__user=user)
    return {
        f"{section.course.code} {section.name}"
        for section in Section.objects.filter(own).select_related("course")
    }


def test_demo_has_past_classes_that_show_the_product_and_is_made_once():
    seed("seed_demo", "seed_demo_classes")

    assert_three_courses_have_met()
    assert_first_pages_show_what_the_product_does()
    assert_printed_sign_ins_say_who_is_in_which_section()
    assert_second_run_adds_nothing()


def assert_three_courses_have_met():
    assert set(Course.objects.values_list("code", flat=True)) == {"CS101", "MATH201", "BIO110"}
    held = dict(Section.objects.annotate(held=Count("meetings")).values_list("external_id", "held"))
    assert sorted(held.values()) == [6, 6, 6, 12, 12, 12, 12]
    assert not QRSession.objects.exclude(status=SessionStatus.ENDED).exists()
    assert not Meeting.objects.filter(Q(ended_at=None) | Q(ended_at__gt=NOW)).exists()
    assert GroupSession.objects.count() == 6
    statuses = dict(AttendanceRecord.objects.values_list("status").annotate(Count("pk")))
    assert statuses.keys() == set(Status.values)
    assert all(count > 5 for count in statuses.values())
    # Every student of every class has a record.
    assert sum(statuses.values()) == 12 * 120 + 6 * 90
    scans = AttendanceRecord.objects.filter(method=Method.QR)
    phones = (
        scans.values("student")
        .annotate(phones=Count("device", distinct=True))
        .values_list("phones", flat=True)
    )
    assert not scans.filter(device="").exists()
    assert set(phones) == {1}
    assert set(AttendanceRecord.objects.filter(status=Status.LATE).values_list("method", flat=True)) == {
        Method.QR
    }


def assert_first_pages_show_what_the_product_does():
    teacher = page_of("teacher", "/teach/")
    assert "Sections that met on a Monday in the last four weeks." in teacher
    assert "Open the same group" in teacher
    assert "MATH201 Linear Algebra" in page_of("teacher3", "/teach/")
    good, weak = page_of("student1", "/student/attendance/"), page_of("student9", "/student/attendance/")
    assert "75" in good
    assert percentages(good) > percentages(weak)
    assert min(percentages(weak)) < 75 < min(percentages(good))


def percentages(page: str) -> list[float]:
    return [float(number) for number in re.findall(r"(\d+(?:\.\d)?) ?%", page)[:1]]


def assert_printed_sign_ins_say_who_is_in_which_section():
    for username, words in SIGN_INS:
        user = User.objects.get(username=username)
        assert set(re.findall(r"[A-Z]+\d+ [A-Z]\b", words)) == sections_of(user), username
        assert user.role in ("admin", "teacher", "student")
        if "below the minimum" in words:
            records = AttendanceRecord.objects.filter(student__user=user)
            by_section = records.values("meeting__section").annotate(
                held=Count("pk", filter=~Q(status=Status.EXCUSED)),
                attended=Count("pk", filter=Q(status__in=[Status.PRESENT, Status.LATE])),
            )
            assert any(row["attended"] < 0.75 * row["held"] for row in by_section)


def assert_second_run_adds_nothing():
    before = [
        list(model.objects.order_by("pk").values()) for model in (Meeting, AttendanceRecord, Section, User)
    ]

    assert "have met before" in seed("seed_demo_classes")

    after = [
        list(model.objects.order_by("pk").values()) for model in (Meeting, AttendanceRecord, Section, User)
    ]
    assert after == before


def test_classes_need_the_demo_institution():
    with pytest.raises(CommandError, match="Run seed_demo first"):
        seed("seed_demo_classes")

    assert not User.objects.exists()


def test_classes_never_take_over_a_real_user():
    seed("seed_demo")
    factories.make_user(username="Teacher3", email="lucia@university.edu")
    before = Section.objects.count(), User.objects.count()

    with pytest.raises(CommandError, match="“teacher3”"):
        seed("seed_demo_classes")

    assert (Section.objects.count(), User.objects.count()) == before
    assert not Meeting.objects.exists()


def test_classes_leave_real_sections_alone():
    seed("seed_demo")
    real = factories.make_section(students=3, course=factories.make_course(code="MATH201"), name="real")

    seed("seed_demo_classes")

    assert not real.meetings.exists()
    assert real.enrolments.count() == 3
    assert rule_of(real, on=timezone.localdate()).minimum_percentage == 0
    assert Student.objects.count() == 123
