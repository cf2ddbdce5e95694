"""The pages of group sessions: choosing sections, running them as one, their registers, and who may open them."""

import datetime
import html
import re

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attendance.models import AttendanceRecord, GroupSeat, Meeting, MeetingGroup, Method, Status
from qrsessions.codes import tokens
from qrsessions.codes.addresses import scan_url
from qrsessions.codes.qr_images import qr_svg
from qrsessions.models import GroupSession, JoinPolicy, QRSession, RefusedScan, SessionStatus
from qrsessions.queries.groups import members_of
from tests.support.factories import (
    fill_register,
    make_admin,
    make_course,
    make_enrolment,
    make_group_session,
    make_record,
    make_section,
    make_session,
    make_student,
    make_teacher,
    students_of,
)
from tests.support.pages import browser_of, messages_of, shown, states_of, text_of

pytestmark = pytest.mark.django_db

OPEN = "/teach/groups/new/"
TEACH = "/teach/"
STATES = [SessionStatus.CREATED, SessionStatus.LOCKED, SessionStatus.ACTIVE, SessionStatus.ENDED]


@pytest.fixture
def teacher():
    return make_teacher(username="asha", first_name="Asha")


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


@pytest.fixture
def sections(teacher):
    course = make_course(code="CS101", title="Computer Science")
    return [
        make_section(course=course, students=2, teachers=[teacher], name=name) for name in ("A2", "A10", "A1")
    ]


def address(group: GroupSession, rest: str = "") -> str:
    return f"/teach/groups/{group.public_id}/{rest}"


def member_of(group: GroupSession, section) -> QRSession:
    return QRSession.objects.with_names().get(meeting__group=group.group, meeting__section=section)


def statuses() -> set[str]:
    return set(QRSession.objects.values_list("status", flat=True))


def everything() -> list[object]:
    return [
        sorted(model.objects.values_list(), key=str)
        for model in (MeetingGroup, Meeting, QRSession, AttendanceRecord)
    ]


def checked(response) -> list[int]:
    boxes = re.findall(
        r'<input type="checkbox" name="sections" value="(\d+)"([^>]*)>', response.content.decode()
    )
    return [int(value) for value, rest in boxes if "checked" in rest]


def ids(sections) -> list[int]:
    return [section.pk for section in sections]


# --- Who may see them -------------------------------------------------------------------------------------

PAGES = ["", "register/", "bulk/", "curve/", "screen/", "screen/qr.svg", "screen/join.svg"]
ACTIONS = ["lock/", "unlock/", "start/", "end/", "reopen/", "admit/", "sections/", "bulk/"]


@pytest.mark.parametrize("rest", PAGES)
def test_page_redirects_to_sign_in(client, sections, rest):
    url = address(make_group_session(sections=sections), rest)
    assert client.get(url).headers["Location"] == f"{reverse('account_login')}?next={url}"


@pytest.mark.parametrize("rest", PAGES)
def test_page_is_closed_to_students(client, sections, rest):
    client.force_login(students_of(sections[0])[0].user)
    assert client.get(address(make_group_session(sections=sections), rest)).status_code == 403
    assert client.get(OPEN).status_code == 403


@pytest.mark.parametrize("rest", PAGES)
def test_page_is_not_found_without_teaching_all_sections(page, sections, rest):
    group = make_group_session(sections=[*sections, make_section()], status=SessionStatus.ACTIVE)
    assert page.get(address(group, rest)).status_code == 404


@pytest.mark.parametrize("rest", ACTIONS)
def test_action_without_teaching_all_sections_changes_nothing(page, sections, rest):
    group = make_group_session(sections=[*sections, make_section()])
    before = everything()
    assert page.post(address(group, rest), {"section": sections[0].pk}).status_code == 404
    assert everything() == before


@pytest.mark.parametrize("rest", ACTIONS)
def test_action_by_get_changes_nothing_and_redirects_to_the_page(page, sections, rest):
    group = make_group_session(sections=sections)
    before = everything()
    assert page.get(address(group, rest)).headers["Location"] == address(group)
    assert everything() == before


