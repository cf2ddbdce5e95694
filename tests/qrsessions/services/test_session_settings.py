"""What teachers turn on and off in a session or group session, and the rules that they set for a section."""

import datetime
import functools

import pytest
from django.test import Client
from django.utils import timezone

from attendance.models import AttendanceRecord, Section, Status
from qrsessions.codes import tokens
from qrsessions.models import GroupSession, QRSession, SessionEvent, SessionStatus
from qrsessions.queries.groups import members_of
from qrsessions.services import groups, lifecycle
from qrsessions.services.settings import change_settings, section_rules
from tests.support.classes import Class, client_of
from tests.support.factories import (
    make_admin,
    make_group_session,
    make_section,
    make_session,
    make_teacher,
    students_of,
)
from tests.support.pages import messages_of, text_of
from tests.support.postgres.database import everything_written

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)


def settings_written() -> list[tuple[int, str]]:
    written = SessionEvent.objects.filter(action="settings").order_by("meeting_id", "pk")
    return list(written.values_list("meeting_id", "detail"))


def address(source: QRSession | GroupSession) -> str:
    kind = "group-sessions" if isinstance(source, GroupSession) else "sessions"
    return f"/api/v1/{kind}/{source.public_id}/"


def page_of(source: QRSession | GroupSession, rest: str = "") -> str:
    kind = "groups" if isinstance(source, GroupSession) else "sessions"
    return f"/teach/{kind}/{source.public_id}/{rest}"


@pytest.fixture
def group(taught_class: Class) -> GroupSession:
    """Of the class's section and another one."""
    other = make_section(students=1, teachers=[taught_class.teacher])
    return groups.open_group(
        sections=[taught_class.section, other], by=taught_class.teacher, at=timezone.now()
    )


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- The API ----------------------------------------------------------------------------------------------


def test_patch_turns_what_it_names_and_writes_it_down(taught_class):
    session = taught_class.open()
    patch = functools.partial(taught_class.as_teacher.patch, address(session), format="json")

    answers = [patch({"code_enabled": False}), patch({"names_on_screen": True}), patch({})]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [(answer.json()["code_enabled"], answer.json()["names_on_screen"]) for answer in answers] == [
        (False, False),
        (False, True),
        (False, True),
    ]
    assert settings_written() == [(session.pk, "code_enabled=off"), (session.pk, "names_on_screen=on")]


def test_what_is_so_already_is_no_change(taught_class):
    session = taught_class.open()
    taught_class.as_teacher.patch(
        address(session), {"code_enabled": True, "names_on_screen": False}, format="json"
    )
    assert settings_written() == []


@pytest.mark.parametrize("body", [{"code_enabled": "perhaps"}, {"names_on_screen": None}, [1]])
def test_patch_of_anything_else_is_refused(taught_class, body):
    session = taught_class.open()
    assert taught_class.as_teacher.patch(address(session), body, format="json").status_code == 400
    assert settings_written() == []


