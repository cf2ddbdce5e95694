"""The teacher's home page: today's sections, alerts, and hints for new teachers."""

import datetime
import re

import pytest
import time_machine
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from attendance.models import Method, Status, User
from qrsessions.models import GroupSession, QRSession, RefusedScan, SessionEvent, SessionStatus
from qrsessions.queries.alerts import Alert, Kind, alerts_for
from qrsessions.queries.dashboard import free_sections, last_group, taught
from qrsessions.queries.groups import members_of, running_groups
from qrsessions.services import auto_end, corrections, groups, joining, lifecycle
from tests.support.factories import (
    make_admin,
    make_enrolment,
    make_group_session,
    make_meeting,
    make_planned,
    make_record,
    make_section,
    make_session,
    make_student,
    make_teacher,
    students_of,
    user_of,
)
from tests.support.pages import text_of
from tests.support.rosters import SAMPLES, load

pytestmark = pytest.mark.django_db

# A Monday.
MONDAY = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
WEEK = datetime.timedelta(weeks=1)
HOURS = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def on_a_monday():
    with time_machine.travel(MONDAY, tick=True):
        yield


@pytest.fixture
def teacher():
    return make_teacher(username="asha")


@pytest.fixture
def page(teacher) -> Client:
    client = Client()
    client.force_login(teacher)
    return client


@pytest.fixture
def section(teacher):
    return make_section(students=3, teachers=[teacher], name="A")


def ended(section, *, at=MONDAY - 2 * HOURS, **fields) -> QRSession:
    return make_session(section=section, status=SessionStatus.ENDED, at=at, **fields)


def alerts_of(user) -> list[tuple[Kind, str, int]]:
    found = alerts_for(user, taught(user, at=timezone.now()), at=timezone.now())
    return [(alert.kind, alert.session_or_group.public_id, alert.number) for alert in found]


# --- Today ------------------------------------------------------------------------------------------------


def test_today_are_those_that_met_on_this_weekday_by_their_time_of_day(teacher):
    names = {"noon": 3 * HOURS, "morning": -HOURS}
    for name, shift in names.items():
        make_meeting(
            section=make_section(teachers=[teacher], name=name),
            starts_at=MONDAY - WEEK + shift,
            ended_at=MONDAY - WEEK + shift,
        )
    for name, at in {"tuesday": MONDAY - 6 * DAY, "long ago": MONDAY - 5 * WEEK}.items():
        make_meeting(section=make_section(teachers=[teacher], name=name), starts_at=at, ended_at=at)
    make_section(teachers=[teacher], name="never")
    done = make_section(teachers=[teacher], name="done today")
    make_meeting(section=done, starts_at=MONDAY - 3 * HOURS, ended_at=MONDAY - 2 * HOURS)
    make_meeting(section=make_section(name="strange"), starts_at=MONDAY - WEEK)

    found = taught(teacher, at=MONDAY)

    assert [one.section.name for one in found.due_today] == ["morning", "noon", "done today"]
    assert {one.section.name for one in found.not_due} == {"tuesday", "long ago", "never"}


def test_edge_of_four_weeks_counts(teacher, section):
    make_meeting(section=section, starts_at=MONDAY - 4 * WEEK, ended_at=MONDAY - 4 * WEEK)
    assert taught(teacher, at=MONDAY).due_today[0].section == section