@pytest.mark.parametrize("rest", ACTIONS)
def test_action_without_csrf_token_is_refused(teacher, sections, rest):
    group = make_group_session(sections=sections)
    client = Client(enforce_csrf_checks=True)
    client.force_login(teacher)
    before = everything()
    assert client.post(address(group, rest)).status_code == 403
    assert client.post(OPEN, {"sections": ids(sections)}).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("rest", ["", "register/", "screen/"])
def test_page_is_open_to_admins(client, sections, rest):
    client.force_login(make_admin())
    assert client.get(address(make_group_session(sections=sections), rest)).status_code == 200


@pytest.mark.parametrize("rest", PAGES)
def test_page_of_a_group_is_at_no_other_address(page, sections, rest):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    session = member_of(group, sections[0])
    assert page.get(f"/teach/sessions/{group.public_id}/{rest}").status_code == 404
    assert page.get(f"/teach/groups/{session.public_id}/{rest}").status_code == 404


# --- Opening ----------------------------------------------------------------------------------------------


def test_open_page_lists_the_sections_taught_with_their_totals(page, sections):
    make_section(name="of nobody")
    text = text_of(page.get(OPEN))
    rows = [
        text.index(f"CS101 Computer Science · {name} Autumn 2026 2 students") for name in ("A1", "A2", "A10")
    ]
    assert rows == sorted(rows)
    assert "of nobody" not in text


def test_open_page_shows_who_opened_a_running_section_and_when(page, sections):
    at = datetime.datetime(2026, 10, 5, 10, 4, tzinfo=datetime.UTC)
    make_session(section=sections[0], opened_by=make_teacher(first_name="Omar"), at=at)
    response = page.get(OPEN)
    assert "opened 5 Oct, 10:04 by Omar" in text_of(response)
    assert f'value="{sections[0].pk}" data-students="2" disabled' in response.content.decode()


def test_open_runs_the_picked_sections_as_one(page, teacher, sections):
    response = page.post(
        OPEN, {"sections": ids(sections[:2]), "title": "Monday lecture", "join_policy": "open"}
    )
    group = GroupSession.objects.with_names().get()
    assert response.headers["Location"] == address(group)
    assert (group.opened_by, group.group.title, group.join_policy) == (
        teacher,
        "Monday lecture",
        JoinPolicy.OPEN,
    )
    assert {member.meeting.section for member in members_of(group)} == set(sections[:2])


def test_open_twice_redirects_to_the_running_group(page, sections):
    first = page.post(OPEN, {"sections": ids(sections)})
    second = page.post(OPEN, {"sections": ids(sections)})
    assert second.headers["Location"] == first.headers["Location"]
    assert messages_of(second) == ["This group session is already open."]
    assert GroupSession.objects.count() == 1


def test_open_with_a_running_section_names_it_creates_nothing_and_keeps_the_picks(page, sections):
    at = datetime.datetime(2026, 10, 5, 10, 4, tzinfo=datetime.UTC)
    make_session(section=sections[0], opened_by=make_teacher(first_name="Omar"), at=at)
    before = everything()

    response = page.post(OPEN, {"sections": ids(sections), "title": "Monday", "join_policy": "open"})

    assert response.status_code == 409
    assert f"{sections[0]} (opened by Omar, 10:04)" in text_of(response)
    assert set(checked(response)) == set(ids(sections[1:]))
    assert 'name="title" maxlength="200" autocomplete="off" value="Monday"' in response.content.decode()
    assert 'value="open" checked' in response.content.decode()
    assert everything() == before


@pytest.mark.parametrize("times", [2, 3])
def test_open_with_a_section_listed_twice_names_it_and_creates_nothing(page, sections, times):
    before = everything()
    response = page.post(OPEN, {"sections": [*ids(sections), *ids(sections[:1]) * (times - 1)]})
    assert response.status_code == 400
    assert f"{sections[0]} is listed twice" in text_of(response)
    assert set(checked(response)) == set(ids(sections))
    assert everything() == before


def test_open_with_a_section_of_others_is_refused_without_its_name(page, sections):
    strange = make_section(name="Secret")
    before = everything()
    response = page.post(OPEN, {"sections": ids([*sections, strange])})
    assert response.status_code == 404
    assert f"You do not teach #{strange.pk}." in text_of(response)
    assert "Secret" not in response.content.decode()
    assert set(checked(response)) == set(ids(sections))
    assert everything() == before