def test_code_that_is_switched_off_marks_nobody_until_it_is_on_again(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.step(session, "start")
    code = tokens.make_code(public_id=session.public_id, secret=session.secret, at=timezone.now())
    patch = functools.partial(taught_class.as_teacher.patch, address(session), format="json")
    patch({"code_enabled": False})
    before = everything_written()

    refused = taught_class.type_code(session, code)

    assert (refused.status_code, refused.json()["code"]) == (400, "token_invalid")
    assert everything_written() == before
    assert taught_class.as_teacher.get(f"{address(session)}token/").json()["code"] is None
    patch({"code_enabled": True})
    assert taught_class.type_code(session, code).status_code == 201


def test_waiting_phone_hears_of_it_at_once(taught_class):
    session = taught_class.open()
    phone = taught_class.as_student[0]

    def code_is_enabled() -> bool:
        return phone.get("/api/v1/me/session/").json()["sessions"][0]["code_enabled"]

    assert code_is_enabled() is True
    taught_class.as_teacher.patch(address(session), {"code_enabled": False}, format="json")
    assert code_is_enabled() is False


def test_phone_in_a_group_hears_what_the_group_says(taught_class, group):
    phone = taught_class.as_student[0]
    returned = [phone.get("/api/v1/me/session/").json()["sessions"][0]["code_enabled"]]
    taught_class.as_teacher.patch(address(group), {"code_enabled": False}, format="json")
    returned.append(phone.get("/api/v1/me/session/").json()["sessions"][0]["code_enabled"])
    assert returned == [True, False]


def test_group_is_switched_as_a_whole_and_its_sessions_say_so(taught_class, group):
    answer = taught_class.as_teacher.patch(address(group), {"code_enabled": False}, format="json")

    assert answer.status_code == 200
    assert answer.json()["code_enabled"] is False
    assert [one["code_enabled"] for one in answer.json()["sessions"]] == [False, False]
    members = members_of(group)
    assert settings_written() == sorted((member.pk, "code_enabled=off") for member in members)


def test_member_is_switched_by_its_group_alone(taught_class, group):
    member = QRSession.objects.get(meeting__section=taught_class.section)
    answer = taught_class.as_teacher.patch(address(member), {"code_enabled": False}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_group")
    assert answer.json()["group"] == group.public_id
    assert settings_written() == []
    member.refresh_from_db()
    assert member.code_enabled


def test_section_that_leaves_its_group_keeps_the_switches(taught_class, group):
    change_settings(
        session_or_group=group,
        to={"code_enabled": False, "names_on_screen": True},
        by=taught_class.teacher,
        at=NOON,
    )
    member = QRSession.objects.get(meeting__section=taught_class.section)
    left = taught_class.as_teacher.post(f"{address(member)}leave/").json()
    assert (left["code_enabled"], left["names_on_screen"]) == (False, True)


def test_nobody_else_turns_them(taught_class, group):
    outsider, one_sections_teacher = make_teacher(), make_teacher()
    taught_class.section.teachers.add(one_sections_teacher)
    taught_class_session = make_session(section=make_section(teachers=[taught_class.teacher]))
    for source, user, status in (
        (taught_class_session, outsider, 404),
        (group, outsider, 404),
        (group, one_sections_teacher, 404),
        (taught_class_session, taught_class.students[0].user, 403),
        (taught_class_session, make_admin(), 200),
    ):
        answer = client_of(user).patch(address(source), {"names_on_screen": True}, format="json")
        assert answer.status_code == status
        if status != 200:
            assert settings_written() == []
            assert signed_in(user).post(page_of(source, "settings/")).status_code == status


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_of_sessions_and_groups_take_the_same_queries(
    taught_class, rows, django_assert_max_num_queries
):
    for _ in range(rows):
        sections = [make_section(students=1, teachers=[taught_class.teacher]) for _ in range(2)]
        make_group_session(sections=sections, opened_by=taught_class.teacher)
    for kind in ("sessions", "group-sessions"):
        taught_class.as_teacher.get(f"/api/v1/{kind}/")
        with django_assert_max_num_queries(4):
            assert len(taught_class.as_teacher.get(f"/api/v1/{kind}/").json()) >= rows


# --- The form ---------------------------------------------------------------------------------------------


def test_form_sets_both_as_they_are_ticked(taught_class):
    session = taught_class.open()
    page = signed_in(taught_class.teacher)

    response = page.post(page_of(session, "settings/"), {"names_on_screen": "on"})

    assert response.headers["Location"] == page_of(session)
    assert messages_of(response) == ["Settings saved."]
    session.refresh_from_db()
    assert (session.code_enabled, session.names_on_screen) == (False, True)
    assert settings_written() == [(session.pk, "code_enabled=off, names_on_screen=on")]


def test_form_of_a_group_sets_the_groups(taught_class, group):
    response = signed_in(taught_class.teacher).post(page_of(group, "settings/"), {"code_enabled": "on"})
    assert response.headers["Location"] == page_of(group)
    group.refresh_from_db()
    assert (group.code_enabled, group.names_on_screen) == (True, False)


def test_form_of_a_member_says_that_its_group_has_them(taught_class, group):
    member = QRSession.objects.get(meeting__section=taught_class.section)
    response = signed_in(taught_class.teacher).post(page_of(member, "settings/"))
    assert messages_of(response) == [str(lifecycle.InGroup.detail)]
    assert settings_written() == []


# --- The rules of a section -------------------------------------------------------------------------------


def rules(section: Section) -> tuple[int | None, int | None]:
    section.refresh_from_db()
    found = section_rules(section, on=timezone.localdate())
    return found["minimum_percentage"], found["late_after_minutes"]


def test_api_sets_the_rules_and_leaves_what_it_does_not_name(taught_class):
    patch = functools.partial(
        taught_class.as_teacher.patch, f"/api/v1/sections/{taught_class.section.pk}/", format="json"
    )

    first = patch({"minimum_percentage": 75, "late_after_minutes": 10})
    second = patch({"late_after_minutes": None})

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {
        "id": taught_class.section.pk,
        "course": taught_class.section.course.code,
        "course_title": taught_class.section.course.title,
        "name": taught_class.section.name,
        "term": taught_class.section.term_name,
        "term_id": taught_class.section.term_id,
        "total_students": 3,
        "open_session": None,
        "minimum_percentage": 75,
        "late_after_minutes": 10,
    }
    assert rules(taught_class.section) == (75, None)
    assert taught_class.as_teacher.get(f"/api/v1/sections/{taught_class.section.pk}/").json() == second.json()


@pytest.mark.parametrize(
    "body",
    [
        {"minimum_percentage": 101},
        {"minimum_percentage": -1},
        {"late_after_minutes": 1441},
        {"late_after_minutes": "soon"},
    ],
)
def test_rule_out_of_bounds_is_refused(taught_class, body):
    address = f"/api/v1/sections/{taught_class.section.pk}/"
    answer = taught_class.as_teacher.patch(address, {"minimum_percentage": 50} | body, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == set(body)
    page = signed_in(taught_class.teacher).post(f"/teach/sections/{taught_class.section.pk}/", body)
    assert page.status_code == 400
    assert rules(taught_class.section) == (None, None)


def test_late_rule_holds_for_a_session_that_runs_and_is_written_down(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    taught_class.join(session, 1)
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    returned = taught_class.as_student[1].get("/api/v1/me/session/").json()["sessions"][0]["late_from"]

    taught_class.as_teacher.patch(
        f"/api/v1/sections/{taught_class.section.pk}/", {"late_after_minutes": 0}, format="json"
    )

    assert returned is None
    assert (
        taught_class.as_student[1].get("/api/v1/me/session/").json()["sessions"][0]["late_from"] is not None
    )
    taught_class.mark(session, 1)
    marks = dict(AttendanceRecord.objects.values_list("student", "status"))
    assert marks == {taught_class.students[0].pk: Status.PRESENT, taught_class.students[1].pk: Status.LATE}
    assert settings_written() == [(session.pk, "late_after_minutes=0")]


def test_rules_of_a_section_without_an_open_session_are_no_event(taught_class):
    make_session(section=taught_class.section, status=SessionStatus.ENDED)
    taught_class.as_teacher.patch(
        f"/api/v1/sections/{taught_class.section.pk}/", {"late_after_minutes": 5}, format="json"
    )
    assert rules(taught_class.section) == (None, 5)
    assert settings_written() == []


def test_page_of_a_section_sets_and_clears_its_rules(taught_class):
    page = signed_in(taught_class.teacher)
    url = f"/teach/sections/{taught_class.section.pk}/"

    response = page.post(url, {"minimum_percentage": "75", "late_after_minutes": "10"})

    assert (response.status_code, response.headers["Location"]) == (302, url)
    assert rules(taught_class.section) == (75, 10)
    assert 'value="75"' in page.get(url).content.decode()
    page.post(url, {"minimum_percentage": "", "late_after_minutes": ""})
    assert rules(taught_class.section) == (None, None)


def test_page_of_a_section_is_linked_from_home_and_leads_to_its_sessions(taught_class):
    page = signed_in(taught_class.teacher)
    url = f"/teach/sections/{taught_class.section.pk}/"
    assert f'href="{url}"' in page.get("/teach/").content.decode()
    assert "has had no sessions yet" in text_of(page.get(url))
    session = make_session(section=taught_class.section, status=SessionStatus.ENDED)
    content = page.get(url).content.decode()
    assert f'href="{page_of(session)}"' in content
    assert f'href="{page_of(session, "history/")}"' in content


def test_nobody_else_sees_or_sets_the_rules(taught_class):
    url, api = f"/teach/sections/{taught_class.section.pk}/", f"/api/v1/sections/{taught_class.section.pk}/"
    for user, status in (
        (make_teacher(), 404),
        (students_of(taught_class.section)[0].user, 403),
        (make_admin(), 200),
    ):
        assert signed_in(user).get(url).status_code == status
        assert client_of(user).get(api).status_code == status
        if status != 200:
            assert client_of(user).patch(api, {"minimum_percentage": 1}, format="json").status_code == status
            assert signed_in(user).post(url, {"minimum_percentage": "1"}).status_code == status
    assert rules(taught_class.section) == (None, None)
    assert taught_class.as_teacher.get(f"/api/v1/sections/{2**70}/").status_code == 404
