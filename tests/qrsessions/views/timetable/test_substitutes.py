"""Classes that are given to substitutes, and assistants: the pages of those who give, and of those who were given them."""

import datetime

import pytest
import time_machine
from django.test import Client

from attendance.models import AttendanceRecord, Meeting, MeetingState, TeachingAssignment
from qrsessions.models import QRSession, RefusedScan, SessionStatus
from tests.support import factories
from tests.support.classes import client_of
from tests.support.factories import make_planned
from tests.support.pages import messages_of, teacher_address, text_of

pytestmark = pytest.mark.django_db

# A Wednesday.
NOON = datetime.datetime(2026, 10, 7, 12, tzinfo=datetime.UTC)
TODAY = NOON.date()
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon(settings):
    settings.TIME_ZONE = "UTC"
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def teacher():
    return factories.make_teacher(first_name="Asha", last_name="Rao")


@pytest.fixture
def colleague():
    return factories.make_teacher(username="bshah", first_name="Bo", last_name="Shah")


@pytest.fixture
def section(teacher):
    course = factories.make_course(code="CS101")
    return factories.make_section(course=course, name="A", students=2, teachers=[teacher])


@pytest.fixture
def meeting(section):
    """Tomorrow's class."""
    return make_planned(section=section, starts_at=NOON + DAY)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def given(**fields):
    found = TeachingAssignment.objects.in_force().exclude(role="teacher").filter(**fields)
    return list(found.values_list("user__username", "role", "meeting", "from_date", "to_date"))


def give(user, meeting, name):
    return signed_in(user).post(f"/teach/meetings/{meeting.public_id}/give/", {"colleague": name})


def substitute(section, user, **fields):
    return factories.make_assignment(section=section, user=user, role="substitute", **fields)


def of_days(first, last):
    return {"from_date": first, "to_date": last + DAY}


# --- Giving -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bo shah", "  Bo   Shah ", "BShah", "bshah@example.edu"])
def test_teacher_gives_a_class_by_the_name_of_a_colleague(teacher, colleague, meeting, name):
    page = signed_in(teacher).get(f"/teach/meetings/{meeting.public_id}/")
    assert "Give to a substitute" in text_of(page)

    answer = give(teacher, meeting, name)

    assert messages_of(answer) == ["Bo Shah now has this class, with all the rights of a teacher."]
    assert given(given_by=teacher) == [("bshah", "substitute", meeting.pk, None, None)]
    page = text_of(signed_in(teacher).get(f"/teach/meetings/{meeting.public_id}/"))
    assert "Substitute: Bo Shah" in page
    assert "Give to a substitute" not in page
    assert "Substitutes and assistants" in page


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "Type the name or e-mail address of a teacher."),
        ("Nobody", "There is no teacher with this name or e-mail address."),
        # The beginning of a name is not enough: it might be somebody else's.
        ("Shah", "Did you mean Bo Shah?"),
        ("student", "There is no teacher with this name or e-mail address."),
        ("Twin Name", "Several teachers have this name. Type the e-mail address."),
    ],
)
def test_name_that_is_not_one_teachers_is_refused(teacher, colleague, meeting, name, error):
    factories.make_user(first_name="Student", last_name="Person")
    factories.make_teacher(first_name="Gone", last_name="Shah", is_active=False)
    for _ in range(2):
        factories.make_teacher(first_name="Twin", last_name="Name")

    answer = give(teacher, meeting, name)

    assert answer.status_code == 400
    text = text_of(answer)
    assert error in text
    assert "Student Person" not in text
    assert "@" not in text
    assert given() == []


def test_second_substitute_is_refused_by_name(teacher, colleague, meeting):
    give(teacher, meeting, "bshah")
    other = factories.make_teacher()

    assert messages_of(give(teacher, meeting, other.username)) == [
        "This class has already been given to Bo Shah."
    ]
    assert [row[0] for row in given()] == ["bshah"]