def test_open_with_a_section_that_was_the_users_names_it(page, teacher, sections):
    make_group_session(sections=sections, opened_by=teacher, status=SessionStatus.ENDED)
    sections[0].teachers.clear()
    assert f"You do not teach {sections[0]}." in text_of(page.post(OPEN, {"sections": ids(sections)}))


@pytest.mark.parametrize("sent", [[], ["x"], ["-1"], ["²"], [""], ["9" * 19], ["9" * 5000], ["\0"]])
def test_open_with_no_section_or_nonsense_is_refused(page, sections, sent):
    before = everything()
    assert page.post(OPEN, {"sections": sent}).status_code == 400
    assert everything() == before


@pytest.mark.parametrize("rest", [{"title": "x" * 201}, {"title": "\0"}, {"join_policy": "maybe"}])
def test_invalid_open_is_refused_and_keeps_the_selection(page, sections, rest):
    before = everything()
    response = page.post(OPEN, {"sections": ids(sections), **rest})
    assert response.status_code == 400
    assert set(checked(response)) == set(ids(sections))
    assert everything() == before


# --- Same as last time ------------------------------------------------------------------------------------


def same_as_last_time(page, url: str):
    """Submit the button's form as a browser without scripts does."""
    shown_page = page.get(url).content.decode()
    form = re.search(r'<section class="card last-group".*?</section>', shown_page, re.DOTALL)
    assert form
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[0]):
        fields.setdefault(name, []).append(html.unescape(value))
    return page.post(OPEN, fields)


@pytest.mark.parametrize("url", [TEACH, OPEN])
def test_same_as_last_time_is_one_click(page, teacher, sections, url):
    old = make_group_session(
        sections=sections[:2],
        opened_by=teacher,
        status=SessionStatus.ENDED,
        join_policy=JoinPolicy.OPEN,
        at=timezone.now() - datetime.timedelta(days=2),
    )
    MeetingGroup.objects.update(title="Monday & Co")
    same_as_last_time(page, url)
    new = GroupSession.objects.with_names().exclude(pk=old.pk).get()
    assert (new.group.title, new.join_policy) == ("Monday & Co", "open")
    assert {member.meeting.section for member in members_of(new)} == set(sections[:2])


def test_same_as_last_time_explains_what_prevents_it(page, teacher, sections):
    make_group_session(sections=sections, opened_by=teacher, status=SessionStatus.ENDED)
    make_session(section=sections[0], opened_by=make_teacher(first_name="Omar"))
    sections[1].teachers.clear()
    response = page.get(TEACH)
    text = text_of(response)
    assert "Open the same group" not in text
    assert f"{sections[0]} has been open since" in text
    assert "(opened by Omar)" in text
    assert f"You no longer teach {sections[1]}." in text


def test_same_as_last_time_is_not_offered_while_it_runs_or_for_others(page, teacher, sections):
    make_group_session(sections=sections[:1], opened_by=make_teacher(), status=SessionStatus.ENDED)
    assert "Open the same group" not in text_of(page.get(TEACH))
    make_group_session(sections=sections, opened_by=teacher)
    assert "Open the same group" not in text_of(page.get(TEACH))


# --- The list of classes ----------------------------------------------------------------------------------


def test_classes_show_a_running_group_once_with_its_totals(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    for section in sections:
        session = member_of(group, section)
        make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT)
    text = text_of(page.get(TEACH))
    assert "CS101 Computer Science Group of 3 sections · Taking attendance" in text
    assert "3 attended · 3 joined of 6" in text
    assert text.count("Go to group") == 1
    assert "Go to session" not in text


def test_classes_show_a_member_of_a_group_that_is_not_the_users(page, sections):
    make_group_session(sections=[sections[0], make_section()], opened_by=make_teacher(first_name="Omar"))
    text = text_of(page.get(TEACH))
    assert "in Omar's group" in text
    assert text.count("Go to session") == 1
    assert "Go to group" not in text


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("url", "queries"), [(TEACH, 26), (OPEN, 9)])
def test_classes_need_the_same_queries_however_many_groups_run(
    page, teacher, sections, rows, url, queries, django_assert_num_queries
):
    make_group_session(sections=sections[:rows], opened_by=teacher, status=SessionStatus.ENDED)
    for _ in range(rows):
        make_group_session(sections=[make_section(students=1, teachers=[teacher]) for _ in range(rows)])
    # user; on the home page: open sessions, those of this weekday, groups and their members, names of sections, the
    # sections and their last sessions, counts of unverified sets; on the other: open sessions, names, sections;
    # the last group, its sections, and whether they are free; on the home page, five for alerts, and whether
    # the teacher is new
    with django_assert_num_queries(queries):
        page.get(url)