def test_weekday_is_the_institutions_and_not_greenwichs(teacher, section, settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    with timezone.override("Asia/Kolkata"):
        sunday_evening = MONDAY - WEEK - 14 * HOURS  # 00:30 on Monday in Kolkata
        make_meeting(section=section, starts_at=sunday_evening, ended_at=sunday_evening)
        assert taught(teacher, at=MONDAY).due_today[0].section == section


def test_page_lists_todays_sections_first_and_opens_one_with_one_click(page, teacher, section):
    make_section(teachers=[teacher], name="Z")
    make_meeting(section=section, starts_at=MONDAY - WEEK, ended_at=MONDAY - WEEK)

    response = page.get("/teach/")

    text = text_of(response)
    assert "Sections that met on a Monday in the last four weeks." in text
    assert text.index("Today") < text.index("A Autumn 2026") < text.index("Other sections")
    opened = page.post(f"/teach/sections/{section.pk}/open/")
    assert opened.headers["Location"] == f"/teach/sessions/{QRSession.objects.get().public_id}/"


def test_today_says_which_open_classes_are_part_of_a_group(page, teacher, section):
    other = make_section(teachers=[teacher], name="Z")
    for one in (section, other):
        make_planned(section=one, starts_at=MONDAY)
    groups.open_group(sections=[section, other], by=teacher, at=MONDAY)

    assert text_of(page.get("/teach/")).count("open · part of a group") == 2


def test_who_can_be_marked_is_folded_in_the_list_and_open_on_the_page_of_a_section(page, section):
    choice = '<details open>\n    <summary class="small soft">Who can be marked?'

    assert "Who can be marked?" in page.get("/teach/").content.decode()
    assert choice not in page.get("/teach/").content.decode()
    assert choice in page.get(f"/teach/sections/{section.pk}/").content.decode()


@pytest.mark.parametrize(
    ("policy", "said"), [("strict", "Only students who joined before"), ("open", "Everyone who scans, even")]
)
def test_page_of_a_session_says_who_can_be_marked(page, section, policy, said):
    session = make_session(section=section, join_policy=policy)

    text = text_of(page.get(f"/teach/sessions/{session.public_id}/"))

    assert f"Who can be marked? {said}" in text


def test_section_page_opens_a_session_and_then_leads_to_it_and_back(page, teacher, section):
    address = f"/teach/sections/{section.pk}/"
    assert "Open session" in text_of(page.get(address))
    page.post(f"{address}open/", {"join_policy": "strict"})
    session = QRSession.objects.get()

    assert f'href="/teach/sessions/{session.public_id}/"' in page.get(address).content.decode()
    assert "Open session" not in text_of(page.get(address))
    of_session = page.get(f"/teach/sessions/{session.public_id}/")
    assert f'href="{address}"' in of_session.content.decode()
    assert f"{section.course} · {section.name}" in text_of(of_session)


def test_sections_that_all_students_have_left_are_listed_as_past(page, teacher, section):
    today = MONDAY.date()
    over = make_section(teachers=[teacher], name="over")
    make_enrolment(section=over, to_date=today)
    make_meeting(section=over, starts_at=MONDAY - WEEK, ended_at=MONDAY - WEEK)
    make_enrolment(section=(later := make_section(teachers=[teacher], name="later")), from_date=today + DAY)
    make_enrolment(section=(half := make_section(teachers=[teacher], name="half")), to_date=today)
    make_enrolment(section=half, to_date=today + DAY)
    empty = make_section(teachers=[teacher], name="empty")

    found = taught(teacher, at=MONDAY)

    assert [one.section for one in found.past] == [over]
    assert found.due_today == []
    assert {one.section for one in found.not_due} == {section, later, half, empty}
    assert over not in free_sections(teacher, at=MONDAY, courses=[])[0]
    text = text_of(page.get("/teach/"))
    assert text.index("empty Autumn 2026") < text.index("1 past section") < text.index("over Autumn 2026")
    assert f"/teach/sections/{over.pk}/open/" not in page.get("/teach/").content.decode()


def test_section_of_a_past_term_is_not_among_the_classes_of_today():
    load(SAMPLES / "oneroster-past-term", on=MONDAY.date())

    assert taught(User.objects.get(username="aosei"), at=MONDAY).not_running == []


def test_open_session_of_a_past_section_is_shown(teacher):
    over = make_section(teachers=[teacher])
    make_enrolment(section=over, to_date=MONDAY.date())
    make_session(section=over)

    found = taught(teacher, at=MONDAY)

    assert ([one.section for one in found.running_alone], found.past) == ([over], [])


# --- Who teaches and studies ------------------------------------------------------------------------------

STUDENTS_LINKS = {'href="/student/"', 'href="/student/attendance/"', 'href="/student/my-qr/"'}


def links_of(client, address) -> set[str]:
    links = re.findall(r'href="[^"]+"', client.get(address).content.decode())
    return {link for link in links if link in STUDENTS_LINKS | {'href="/teach/"'}}


def test_teacher_who_studies_has_both_navigations():
    load(SAMPLES / "ta.csv", on=MONDAY.date())
    client = Client()
    client.force_login(User.objects.get(email="iris@example.edu"))

    for address in ("/teach/", "/student/", "/student/attendance/"):
        assert links_of(client, address) == {*STUDENTS_LINKS, 'href="/teach/"'}


def test_teacher_and_student_have_their_own_navigation(page):
    student = Client()
    student.force_login(user_of(make_student()))

    assert links_of(page, "/teach/") == {'href="/teach/"'}
    assert links_of(student, "/student/attendance/") == STUDENTS_LINKS


def test_only_open_groups_are_running(teacher):
    made = {
        status: make_group_session(
            sections=[make_section(teachers=[teacher]), make_section(teachers=[teacher])],
            status=status,
            at=MONDAY,
            opened_by=teacher,
        )
        for status in (SessionStatus.ACTIVE, SessionStatus.ENDED)
    }

    running = [group for group, _members in running_groups(teacher, on=MONDAY.date())]

    assert running == [made[SessionStatus.ACTIVE]]


def test_group_of_this_weekday_goes_before_a_later_one(teacher):
    sections = [make_section(teachers=[teacher]) for _ in range(3)]
    made: dict[str, GroupSession] = {}
    for name, at in {"monday": MONDAY - WEEK, "friday": MONDAY - 3 * DAY}.items():
        made[name] = make_group_session(
            sections=sections, opened_by=teacher, at=at, status=SessionStatus.ENDED
        )
    last = last_group(teacher, at=MONDAY)
    assert last is not None
    assert last.group_session == made["monday"]
    last = last_group(teacher, at=MONDAY + DAY)
    assert last is not None
    assert last.group_session == made["friday"]


# --- What needs an eye ------------------------------------------------------------------------------------


def test_page_without_problems_shows_no_alerts(page, teacher, section):
    assert alerts_of(teacher) == []
    session = ended(section)
    make_record(meeting=session.meeting, student=students_of(section)[0], status=Status.PRESENT, device="a")
    other = make_section(students=1, teachers=[teacher])
    make_session(section=other, at=MONDAY - HOURS)
    assert alerts_of(teacher) == []
    assert "Needs attention" not in text_of(page.get("/teach/"))


def test_session_left_open_since_yesterday(page, teacher, section):
    session = make_session(section=section, at=MONDAY - DAY, opened_by=make_teacher(first_name="Bo"))
    assert alerts_of(teacher) == [(Kind.LEFT_OPEN, session.public_id, 0)]
    response = page.get("/teach/")
    assert "has been open since Sun 22 Nov, 09:00 (opened by Bo)" in text_of(response)
    assert f'href="/teach/sessions/{session.public_id}/"' in response.content.decode()


def test_scans_that_wait(page, teacher, section):
    session = make_session(section=section, status=SessionStatus.ACTIVE)
    first, second, _ = students_of(section)
    for student in (first, second):
        RefusedScan.objects.create(session=session, student=student, scanned_at=MONDAY, method=Method.QR)
    make_record(meeting=session.meeting, student=second, status=Status.PRESENT)

    assert alerts_of(teacher) == [(Kind.WAITING, session.public_id, 1)]
    response = page.get("/teach/")
    assert "1 scan is waiting to be admitted" in text_of(response)
    assert f'href="/teach/sessions/{session.public_id}/#waiting"' in response.content.decode()


def test_marks_of_two_students_from_one_phone_are_listed(teacher, section):
    session = ended(section)
    for student in students_of(section)[:2]:
        make_record(meeting=session.meeting, student=student, status=Status.PRESENT, device="one")
    make_record(meeting=session.meeting, student=students_of(section)[2], status=Status.PRESENT, device="two")
    elsewhere = ended(make_section(teachers=[teacher]))
    make_record(meeting=elsewhere.meeting, status=Status.PRESENT, device="one")

    assert alerts_of(teacher) == [(Kind.SHARED_PHONE, session.public_id, 2)]


def test_marks_from_one_phone_in_two_sections_of_a_group_count_once(teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(2)]
    both = make_student()
    for section in sections:
        make_enrolment(section=section, student=both)
    group = make_group_session(sections=sections, opened_by=teacher, status=SessionStatus.ACTIVE)
    first, second = members_of(group)
    for member in (first, second):
        make_record(meeting=member.meeting, student=both, status=Status.PRESENT, device="one")
    make_record(
        meeting=first.meeting, student=students_of(sections[0])[0], status=Status.PRESENT, device="one"
    )
    make_record(
        meeting=second.meeting, student=students_of(sections[1])[0], status=Status.PRESENT, device="two"
    )

    assert alerts_of(teacher) == [(Kind.SHARED_PHONE, group.public_id, 2)]


def test_students_who_joined_and_never_scanned_are_listed(teacher, section):
    session = ended(section)
    first, second, third = students_of(section)
    make_record(meeting=session.meeting, student=first, status=Status.ABSENT, method=Method.END)
    make_record(
        meeting=session.meeting, student=second, status=Status.ABSENT, method=Method.END, joined_at=None
    )
    make_record(meeting=session.meeting, student=third, status=Status.ABSENT, method=Method.MANUAL)
    assert alerts_of(teacher) == [(Kind.NEVER_SCANNED, session.public_id, 1)]


@pytest.mark.parametrize("kind", Kind)
def test_every_alert_leads_to_its_session(section, kind):
    session = ended(section)
    alert = Alert(kind, session, session, "C1 · A", number=1, since=MONDAY)
    html = render_to_string("qrsessions/parts/alert.html", {"alert": alert})
    assert f'<a href="/teach/sessions/{session.public_id}/' in html


def test_older_session_of_a_section_needs_no_eye(teacher, section):
    for at in (MONDAY - 2 * DAY, MONDAY - DAY):
        session = ended(section, at=at)
        make_record(meeting=session.meeting, student=students_of(section)[1], status=Status.PRESENT)
    old, new = QRSession.objects.order_by("created_at")
    student = students_of(section)[0]
    make_record(meeting=old.meeting, student=student, status=Status.ABSENT, method=Method.END)
    assert alerts_of(teacher) == []
    make_record(meeting=new.meeting, student=student, status=Status.ABSENT, method=Method.END)
    assert alerts_of(teacher) == [(Kind.NEVER_SCANNED, session.public_id, 1)]
    with time_machine.travel(MONDAY + WEEK):
        assert alerts_of(teacher) == []


def forgotten(section, teacher) -> QRSession:
    at = MONDAY - 10 * HOURS
    session = lifecycle.open_session(section=section, by=teacher, at=at)
    student = students_of(section)[0]
    corrections.correct(session=session, student=student, status=Status.PRESENT, by=teacher, at=at)
    auto_end.end_forgotten(at=at + 6 * HOURS, after=6 * HOURS)
    return QRSession.objects.with_names().get(pk=session.pk)


def test_session_ended_automatically_can_be_reopened_from_here(page, teacher, section):
    session = forgotten(section, teacher)
    assert alerts_of(teacher) == [(Kind.ENDED_BY_ITSELF, session.public_id, 0)]
    response = page.get("/teach/")
    assert "ended automatically at 05:00 on Mon 23 Nov" in text_of(response)
    action = f"/teach/sessions/{session.public_id}/reopen/"
    assert f'action="{action}"' in response.content.decode()

    page.post(action)

    session.refresh_from_db()
    assert session.status == SessionStatus.ACTIVE
    assert alerts_of(teacher) == []

    lifecycle.take_step(session=session, step="end", by=teacher, at=timezone.now())
    assert alerts_of(teacher) == []


def test_session_ended_automatically_has_no_button_while_another_runs(page, teacher, section):
    session = forgotten(section, teacher)
    make_session(section=section)
    assert (Kind.ENDED_BY_ITSELF, session.public_id, 0) in alerts_of(teacher)
    assert "reopen" not in page.get("/teach/").content.decode()


def test_group_ended_automatically_is_one_line(page, teacher):
    sections = [make_section(students=1, teachers=[teacher]) for _ in range(3)]
    at = MONDAY - 10 * HOURS
    group = groups.open_group(sections=sections, by=teacher, at=at, title="Monday lecture")
    joining.join(session_or_group=group, student=students_of(sections[0])[0], at=at)
    auto_end.end_forgotten(at=at + 6 * HOURS, after=6 * HOURS)

    assert alerts_of(teacher) == [
        (Kind.ENDED_BY_ITSELF, group.public_id, 0),
        (Kind.NOBODY_MARKED, group.public_id, 1),
    ]
    response = page.get("/teach/")
    assert f'action="/teach/groups/{group.public_id}/reopen/"' in response.content.decode()
    assert "Monday lecture" in text_of(response)


def test_teacher_of_one_section_of_a_group_sees_its_session(teacher):
    own, other = make_section(students=1, teachers=[teacher]), make_section(students=1)
    group = make_group_session(sections=[own, other], at=MONDAY - DAY)
    member = QRSession.objects.get(meeting__section=own)
    assert alerts_of(teacher) == [(Kind.LEFT_OPEN, member.public_id, 0)]
    assert alerts_of(make_admin()) == [(Kind.LEFT_OPEN, group.public_id, 0)]


def test_sections_of_others_are_not_listed(teacher):
    strange = make_section(students=1)
    make_session(section=strange, at=MONDAY - DAY)
    assert alerts_of(teacher) == []


@pytest.mark.parametrize("rows", [1, 3])
def test_alerts_take_the_same_queries_however_many(teacher, rows, django_assert_num_queries):
    for _ in range(rows):
        section = make_section(students=2, teachers=[teacher])
        forgotten(section, teacher)
    for _ in range(rows):
        sections = [make_section(students=1, teachers=[teacher]) for _ in range(2)]
        make_group_session(sections=sections, at=MONDAY - DAY, opened_by=teacher)
    found = taught(teacher, at=MONDAY)
    with django_assert_num_queries(6):
        assert len(alerts_for(teacher, found, at=MONDAY)) == 2 * rows
    assert SessionEvent.objects.filter(done_by=None).count() == rows


# --- Somebody who is new ----------------------------------------------------------------------------------


def test_words_for_a_new_teacher_until_the_first_session(page, teacher, section):
    assert "How it works" in text_of(page.get("/teach/"))
    page.post(f"/teach/sections/{section.pk}/open/")
    assert "How it works" not in text_of(page.get("/teach/"))


def test_hints_for_a_new_teacher_can_be_dismissed(page, section):
    response = page.post("/teach/welcome/")
    assert response.headers["Location"] == "/teach/"
    assert "How it works" not in text_of(page.get("/teach/"))


def test_new_teacher_with_a_section_sees_three_hints(page, teacher):
    assert "How it works" not in text_of(page.get("/teach/"))
    make_section(teachers=[teacher])
    (words,) = re.findall(
        r'<section class="card welcome".*?</section>', page.get("/teach/").content.decode(), re.DOTALL
    )
    assert words.count("<li>") == 3