def test_section_page_names_who_teaches_and_only_teachers_add_or_take_back(teacher, colleague, section):
    assistant = factories.make_teacher(first_name="Cy", last_name="Day")
    factories.make_assignment(section=section, user=assistant, role="assistant")
    substitute(section, colleague, **of_days(TODAY, TODAY + 6 * DAY))
    former = factories.make_teacher(first_name="Former", last_name="One")
    factories.make_assignment(section=section, user=former, to_date=TODAY)
    people = f"/teach/sections/{section.pk}/teachers/"

    for user in (teacher, assistant, colleague):
        page = signed_in(user).get(f"/teach/sections/{section.pk}/")
        text = text_of(page)
        assert "Who teaches" in text
        assert "Asha Rao teacher" in text
        assert "Cy Day teaching assistant" in text
        assert "Bo Shah substitute, 7 Oct 2026 – 13 Oct 2026" in text
        assert "Former One" not in text
        assert (people in page.content.decode()) is (user is teacher)
        assert ("Save rules" in text) is (user is teacher)
        assert ("Attendance for another date" in text) is (user is teacher)
    assert "Take back Cy Day" in text_of(signed_in(teacher).get(people))


def test_teacher_adds_a_substitute_for_days_and_an_assistant(teacher, colleague, section):
    people = f"/teach/sections/{section.pk}/teachers/"
    page = signed_in(teacher)

    for sent, error in (
        ({"role": "substitute", "first_day": "2026-10-12"}, "A substitute needs a first and a last day."),
        (
            {"role": "substitute", "first_day": "2026-10-12", "last_day": "2026-10-11"},
            "The last day cannot be before the first.",
        ),
        ({"role": "teacher"}, "Select a valid choice."),
        ({"role": "substitute", "first_day": "2026-10-12", "last_day": "9999-12-31"}, "less than or equal"),
    ):
        refused = page.post(people, {"colleague": "bshah", **sent})
        assert refused.status_code == 400
        assert error in text_of(refused)
    assert given() == []

    sent = {"colleague": "bshah", "role": "substitute", "first_day": "2026-10-12", "last_day": "2026-10-16"}
    assert messages_of(page.post(people, sent)) == ["Bo Shah was added: substitute."]
    again = page.post(people, sent)
    assert (again.status_code, "already teaches the section" in text_of(again)) == (400, True)
    page.post(people, {"colleague": "bshah", "role": "assistant"})

    assert given(given_by=teacher) == [
        ("bshah", "substitute", None, datetime.date(2026, 10, 12), datetime.date(2026, 10, 17)),
        ("bshah", "assistant", None, None, None),
    ]


def test_taking_back_asks_first_and_never_takes_from_a_teacher(teacher, colleague, section, meeting):
    give(teacher, meeting, "bshah")
    own, others = section.assignments.get(role="teacher"), section.assignments.get(role="substitute")
    page, people = signed_in(teacher), f"/teach/sections/{section.pk}/teachers/"

    question = text_of(page.get(f"{people}{others.pk}/take-back/"))
    assert "Take back from Bo Shah?" in question
    assert "substitute, Thu 8 Oct 2026, 12:00" in question
    assert len(given()) == 1
    assert page.post(f"{people}{own.pk}/take-back/").status_code == 404
    other_section = factories.make_section(teachers=[teacher])
    wrong = f"/teach/sections/{other_section.pk}/teachers/{others.pk}/take-back/"
    assert page.post(wrong).status_code == 404
    assert len(given()) == 1

    taken = page.post(f"{people}{others.pk}/take-back/")

    assert messages_of(taken) == ["Taken back: Bo Shah no longer has access."]
    assert given() == []
    assert signed_in(colleague).get(f"/teach/meetings/{meeting.public_id}/").status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"role": "substitute", **of_days(TODAY, TODAY + DAY)}, "substitute, 7 Oct 2026 – 8 Oct 2026"),
        ({"role": "assistant", "from_date": TODAY}, "teaching assistant, from 7 Oct 2026"),
        ({"role": "assistant"}, "teaching assistant"),
    ],
)
def test_question_before_taking_back_names_the_role_and_the_days(teacher, colleague, section, fields, words):
    one = factories.make_assignment(section=section, user=colleague, **fields)

    page = signed_in(teacher).get(f"/teach/sections/{section.pk}/teachers/{one.pk}/take-back/")

    assert f"A · {words} They lose" in text_of(page).replace(str(section), "A")