# --- The group page ---------------------------------------------------------------------------------------


def test_group_shows_its_numbers_and_each_section(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    for section, number in zip(sections, (2, 1, 0), strict=True):
        for student in students_of(section)[:number]:
            make_record(meeting=member_of(group, section).meeting, student=student, status=Status.PRESENT)
    text = text_of(page.get(address(group)))
    assert "Group of 3 sections" in text
    assert "3 attended 0 late 3 joined 6 enrolled 50 % attendance" in text
    assert (
        "A1 : see students 0 of 2 0 joined A2 : see students 2 of 2 2 joined A10 : see students 1 of 2 1 joined"
    ) in text


@pytest.mark.parametrize(
    ("status", "primary", "others"),
    [
        (SessionStatus.CREATED, "lock", {"start", "end"}),
        (SessionStatus.LOCKED, "start", {"unlock", "end"}),
        (SessionStatus.ACTIVE, "end", set()),
        (SessionStatus.ENDED, None, {"reopen"}),
    ],
)
def test_group_offers_the_buttons_of_its_state(page, sections, status, primary, others):
    group = make_group_session(sections=sections, status=status)
    source = page.get(address(group)).content.decode()
    buttons = source[source.index('<div class="acts ') : source.index('id="live"')]
    offered = dict(re.findall(r'(?s)action="/teach/groups/\w+/(\w+)/".*?<button class="([^"]+)"', buttons))
    assert [step for step, kind in offered.items() if "primary" in kind] == ([primary] if primary else [])
    assert set(offered) - {primary} == others
    assert f'href="{address(group, "screen/")}"' in buttons


def test_group_steps_lead_all_sessions_through_their_life(page, sections):
    group = make_group_session(sections=sections)
    make_record(meeting=members_of(group)[0].meeting, status=Status.PRESENT)
    seen = []
    for step in ["lock", "unlock", "lock", "start", "end", "reopen", "end"]:
        response = page.post(address(group, f"{step}/"))
        assert response.headers["Location"] == address(group)
        assert messages_of(response) == []
        seen.append(statuses())
    assert seen == [{"locked"}, {"created"}, {"locked"}, {"active"}, {"ended"}, {"active"}, {"ended"}]


def test_group_step_clicked_twice_is_no_error_and_an_impossible_one_is(page, sections):
    group = make_group_session(sections=sections)
    page.post(address(group, "lock/"))
    assert messages_of(page.post(address(group, "lock/"))) == []
    assert len(messages_of(page.post(address(group, "reopen/")))) == 1
    assert statuses() == {"locked"}


@pytest.mark.parametrize("number", [1, 3])
def test_group_needs_the_same_queries_however_many_sections(
    page, sections, number, django_assert_num_queries
):
    group = make_group_session(sections=sections[:number], status=SessionStatus.ACTIVE)
    # user; group, members; counts of unverified sets; waiting scans; arrivals; free sections; late students;
    # labels and reasons
    with django_assert_num_queries(11):
        page.get(address(group))


def test_group_of_one_empty_section_works(page, teacher):
    group = make_group_session(sections=[make_section(teachers=[teacher], name="Empty")])
    text = text_of(page.get(address(group)))
    assert "Group of 1 section" in text
    assert "0 % attendance" in text
    assert "No students are enrolled in these sections" in text_of(page.get(address(group, "register/")))
    assert "of 0 joined" in text_of(page.get(address(group, "screen/")))


def test_group_admits_waiting_scans_of_all_sections(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    students = [students_of(section)[0] for section in sections]
    for section, student in zip(sections, students, strict=True):
        session = member_of(group, section)
        RefusedScan.objects.create(
            session=session, student=student, scanned_at=session.created_at, method=Method.QR
        )
    assert "Waiting to be admitted 3" in text_of(page.get(address(group)))

    response = page.post(address(group, "admit/"), {"student": students[0].student_id})
    assert messages_of(response) == ["1 student admitted."]
    page.get(address(group))
    assert messages_of(page.post(address(group, "admit/"))) == ["2 students admitted."]
    marked = AttendanceRecord.objects.filter(status=Status.PRESENT).values_list("student", flat=True)
    assert set(marked) == {student.pk for student in students}
    page.get(address(group))
    assert messages_of(page.post(address(group, "admit/"))) == ["There was no one left to admit."]


def test_section_is_added_in_the_state_of_the_group(page, sections):
    group = make_group_session(sections=sections[:2], status=SessionStatus.ACTIVE)
    source = page.get(address(group)).content.decode()
    assert re.findall(r'<option value="(\d+)">', source) == [str(sections[2].pk)]
    response = page.post(address(group, "sections/"), {"section": sections[2].pk})
    assert messages_of(response) == [f"{sections[2]} has been added to the group."]
    assert member_of(group, sections[2]).status == SessionStatus.ACTIVE


@pytest.mark.parametrize("which", ["running", "strange", "nonsense", "inside"])
def test_section_that_cannot_be_added_is_named_and_nothing_changes(page, sections, which):
    group = make_group_session(sections=sections[:2])
    make_session(section=sections[2])
    wanted = {
        "running": sections[2].pk,
        "strange": make_section().pk,
        "nonsense": "x",
        "inside": sections[0].pk,
    }[which]
    before = everything()
    response = page.post(address(group, "sections/"), {"section": wanted})
    assert len(messages_of(response)) == 1
    assert everything() == before


def test_ended_group_offers_its_registers_and_no_more_sections(page, sections):
    group = make_group_session(sections=sections[:2], status=SessionStatus.ENDED)
    source = page.get(address(group)).content.decode()
    assert "Group register" in source
    assert "Add a section" not in source


# --- A member's page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATES)
def test_member_is_run_with_its_group(page, sections, status):
    group = make_group_session(sections=sections, status=status)
    session = member_of(group, sections[0])
    url = f"/teach/sessions/{session.public_id}/"
    source = page.get(url).content.decode()
    posts = set(re.findall(r'action="/teach/sessions/\w+/(\w+)/"', source))
    assert posts == {"admit", "bulk", "mark"} | (set() if status == SessionStatus.ENDED else {"leave"})
    assert f'href="{address(group)}"' in source
    assert f"{url}screen/" not in source
    assert page.get(f"{url}screen/").headers["Location"] == address(group, "screen/")
    assert page.get(f"{url}screen/qr.svg").status_code == 404


def test_member_of_another_teachers_group_has_no_link_to_it(page, sections):
    group = make_group_session(sections=[sections[0], make_section()])
    response = page.get(f"/teach/sessions/{member_of(group, sections[0]).public_id}/")
    assert group.public_id not in response.content.decode()
    assert "which includes sections that you do not teach" in text_of(response)


def test_member_removed_from_the_group_continues_alone(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    session = member_of(group, sections[0])
    url = f"/teach/sessions/{session.public_id}/"
    student = students_of(sections[0])[0]
    make_record(meeting=session.meeting, student=student, status=Status.PRESENT)

    response = page.post(f"{url}leave/")

    assert response.headers["Location"] == url
    assert "now runs on its own" in messages_of(response)[0]
    assert Meeting.objects.get(pk=session.pk).group is None
    assert "1 attended 0 late 1 joined 2 enrolled" in text_of(page.get(url))
    assert page.get(f"{url}screen/qr.svg").status_code == 200
    assert "Group of 2 sections" in text_of(page.get(address(group)))


@pytest.mark.parametrize("status", [SessionStatus.CREATED, SessionStatus.ENDED])
def test_member_that_cannot_leave_gets_a_message(page, sections, status):
    group = make_group_session(sections=sections[:1], status=status)
    before = everything()
    response = page.post(f"/teach/sessions/{member_of(group, sections[0]).public_id}/leave/")
    assert len(messages_of(response)) == 1
    assert everything() == before


# --- The register -----------------------------------------------------------------------------------------


def test_register_lists_each_student_once_by_section_and_roll(page, teacher):
    course = make_course(code="CS101")
    both = make_student(name="Both")
    one = make_section(course=course, teachers=[teacher], name="A10")
    two = make_section(course=course, teachers=[teacher], name="A2", students=[both])
    for name, roll in (("Ten", "10"), ("Nine", "9")):
        make_enrolment(section=one, student=make_student(name=name), roll_number=roll)
    make_enrolment(section=one, student=both, roll_number="1")
    group = make_group_session(sections=[one, two], status=SessionStatus.ACTIVE)
    GroupSeat.objects.create(group=group.group, student=both, meeting=member_of(group, two).meeting)
    for section in (one, two):
        meeting = member_of(group, section).meeting
        make_record(meeting=meeting, student=both, status=Status.PRESENT, roll_number="01")

    response = page.get(address(group, "register/"))

    names = re.findall(r'<th scope="row"><span data-name>(\w+)', response.content.decode())
    assert names == ["Both", "Nine", "Ten"]
    assert re.search(
        r"A2 01 Both present .* A10 9 Nine not joined .* A10 10 Ten not joined", text_of(response)
    )
    assert "All 3 Joined, not scanned 0 Not joined 2 Present 1 Late 0" in text_of(response)


@pytest.mark.parametrize("number", [1, 3])
def test_register_needs_the_same_queries_however_many_sections(
    page, sections, number, django_assert_num_queries
):
    group = make_group_session(sections=sections[:number], status=SessionStatus.ENDED)
    # the same; shared phones; the group's meetings and the traces of their scans; the register; who was not enrolled then;
    # labels and reasons
    with django_assert_num_queries(12):
        page.get(address(group, "register/"))


# --- The screen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATES)
def test_screen_shows_the_group_and_each_section_and_no_name(page, teacher, status):
    course = make_course(code="CS101", title="Computer Science")
    student = make_student(name="Somebody Private")
    sections = [
        make_section(course=course, teachers=[teacher], name="A", students=[student]),
        make_section(course=course, teachers=[teacher], name="B", students=2),
    ]
    group = make_group_session(sections=sections, status=status)
    make_record(meeting=member_of(group, sections[0]).meeting, student=student, status=Status.PRESENT)
    fill_register(member_of(group, sections[1]).meeting)
    response = page.get(address(group, "screen/"))
    assert f'data-status="{status}"' in response.content.decode()
    assert "of 3 present 1 joined" in text_of(response)
    assert "A 1 1 / 1 B 0 0 / 2" in text_of(response)
    assert "Somebody" not in response.content.decode()


@pytest.mark.parametrize(("number", "rows"), [(1, 0), (24, 24), (25, 0)])
def test_screen_has_a_bar_for_each_section_as_long_as_they_are_legible(page, teacher, number, rows):
    course = make_course()
    group = make_group_session(
        sections=[make_section(course=course, teachers=[teacher], name=f"S{n}") for n in range(number)]
    )
    response = page.get(address(group, "screen/"))
    assert response.content.decode().count("<li data-session=") == rows
    assert f'data-sections="{number}"' in response.content.decode()


def test_screen_image_shows_the_token_of_the_group(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    step = tokens.step_at(timezone.now())
    response = page.get(address(group, "screen/qr.svg"))
    possible = [
        qr_svg(
            scan_url(
                response.wsgi_request,
                tokens.make(public_id=group.public_id, secret=group.secret, step=step + late),
            )
        )
        for late in (0, 1)
    ]
    assert response.content.decode() in possible


@pytest.mark.parametrize("status", [SessionStatus.CREATED, SessionStatus.LOCKED, SessionStatus.ENDED])
def test_screen_has_no_image_of_a_token_unless_attendance_is_taken(page, sections, status):
    group = make_group_session(sections=sections, status=status)
    assert page.get(address(group, "screen/qr.svg")).status_code == 404


@pytest.mark.parametrize("number", [1, 3])
def test_screen_needs_the_same_queries_however_many_sections(
    page, sections, number, django_assert_num_queries
):
    group = make_group_session(sections=sections[:number], status=SessionStatus.ACTIVE)
    with django_assert_num_queries(5):
        page.get(address(group, "screen/"))


@pytest.mark.parametrize("status", STATES)
def test_page_holds_no_inline_script_or_style_and_escapes_names(page, teacher, status):
    section = make_section(name="<i>A</i>", students=[make_student(name="<b>Bo</b>")], teachers=[teacher])
    other = make_section(name="B", teachers=[teacher], course=section.course)
    group = make_group_session(sections=[section, other], status=status)
    member = f"/teach/sessions/{member_of(group, section).public_id}/"
    for url in (TEACH, OPEN, member, address(group), address(group, "register/"), address(group, "screen/")):
        source = page.get(url).content.decode()
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", source)
        assert "<i>A" not in source
        assert "<b>Bo" not in source


# --- The student's page -----------------------------------------------------------------------------------


@pytest.fixture
def student_of_two(sections):
    student = make_student()
    for section in sections[:2]:
        make_enrolment(section=section, student=student)
    return student


def test_student_of_two_sections_chooses(sections, student_of_two):
    make_group_session(sections=sections)
    source = browser_of(student_of_two).get("/student/").content.decode()
    assert states_of(source) == ["choose"]
    assert re.findall(r'name="section" value="(\d+)"', source) == [
        str(section.pk) for section in sections[:2]
    ]
    assert "Join with CS101 · A2" in shown(source)


def test_student_joins_the_chosen_section_without_script(sections, student_of_two):
    group = make_group_session(sections=sections)
    client = browser_of(student_of_two)
    card = re.search(r'name="session" value="(\w+)"', client.get("/student/").content.decode())
    assert card
    client.post("/student/join/", {"session": card[1], "section": sections[1].pk})
    seat = GroupSeat.objects.get()
    assert seat.meeting == member_of(group, sections[1]).meeting
    source = client.get("/student/").content.decode()
    assert states_of(source) == ["waiting"]
    assert "CS101 · A10" in shown(source)


@pytest.mark.parametrize("section", ["", "x", "0", "-1", "9" * 30])
def test_student_who_chooses_no_section_joins_nothing(sections, student_of_two, section):
    group = make_group_session(sections=sections)
    session = member_of(group, sections[0])
    response = browser_of(student_of_two).post(
        "/student/join/", {"session": session.public_id, "section": section}
    )
    assert len(list(get_messages(response.wsgi_request))) == 1
    assert not AttendanceRecord.objects.exists()


def test_student_of_one_section_joins_with_one_tap(sections):
    group = make_group_session(sections=sections)
    student = students_of(sections[0])[0]
    client = browser_of(student)
    assert states_of(client.get("/student/").content.decode()) == ["join"]
    client.post("/student/join/", {"session": member_of(group, sections[0]).public_id})
    assert states_of(client.get("/student/").content.decode()) == ["waiting"]


def scan(client, group):
    token = tokens.make(public_id=group.public_id, secret=group.secret, step=tokens.step_at(timezone.now()))
    return client.get(f"/A/{token}")


def test_scan_of_a_student_outside_the_group_names_the_class(sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    client = browser_of(make_student())
    claim = re.search(r'name="claim" value="([^"]+)"', scan(client, group).content.decode())
    assert claim
    response = client.post("/scan/", {"claim": claim[1]})
    assert response.status_code == 403
    assert (
        "You are not enrolled in any section of this class (CS101). Ask your teacher to enrol you."
        in shown(response.content.decode())
    )


def test_scan_of_the_groups_teacher_leads_to_the_group(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    response = scan(page, group)
    assert response.status_code == 403
    assert f'href="{address(group)}"' in response.content.decode()


def test_bulk_of_a_group_asks_then_marks_and_returns_to_the_list(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    assert "Students who are not marked: 6" in text_of(page.get(address(group, "bulk/"), {"of": "unmarked"}))
    response = page.post(address(group, "bulk/"), {"of": "unmarked"})
    assert response.headers["Location"] == address(group, "register/")
    assert set(AttendanceRecord.objects.values_list("status", flat=True)) == {"absent"}
    assert AttendanceRecord.objects.count() == 6


def test_ended_group_shows_a_summary_and_students_who_joined_but_never_scanned(page, sections):
    group = make_group_session(sections=sections, status=SessionStatus.ACTIVE)
    student = students_of(sections[0])[0]
    make_record(meeting=member_of(group, sections[0]).meeting, student=student, roll_number="01")
    page.post(address(group, "end/"), {"confirmed": "1"})
    text = text_of(page.get(address(group)))
    assert "Summary Present 0 Late 0 Excused 0 Absent 6 Joined, but not scanned 1" in text
    assert f"{student.name} A2 · 01 absent Change {student.name}" in text
