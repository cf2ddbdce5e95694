"""Opening sessions concurrently: each section has at most one open session, and no group is half open."""

import functools

import pytest
from django.db.models import Count

from attendance.models import Meeting, MeetingGroup, Section
from qrsessions.models import QRSession
from tests.support import factories
from tests.support.races import make_school, run_concurrently, token_client


def open_session(teacher, section):
    return token_client(teacher).post("/api/v1/sessions/", {"section": section.pk}, format="json")


def open_group(teacher, sections):
    body = {"sections": [section.pk for section in sections]}
    return token_client(teacher).post("/api/v1/group-sessions/", body, format="json")


@pytest.mark.parametrize(("crowd", "rounds"), [(2, 8), (8, 4), (32, 2)])
def test_concurrent_creates_open_one_session_and_the_others_get_its_id(crowd, rounds):
    teachers = [factories.make_teacher() for _ in range(2)]
    for _ in range(rounds):
        section = factories.make_section(students=1, teachers=teachers)
        calls = [functools.partial(open_session, teachers[n % 2], section) for n in range(crowd)]

        answers = run_concurrently(*calls)

        (opened,) = (answer.json()["id"] for answer in answers if answer.status_code == 201)
        refused = [answer for answer in answers if answer.status_code != 201]
        assert [(one.status_code, one.json()["code"], one.json()["session"]) for one in refused] == [
            (409, "session_open", opened)
        ] * (crowd - 1)
        assert Meeting.objects.filter(section=section).count() == 1
        assert QRSession.objects.filter(meeting__section=section).count() == 1


def test_groups_that_share_sections_open_completely_or_not_at_all(rounds):
    for _ in range(rounds):
        school = make_school(sections=4, students=0)
        a, b, c, d = school.sections
        wanted = [[a, b, c], [c, b, a], [b, d], [d, a], [c, d], [d, c, b, a]]
        calls = [functools.partial(open_group, school.teacher, sections) for sections in wanted]
        calls += [functools.partial(open_session, school.teacher, section) for section in (b, c)]
        groups_before = MeetingGroup.objects.count()

        answers = run_concurrently(*calls)

        opened_groups = [answer.json() for answer in answers[:6] if answer.status_code == 201]
        opened_singles = [answer.json() for answer in answers[6:] if answer.status_code == 201]
        assert {answer.json()["code"] for answer in answers if answer.status_code != 201} <= {"session_open"}
        assert MeetingGroup.objects.count() - groups_before == len(opened_groups)
        expected = {
            (group["id"], section.pk)
            for group in opened_groups
            for section in wanted[[answer.json().get("id") for answer in answers].index(group["id"])]
        }
        expected |= {(None, single["section"]) for single in opened_singles}
        meetings = Meeting.objects.filter(section__in=school.sections)
        assert set(meetings.values_list("group__public_id", "section")) == expected
        assert expected
        assert not Section.objects.annotate(open=Count("meetings")).filter(open__gt=1).exists()


def test_reopening_and_opening_groups_in_different_orders_never_deadlock(rounds):
    for _ in range(2 * rounds):
        school = make_school(sections=3, students=0)
        a, b, c = school.sections
        # The meetings are in another order than their sections, as after adding a section.
        late = school.open(sections=[b, c])
        token_client(school.teacher).post(f"{late.address}sections/", {"section": a.pk}, format="json")
        late.step("end")

        reopened, opened, single = run_concurrently(
            functools.partial(late.step, "reopen"),
            functools.partial(open_group, school.teacher, [a, b, c]),
            functools.partial(open_session, school.teacher, b),
            spread_seconds=0.02,
        )

        codes = sorted([reopened.status_code, opened.status_code, single.status_code])
        assert codes == [codes[0], 409, 409]
        assert codes[0] in (200, 201)
        running = Meeting.objects.filter(section__in=school.sections).open()
        assert running.count() == (1 if single.status_code == 201 else 3)


def test_create_while_the_previous_session_ends_never_fails(rounds):
    school = make_school(sections=1, students=0)
    (section,) = school.sections
    for _ in range(3 * rounds):
        hall = school.open()

        ended, *answers = run_concurrently(
            functools.partial(hall.step, "end"),
            *[functools.partial(open_session, school.teacher, section)] * 8,
            spread_seconds=0.03,
        )

        assert ended.status_code == 200
        opened = [answer for answer in answers if answer.status_code == 201]
        refused = [answer.json() for answer in answers if answer not in opened]
        assert {one["code"] for one in refused} <= {"session_open"}
        assert all(one["session"] for one in refused)
        assert Meeting.objects.filter(section=section).open().count() == len(opened) <= 1
        for answer in opened:
            token_client(school.teacher).post(f"/api/v1/sessions/{answer.json()['id']}/end/")