@pytest.mark.parametrize(
    ("language", "taken_back", "excuse"),
    [("en", "Take back", "Remove the excuse"), ("hi", "वापस लें", "छूट हटाएँ")],
)
def test_taking_back_a_class_and_an_excuse_have_words_of_their_own(
    teacher, colleague, section, meeting, language, taken_back, excuse
):
    give(teacher, meeting, "bshah")
    student = factories.students_of(section)[0]
    page = signed_in(teacher)
    page.post(f"/teach/meetings/{meeting.public_id}/", {"student": student.student_id})
    page.cookies["django_language"] = language

    people = text_of(page.get(f"/teach/sections/{section.pk}/teachers/"))
    class_page = text_of(page.get(f"/teach/meetings/{meeting.public_id}/"))

    assert f"{taken_back} Bo Shah" in people
    assert f"{excuse} {student.name}" in class_page


def test_classes_that_are_over_are_taken_back_also_when_the_rights_have_ended(teacher, colleague, section):
    past = make_planned(section=section, starts_at=NOON - DAY)
    substitute(section, colleague, meeting=past)
    substitute(section, colleague, **of_days(TODAY - 9 * DAY, TODAY - 7 * DAY))
    people = f"/teach/sections/{section.pk}/teachers/"

    assert text_of(signed_in(teacher).get(people)).count("Take back Bo Shah") == 2
    assert "Bo Shah" not in text_of(signed_in(teacher).get(f"/teach/sections/{section.pk}/"))
    for days, has_rights in ((28, True), (29, False)):
        with time_machine.travel(NOON + days * DAY, tick=False):
            today = TODAY + days * DAY
            assert text_of(signed_in(teacher).get(people)).count("Take back Bo Shah") == 2
            assert Meeting.objects.run_by(colleague, on=today).filter(pk=past.pk).exists() is has_rights
            # They still see it, until it is taken back.
            assert Meeting.objects.visible_to(colleague, on=today).filter(pk=past.pk).exists()
    # One that was moved back so far, too.
    Meeting.objects.filter(pk=past.pk).update(date=TODAY - 40 * DAY)
    assert text_of(signed_in(teacher).get(people)).count("Take back Bo Shah") == 2


def test_what_is_too_long_ago_is_not_given(teacher, colleague, section):
    old = make_planned(section=section, starts_at=NOON - 30 * DAY)
    people = f"/teach/sections/{section.pk}/teachers/"
    text = "This was more than 28 days ago, so a substitute could only read it."

    assert messages_of(give(teacher, old, "bshah")) == [text]
    sent = {"role": "substitute", "first_day": "2026-09-01", "last_day": "2026-09-07"}
    refused = signed_in(teacher).post(people, {"colleague": "bshah", **sent})

    assert (refused.status_code, text in text_of(refused)) == (400, True)
    assert given() == []


def test_admin_gives_and_takes_back_in_any_section(colleague, section, meeting):
    admin = factories.make_admin()

    give(admin, meeting, "bshah")

    (assignment,) = TeachingAssignment.objects.filter(given_by=admin)
    signed_in(admin).post(f"/teach/sections/{section.pk}/teachers/{assignment.pk}/take-back/")
    assert given() == []


def test_substitute_does_not_give_it_on(teacher, colleague, meeting):
    give(teacher, meeting, "bshah")
    TeachingAssignment.objects.filter(user=teacher).delete()
    other = factories.make_teacher()

    page = signed_in(colleague).get(f"/teach/meetings/{meeting.public_id}/")

    assert "Give to a substitute" not in text_of(page)
    assert give(colleague, meeting, other.username).status_code == 403
    people = f"/teach/sections/{meeting.section_id}/teachers/"
    assert signed_in(colleague).get(people).status_code == 403
    assert [row[0] for row in given()] == ["bshah"]


