"""Giving a class while others give it, plan it or run it."""

import datetime
import functools

from django.utils import timezone

from attendance.lib.refusals import Refused
from attendance.models import Meeting, TeachingAssignment
from attendance.timetable import planning, substitutes
from tests.support import factories
from tests.support.races import make_school, run_concurrently, token_client

DAY = datetime.timedelta(days=1)


def give(meeting, to, by):
    try:
        return substitutes.give_meeting(meeting=meeting, to=to, by=by, on=timezone.localdate())
    except Refused as refused:
        return refused.code


def test_two_teachers_who_give_one_class_at_once_leave_it_one_substitute():
    teachers = [factories.make_teacher() for _ in range(2)]
    for _ in range(6):
        section = factories.make_section(teachers=teachers)
        meeting = factories.make_planned(section=section, starts_at=timezone.now())
        colleagues = [factories.make_teacher() for _ in range(4)]
        calls = [
            functools.partial(give, meeting, to, teachers[number % 2]) for number, to in enumerate(colleagues)
        ]

        answers = run_concurrently(*calls)

        (given,) = TeachingAssignment.objects.in_force().filter(meeting=meeting)
        assert answers.count("already_given") == 3
        assert given in answers


def test_two_teachers_who_add_one_substitute_at_once_add_one():
    teachers = [factories.make_teacher() for _ in range(2)]
    today = timezone.localdate()

    def add(section, to, by):
        days = {"from_date": today, "to_date": today + 2 * DAY}
        try:
            return substitutes.give_days(section=section, role="substitute", to=to, by=by, on=today, **days)
        except Refused as refused:
            return refused.code

    for _ in range(6):
        section, to = factories.make_section(teachers=teachers), factories.make_teacher()
        answers = run_concurrently(*(functools.partial(add, section, to, by) for by in teachers))
        assert answers.count("already_assigned") == 1
        assert section.assignments.filter(role="substitute").count() == 1


def test_class_is_given_or_removed_by_the_timetable_but_never_half():
    teacher = factories.make_teacher()
    for _ in range(8):
        section = factories.make_section(teachers=[teacher], term=None)
        first_day = timezone.localdate() + DAY
        pattern = factories.make_pattern(
            section=section, weekday=first_day.weekday(), first_day=first_day, last_day=first_day
        )
        planning.replan([section.pk], at=timezone.now())
        meeting = Meeting.objects.get(section=section)
        pattern.first_day = pattern.last_day = first_day + 7 * DAY
        pattern.save()
        to = factories.make_teacher()

        answer, _plan = run_concurrently(
            functools.partial(give, meeting, to, teacher),
            functools.partial(planning.replan, [section.pk], at=timezone.now()),
            spread_seconds=0.01,
        )

        assert not Meeting.objects.filter(pk=meeting.pk).exists()
        assert not TeachingAssignment.objects.filter(user=to).exists()
        assert answer == "not_found" or answer.user == to


def test_class_taken_back_while_the_substitute_runs_it_goes_on_with_the_teacher():
    for _ in range(6):
        school = make_school(sections=1, students=2)
        (section,) = school.sections
        meeting = factories.make_planned(section=section, starts_at=timezone.now())
        colleague = factories.make_teacher()
        assignment = substitutes.give_meeting(
            meeting=meeting, to=colleague, by=school.teacher, on=timezone.localdate()
        )
        opened = token_client(colleague).post("/api/v1/sessions/", {"section": section.pk}, format="json")
        address = f"/api/v1/sessions/{opened.json()['id']}/"

        started, _none = run_concurrently(
            functools.partial(token_client(colleague).post, f"{address}start/"),
            functools.partial(substitutes.take_back, assignment=assignment),
            spread_seconds=0.02,
        )

        # Either the step came first or the substitute had no more access.
        assert started.status_code in (200, 404)
        assert token_client(colleague).post(f"{address}end/").status_code == 404
        status = token_client(school.teacher).get(address).json()["status"]
        assert status == ("active" if started.status_code == 200 else "created")
        assert token_client(school.teacher).post(f"{address}end/").status_code == 200