# --- The substitute's own pages -----------------------------------------------------------------------


def test_given_class_is_in_the_substitutes_week_with_the_name_of_the_teacher(
    teacher, colleague, section, meeting
):
    other = make_planned(section=section, starts_at=NOON + 2 * HOUR)
    give(teacher, meeting, "bshah")

    week = signed_in(colleague).get("/teach/week/")

    assert "You are the substitute for Asha Rao" in text_of(week)
    assert meeting.public_id in week.content.decode()
    assert other.public_id not in week.content.decode()
    assert "Substitute: Bo Shah" in text_of(signed_in(teacher).get("/teach/week/"))


def test_home_lists_the_section_without_a_button_before_the_day(teacher, colleague, section, meeting):
    give(teacher, meeting, "bshah")

    home = signed_in(colleague).get("/teach/")

    assert "CS101" in text_of(home)
    assert "as a substitute" in text_of(home)
    assert "past section" not in text_of(home)
    assert f"/teach/sections/{section.pk}/open/" not in home.content.decode()
    section_page = text_of(signed_in(colleague).get(f"/teach/sections/{section.pk}/"))
    assert "You are a substitute in this section." in section_page
    assert "You no longer teach" not in section_page
    assert client_of(colleague).get("/api/v1/sections/").json() == []
    refused = signed_in(colleague).post(f"/teach/sections/{section.pk}/open/")
    assert refused.status_code == 403
    assert "As a substitute you can only open the classes that were given to you" in text_of(refused)


def test_assistant_who_is_a_substitute_too_is_told_nothing_of_only_the_given_classes(
    colleague, section, meeting
):
    factories.make_assignment(section=section, user=colleague, role="assistant")
    substitute(section, colleague, meeting=meeting)

    assert "You are a substitute in this section." not in text_of(
        signed_in(colleague).get(f"/teach/sections/{section.pk}/")
    )
    assert "as a substitute" not in text_of(signed_in(colleague).get("/teach/"))


def test_section_moves_to_the_past_ones_after_the_last_day(colleague, section):
    substitute(section, colleague, **of_days(TODAY - 3 * DAY, TODAY - DAY))

    assert "1 past section" in text_of(signed_in(colleague).get("/teach/"))
    page = text_of(signed_in(colleague).get(f"/teach/sections/{section.pk}/"))
    assert "You no longer teach this section." in page


@pytest.mark.parametrize("how", ["page of today", "button of the section", "api"])
def test_substitute_opens_the_class_on_its_day(teacher, colleague, section, how):
    # The teachers' own class is nearer.
    make_planned(section=section, starts_at=NOON)
    meeting = make_planned(section=section, starts_at=NOON + HOUR / 4)
    give(teacher, meeting, "bshah")
    home = signed_in(colleague).get("/teach/")
    assert "You are the substitute for Asha Rao" in text_of(home)
    assert [one["id"] for one in client_of(colleague).get("/api/v1/sections/").json()] == [section.pk]

    if how == "api":
        opened = client_of(colleague).post("/api/v1/sessions/", {"section": section.pk}, format="json")
        assert (opened.status_code, opened.json()["id"]) == (201, meeting.public_id)
    else:
        sent = {"meeting": meeting.public_id} if how == "page of today" else {}
        assert ("meeting" in sent) <= (f'value="{meeting.public_id}"' in home.content.decode())
        signed_in(colleague).post(f"/teach/sections/{section.pk}/open/", sent)

    meeting.refresh_from_db()
    assert meeting.state == MeetingState.OPEN
    session = QRSession.objects.get()
    assert (session.meeting, session.opened_by) == (meeting, colleague)
    page = signed_in(colleague)
    for step in ("lock", "start", "end"):
        page.post(teacher_address(session, f"{step}/"), {"confirmed": "1"})
    meeting.refresh_from_db()
    assert meeting.state == MeetingState.HELD
    assert client_of(teacher).get(f"/api/v1/sessions/{session.public_id}/").json()["status"] == "ended"


@pytest.mark.parametrize("first", ["alone", "in a group"])
def test_opening_again_leads_the_substitute_to_the_open_session(teacher, colleague, section, first):
    meeting = make_planned(section=section, starts_at=NOON)
    give(teacher, meeting, "bshah")
    page, api = signed_in(colleague), client_of(colleague)
    if first == "alone":
        page.post(f"/teach/sections/{section.pk}/open/")
    else:
        page.post("/teach/groups/new/", {"sections": [section.pk]})

    again = api.post("/api/v1/sessions/", {"section": section.pk}, format="json")
    on_page = page.post(f"/teach/sections/{section.pk}/open/")
    group = api.post("/api/v1/group-sessions/", {"sections": [section.pk]}, format="json")

    assert (again.status_code, again.json()["code"]) == (409, "session_open")
    assert again.json()["session"] == meeting.public_id
    assert on_page.headers["Location"] == teacher_address(QRSession.objects.get())
    assert (group.status_code, group.json()["code"]) == (409, "session_open")


def test_session_of_others_is_not_named_to_a_substitute_without_a_class_now(teacher, colleague, section):
    factories.make_session(section=section, at=NOON, opened_by=teacher)
    give(teacher, make_planned(section=section, starts_at=NOON + 5 * HOUR), "bshah")

    answer = client_of(colleague).post("/api/v1/sessions/", {"section": section.pk}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_given")


@pytest.mark.parametrize("how", ["page", "api", "group api"])
def test_substitute_is_told_when_a_class_later_today_can_be_opened(teacher, colleague, section, how):
    meeting = make_planned(section=section, starts_at=NOON + HOUR)
    give(teacher, meeting, "bshah")
    page, api = signed_in(colleague), client_of(colleague)

    def open_it():
        if how == "page":
            return page.post(f"/teach/sections/{section.pk}/open/")
        if how == "api":
            return api.post("/api/v1/sessions/", {"section": section.pk}, format="json")
        return api.post("/api/v1/group-sessions/", {"sections": [section.pk]}, format="json")

    early = open_it()

    assert early.status_code == 403
    assert "can be opened from 12:45." in early.content.decode()
    assert not QRSession.objects.exists()
    with time_machine.travel(NOON + HOUR * 3 / 4, tick=False):
        open_it()
    assert QRSession.objects.get().meeting == meeting


@pytest.mark.parametrize("how", ["page", "api", "group", "group api"])
def test_substitute_of_a_single_class_opens_no_other(teacher, colleague, section, how):
    now = make_planned(section=section, starts_at=NOON - HOUR / 2)
    held = make_planned(section=section, starts_at=NOON - 3 * HOUR, state="held", ended_at=NOON - 2 * HOUR)
    Meeting.objects.filter(pk=held.pk).update(roster_fixed_at=NOON - 2 * HOUR)
    # Teachers are asked before a second session on one day. This one is not the substitute's to see.
    earlier = factories.make_session(section=section, status=SessionStatus.ENDED, at=NOON - 5 * HOUR)
    give(teacher, held, "bshah")
    page, api = signed_in(colleague), client_of(colleague)

    if how == "page":
        answer = page.post(f"/teach/sections/{section.pk}/open/", {"meeting": now.public_id})
        assert answer.status_code == 403
    elif how == "api":
        answer = api.post("/api/v1/sessions/", {"section": section.pk}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_given")
    elif how == "group":
        answer = page.post("/teach/groups/new/", {"sections": [section.pk]})
        assert answer.status_code == 403
    else:
        answer = api.post("/api/v1/group-sessions/", {"sections": [section.pk]}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_given")

    assert "As a substitute you can only open the classes" in answer.content.decode()
    assert QRSession.objects.get() == earlier


def test_substitute_of_a_day_opens_its_unplanned_session_and_only_on_this_day(colleague, section):
    substitute(section, colleague, **of_days(TODAY, TODAY))
    api = client_of(colleague)

    opened = api.post("/api/v1/sessions/", {"section": section.pk}, format="json")

    assert opened.status_code == 201
    assert api.post(f"/api/v1/sessions/{opened.json()['id']}/end/").status_code == 200
    with time_machine.travel(NOON + DAY, tick=False):
        refused = api.post("/api/v1/sessions/", {"section": section.pk}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "no_longer_taught")
        # What was held stays theirs to correct.
        student = factories.students_of(section)[0]
        address = f"/api/v1/sessions/{opened.json()['id']}/records/{student.student_id}/"
        assert api.put(address, {"status": "late"}, format="json").status_code == 200
    assert Meeting.objects.count() == 1


def test_group_is_opened_only_with_sections_that_may_all_be_run(teacher, colleague, section):
    own = factories.make_section(teachers=[colleague])
    make_planned(section=section, starts_at=NOON)
    api = client_of(colleague)

    def open_both():
        return api.post("/api/v1/group-sessions/", {"sections": [own.pk, section.pk]}, format="json")

    assert open_both().json()["code"] == "not_taught"
    give(teacher, Meeting.objects.get(), "bshah")

    opened = open_both()

    assert opened.status_code == 201
    address = f"/api/v1/group-sessions/{opened.json()['id']}/"
    assert api.post(f"{address}start/").status_code == 200
    # The teacher of one section only may not run the group.
    assert client_of(teacher).post(f"{address}end/").status_code == 404
    # As soon as one class is taken back, the colleague may not either.
    TeachingAssignment.objects.filter(role="substitute").update(removed_by_hand=True)
    assert api.post(f"{address}end/").status_code == 404


def test_missing_register_is_shown_to_both_and_the_substitute_types_it(teacher, colleague, section):
    missing = make_planned(section=section, starts_at=NOON - DAY)
    other = make_planned(section=section, starts_at=NOON - 2 * DAY)
    give(teacher, missing, "bshah")
    api = client_of(colleague)

    assert "2 registers not taken" in text_of(signed_in(teacher).get("/teach/"))
    assert "1 register not taken" in text_of(signed_in(colleague).get("/teach/"))
    assert [one["id"] for one in api.get("/api/v1/meetings/missing/").json()] == [missing.public_id]
    page, address = signed_in(colleague), f"/teach/meetings/{missing.public_id}/"
    assert page.get(f"/teach/sessions/{missing.public_id}/paper/").status_code == 200
    assert page.get(f"/teach/sessions/{other.public_id}/paper/").status_code == 404
    page.post(address, {"finish": "absent"})

    missing.refresh_from_db()
    assert missing.state == MeetingState.HELD
    assert set(AttendanceRecord.objects.values_list("meeting", "status")) == {(missing.pk, "absent")}


def test_session_that_the_substitute_left_open_needs_attention_on_the_next_day(colleague, section):
    session = factories.make_session(section=section, at=NOON - DAY, opened_by=colleague)
    factories.make_session(section=factories.make_section(course=section.course), at=NOON - DAY)
    substitute(section, colleague, meeting=session.meeting)

    home = signed_in(colleague).get("/teach/")

    assert text_of(home).count("has been open since Tue 6 Oct, 12:00 (opened by Bo Shah)") == 1
    assert teacher_address(session) in home.content.decode()


def test_substitute_cancels_restores_and_moves_the_class(teacher, colleague, meeting):
    give(teacher, meeting, "bshah")
    page, address = signed_in(colleague), f"/teach/meetings/{meeting.public_id}/"

    page.post(f"{address}cancel/", {"reason": "Ill"})
    meeting.refresh_from_db()
    assert meeting.state == MeetingState.CANCELLED
    page.post(f"{address}restore/")
    sent = {"date": "2026-10-20", "start": "09:00", "end": "10:00"}
    moved = page.post(f"{address}move/", sent, follow=True)

    meeting.refresh_from_db()
    assert (meeting.state, str(meeting.date)) == (MeetingState.PLANNED, "2026-10-20")
    # It is still theirs.
    assert moved.status_code == 200
    assert meeting.public_id in moved.content.decode()


def test_class_that_leaves_the_days_of_a_substitute_is_no_longer_theirs(colleague, section, meeting):
    substitute(section, colleague, **of_days(meeting.date, meeting.date))
    page, address = signed_in(colleague), f"/teach/meetings/{meeting.public_id}/"

    moved = page.post(
        f"{address}move/", {"date": "2026-10-20", "start": "09:00", "end": "10:00"}, follow=True
    )

    assert moved.redirect_chain == [(f"/teach/sections/{section.pk}/", 302)]
    assert moved.status_code == 200
    assert page.get(address).status_code == 404


def test_substitute_follows_the_class_when_a_session_is_held_for_another(teacher, colleague, section):
    """The teacher opened at the wrong class, which was given away, and chooses the right one."""
    wrong = make_planned(section=section, starts_at=NOON - HOUR / 4)
    right = make_planned(section=section, starts_at=NOON + HOUR / 6)
    give(teacher, wrong, "bshah")
    plan = wrong.starts_at
    page = signed_in(teacher)
    page.post(f"/teach/sections/{section.pk}/open/", {"meeting": wrong.public_id})

    page.post(f"/teach/sessions/{wrong.public_id}/class/", {"meeting": right.public_id})

    (own,) = Meeting.objects.run_by(colleague, on=TODAY)
    assert (own, own.starts_at, own.state) == (right, plan, MeetingState.PLANNED)
    assert signed_in(colleague).get(teacher_address(QRSession.objects.get())).status_code == 404


def test_substitute_chooses_only_classes_that_were_given(teacher, colleague, section):
    own = make_planned(section=section, starts_at=NOON - HOUR / 4)
    other = make_planned(section=section, starts_at=NOON + HOUR / 6)
    give(teacher, own, "bshah")
    page = signed_in(colleague)
    page.post(f"/teach/sections/{section.pk}/open/")
    session = QRSession.objects.get()
    before = list(Meeting.objects.order_by("pk").values())

    assert "Not this class?" not in text_of(page.get(teacher_address(session)))
    assert page.post(teacher_address(session, "class/"), {"meeting": other.public_id}).status_code == 404
    assert page.post(teacher_address(session, "class/"), {"meeting": ""}).status_code == 403
    assert list(Meeting.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", ["assistant", "substitute"])
def test_only_teachers_see_the_form_that_adds_a_class(colleague, section, meeting, role, method):
    days = of_days(TODAY, TODAY) if role == "substitute" else {}
    factories.make_assignment(section=section, user=colleague, role=role, **days)
    send = getattr(signed_in(colleague), method)

    answer = send(f"/teach/sections/{section.pk}/meetings/new/", {"makes_up": meeting.public_id})

    assert answer.status_code == 403
    assert "8 Oct" not in text_of(answer)


@pytest.mark.parametrize("wrong", ["\x00", "AAAAAAA\x00", "x", "0000000Z\n", "A" * 5000])
def test_id_of_a_class_that_cannot_be_one_is_not_found(teacher, section, meeting, wrong):
    session = factories.make_session(section=section, at=NOON, opened_by=teacher)
    page, new = signed_in(teacher), f"/teach/sections/{section.pk}/meetings/new/"

    assert page.get(new, {"makes_up": wrong}).status_code == 404
    assert page.post(new, {"makes_up": wrong}).status_code == 404
    assert page.post(teacher_address(session, "class/"), {"meeting": wrong}).status_code == 404


# --- Assistants ---------------------------------------------------------------------------------------


@pytest.fixture
def assistant(section):
    user = factories.make_teacher()
    factories.make_assignment(section=section, user=user, role="assistant")
    return user


def test_pages_show_an_assistant_only_what_they_may_do(assistant, section, meeting):
    page = signed_in(assistant)
    for address in (f"/teach/sections/{section.pk}/", f"/teach/meetings/{meeting.public_id}/"):
        main = page.get(address).content.decode().split("<main")[1]
        for part in (
            "/timetable/",
            "/meetings/new/",
            "/cancel/",
            "/move/",
            "/give/",
            "/teachers/",
            "Save rules",
        ):
            assert part not in main, (address, part)
    make_planned(section=section, starts_at=NOON - 5 * HOUR)
    for address in ("/teach/", "/teach/not-taken/"):
        main = page.get(address).content.decode().split("<main")[1]
        assert "Take now" in main
        assert "/cancel/" not in main
    Meeting.objects.update(state="cancelled", cancel_reason="Ill")
    main = page.get(f"/teach/meetings/{meeting.public_id}/").content.decode().split("<main")[1]
    assert "/restore/" not in main
    assert "/meetings/new/" not in main
    assert "/open/" in page.get(f"/teach/sections/{section.pk}/").content.decode()


def test_assistant_opens_runs_marks_and_types(assistant, section):
    planned = make_planned(section=section, starts_at=NOON - 5 * HOUR)
    api, student = client_of(assistant), factories.students_of(section)[0]
    opened = api.post("/api/v1/sessions/", {"section": section.pk}, format="json").json()["id"]
    for public_id in (opened, planned.public_id):
        address = f"/api/v1/sessions/{public_id}/records/{student.student_id}/"
        assert api.put(address, {"status": "present"}, format="json").status_code == 200
    for step in ("lock", "unlock", "start", "end", "reopen", "end"):
        assert api.post(f"/api/v1/sessions/{opened}/{step}/").status_code == 200
    finish = f"/api/v1/meetings/{planned.public_id}/finish/"
    assert api.post(finish, {"rest": "absent"}, format="json").status_code == 200
    assert set(Meeting.objects.values_list("state", flat=True)) == {MeetingState.HELD}


@pytest.fixture
def reopened(section):
    """A session that was held and reopened, and a student who was enrolled since, whose scan waits."""
    session = factories.make_session(section=section, status=SessionStatus.ENDED, at=NOON - HOUR)
    factories.fill_register(session.meeting)
    Meeting.objects.update(state="open", ended_at=None)
    QRSession.objects.update(status=SessionStatus.ACTIVE)
    late = factories.make_student(name="Late Comer")
    factories.make_enrolment(section=section, student=late, roll_number="33")
    RefusedScan.objects.create(session=session, student=late, scanned_at=NOON, method="qr")
    return QRSession.objects.get(), late


def test_assistant_adds_nobody_to_a_fixed_roster(assistant, teacher, reopened):
    session, late = reopened
    page, api = signed_in(assistant), client_of(assistant)
    records = f"/api/v1/sessions/{session.public_id}/"
    before = AttendanceRecord.objects.count()

    text = text_of(page.get(teacher_address(session)))
    assert f"Late Comer {late.student_id} Mark" not in text
    sent = {"student": late.student_id, "status": "present"}
    assert page.post(teacher_address(session, "mark/"), sent).status_code == 403
    put = api.put(f"{records}records/{late.student_id}/", {"status": "present"}, format="json")
    assert (put.status_code, put.json()["code"]) == (403, "teachers_only")
    named = api.post(f"{records}waiting/", {"student_ids": [late.student_id]}, format="json")
    assert (named.status_code, named.json()["code"]) == (403, "teachers_only")
    assert page.post(teacher_address(session, "admit/"), {"student": late.student_id}).status_code == 403
    # "Admit all" leaves the scan to a teacher.
    assert api.post(f"{records}waiting/", {}, format="json").json()["admitted"] == 0
    assert (AttendanceRecord.objects.count(), RefusedScan.objects.count()) == (before, 1)

    as_teacher = client_of(teacher).post(f"{records}waiting/", {}, format="json")
    assert as_teacher.json()["admitted"] == 1


# --- Queries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3])
def test_week_and_section_take_the_same_queries_however_many_were_given(
    teacher, colleague, section, number, django_assert_num_queries
):
    for day in range(number):
        meeting = make_planned(section=section, starts_at=NOON + day * DAY)
        substitute(section, colleague, meeting=meeting)
    # Its label weights are read too. A test before may have emptied the tables.
    factories.make_rule()
    page = signed_in(colleague)
    for address, queries in (("/teach/week/", 4), (f"/teach/sections/{section.pk}/", 12)):
        with django_assert_num_queries(queries):
            page.get(address)
