"""What a waiting phone is answered: true at every moment, with an ETag, in at most three queries."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from attendance import stats
from attendance.models import Enrolment, Meeting, Status
from config.accounts.authentication import signed_in_users
from qrsessions.models import QRSession, SessionStatus
from qrsessions.services import groups
from tests.support import factories
from tests.support.classes import Class, client_of
from tests.support.postgres.statements import statements_sent

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/me/session/"


def told(client: APIClient) -> list[dict[str, Any]]:
    """The sessions of the answer, without the moment of the counts."""
    sessions = client.get(URL).json()["sessions"]
    for session in sessions:
        del session["stats"]["as_of"]
    return sessions


def poll(phone: APIClient, etag: str):
    return phone.get(URL, headers={"If-None-Match": etag})


@pytest.fixture
def phone(taught_class: Class) -> APIClient:
    return taught_class.as_student[0]


@pytest.mark.parametrize("sessions", [1, 3])
@pytest.mark.parametrize("by_token", [True, False])
def test_poll_takes_at_most_three_queries_with_any_number_of_sessions(
    taught_class, phone, sessions, by_token
):
    taught_class.join(taught_class.open())
    for _ in range(sessions - 1):
        section = factories.make_section(teachers=[taught_class.teacher])
        factories.make_enrolment(section=section, student=taught_class.students[0])
        factories.make_session(section=section)
    if by_token:
        phone = APIClient(
            headers={"Authorization": f"Token {factories.key_of(taught_class.students[0].user)}"}
        )
    assert len(told(phone)) == sessions

    with statements_sent() as remembered:
        phone.get(URL)
    signed_in_users.clear()
    with statements_sent() as first:
        phone.get(URL)

    # What is open. The counts come from Redis.
    assert len(remembered) == 1, remembered
    # And before it the token with its user, or the browser's session and the user.
    assert len(first) == (2 if by_token else 3), first


def test_etag_that_a_proxy_made_weak_is_known(taught_class, phone):
    etag = phone.get(URL)["ETag"]

    assert poll(phone, f"W/{etag}").status_code == 304


def test_unchanged_answer_is_304_with_the_same_etag(taught_class, phone):
    session = taught_class.open()
    taught_class.join(session)
    etag = phone.get(URL)["ETag"]

    unchanged = poll(phone, etag)
    taught_class.join(session, 1)
    changed = poll(phone, etag)

    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
    assert changed.json()["sessions"][0]["stats"]["total_joined"] == 2
    assert changed["ETag"] != etag
    assert changed["Cache-Control"] == "no-store"


def test_answer_is_the_same_while_redis_is_away_but_for_its_source(taught_class, phone):
    session = taught_class.open()
    taught_class.join(session)
    before = told(phone)
    stats.breaker.failed()

    (away,) = told(phone)

    stats.breaker.succeeded()
    assert away["stats"].pop("source") == "database"
    assert before[0]["stats"].pop("source") == "redis"
    assert [away] == before


def test_page_of_somebody_else_is_refused(taught_class, phone):
    taught_class.open()

    answer = phone.get(URL, headers={"X-Rollcall-User": "0"})

    assert (answer.status_code, answer.json()["code"]) == (409, "other_user")


def test_choices_are_offered_only_to_who_may_choose(taught_class):
    other = factories.make_section(teachers=[taught_class.teacher])
    factories.make_enrolment(section=other, student=taught_class.students[0])
    groups.open_group(sections=[taught_class.section, other], by=taught_class.teacher, at=timezone.now())

    assert [[len(one["choices"]) for one in told(client)] for client in taught_class.as_student] == [
        [2],
        [0],
        [0],
    ]


def open_for(student, status: SessionStatus = SessionStatus.ACTIVE, *, joined: bool = True, mark: Any = None):
    """A session of another section of the student's."""
    session = factories.make_session(section=factories.make_section(students=[student]), status=status)
    if joined:
        factories.make_record(meeting=session.meeting, student=student, roll_number="01", status=mark)
    return session.public_id


def test_what_the_student_can_do_now_comes_first(taught_class, phone):
    """Within each kind the newest comes first."""
    student = taught_class.students[0]
    scan = open_for(student)
    to_be_admitted = open_for(student, joined=False)
    join, newer_join = [open_for(student, SessionStatus.CREATED, joined=False) for _ in range(2)]
    wait = open_for(student, SessionStatus.LOCKED)
    locked = open_for(student, SessionStatus.LOCKED, joined=False)
    done = open_for(student, mark=Status.PRESENT)

    found = [one["id"] for one in told(phone)]

    assert found == [scan, to_be_admitted, newer_join, join, locked, wait, done]


@pytest.mark.parametrize(
    ("others", "wait"),
    [
        ([], range(15_000, 20_001)),
        ([{"mark": Status.LATE}], range(15_000, 20_001)),
        ([{}], range(2_000, 5_000)),
        ([{"status": SessionStatus.CREATED, "joined": False}], range(2_000, 5_000)),
    ],
    ids=["alone", "marked twice", "one to scan", "one to join"],
)
def test_marked_student_with_nothing_else_open_asks_seldom(taught_class, phone, others, wait):
    """The page adds up to half of the wait at random, so it asks every 15 to 30 s."""
    open_for(taught_class.students[0], mark=Status.PRESENT)
    for other in others:
        open_for(taught_class.students[0], **other)

    assert phone.get(URL).json()["poll_after_ms"] in wait


def test_waiting_student_asks_often(taught_class, phone):
    assert phone.get(URL).json()["poll_after_ms"] == 3000
    taught_class.join(taught_class.open())

    assert phone.get(URL).json()["poll_after_ms"] == 3000


def opened_elsewhere(taught_class: Class, session: QRSession) -> None:
    other = factories.make_section(teachers=[taught_class.teacher])
    factories.make_enrolment(section=other, student=taught_class.students[0])
    taught_class.as_teacher.post("/api/v1/sessions/", {"section": other.pk}, format="json")


def marked_by_hand(status):
    def act(taught_class: Class, session: QRSession) -> None:
        student = taught_class.students[0].student_id
        url = f"/api/v1/sessions/{session.public_id}/records/{student}/"
        assert taught_class.as_teacher.put(url, {"status": status}, format="json").status_code == 200

    return act


def admitted(taught_class: Class, session: QRSession) -> None:
    taught_class.step(session, "start")
    assert taught_class.mark(session).json()["code"] == "not_joined"
    taught_class.as_teacher.post(f"/api/v1/sessions/{session.public_id}/waiting/", {}, format="json")


def put_into_a_group(taught_class: Class, session: QRSession) -> None:
    taught_class.step(session, "end")
    sections = [taught_class.section, factories.make_section(students=1, teachers=[taught_class.teacher])]
    groups.open_group(sections=sections, by=taught_class.teacher, at=timezone.now())


def taken_out_of_a_group(taught_class: Class, session: QRSession) -> None:
    put_into_a_group(taught_class, session)
    told(taught_class.as_student[0])
    session = QRSession.objects.get(meeting__section=taught_class.section, meeting__ended_at=None)
    groups.leave_group(session=session, by=taught_class.teacher, at=timezone.now())


def steps(*names):
    def act(taught_class: Class, session: QRSession) -> None:
        for name in names:
            assert taught_class.step(session, name).status_code == 200
            told(taught_class.as_student[0])

    return act


def joined_and_marked(taught_class: Class, session: QRSession) -> None:
    taught_class.join(session)
    told(taught_class.as_student[0])
    taught_class.step(session, "start")
    told(taught_class.as_student[0])
    assert taught_class.mark(session).status_code == 201


def enrolled_late(taught_class: Class, session: QRSession) -> None:
    other = factories.make_section(teachers=[taught_class.teacher])
    taught_class.as_teacher.post("/api/v1/sessions/", {"section": other.pk}, format="json")
    told(taught_class.as_student[0])
    factories.make_enrolment(section=other, student=taught_class.students[0])


def enrolment_taken_away(taught_class: Class, session: QRSession) -> None:
    Enrolment.objects.get(section=taught_class.section, student=taught_class.students[0]).delete()


def deleted(taught_class: Class, session: QRSession) -> None:
    Meeting.objects.get(pk=session.pk).delete()


EVENTS = {
    "opened elsewhere": opened_elsewhere,
    "present by hand": marked_by_hand("present"),
    "late by hand": marked_by_hand("late"),
    "excused by hand": marked_by_hand("excused"),
    "absent by hand": marked_by_hand("absent"),
    "admitted": admitted,
    "put into a group": put_into_a_group,
    "taken out of a group": taken_out_of_a_group,
    "locked": steps("lock"),
    "locked and unlocked": steps("lock", "unlock"),
    "started": steps("start"),
    "ended": steps("start", "end"),
    "reopened": steps("start", "end", "reopen"),
    "joined and marked": joined_and_marked,
    "enrolled late": enrolled_late,
    "enrolment taken away": enrolment_taken_away,
    "deleted": deleted,
}


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_in_the_next_answer(taught_class, phone, event):
    session = taught_class.open()
    before = told(phone)

    EVENTS[event](taught_class, session)

    now = told(phone)
    assert now != before or event == "locked and unlocked"


def test_mark_taken_back_is_told(taught_class, phone):
    session = taught_class.open()
    marked_by_hand("excused")(taught_class, session)
    told(phone)

    marked_by_hand(None)(taught_class, session)

    assert told(phone)[0]["mark"] is None


def test_choice_of_a_section_is_told(taught_class, phone):
    other = factories.make_section(teachers=[taught_class.teacher])
    factories.make_enrolment(section=other, student=taught_class.students[0])
    group = groups.open_group(
        sections=[taught_class.section, other], by=taught_class.teacher, at=timezone.now()
    )
    assert len(told(phone)[0]["choices"]) == 2

    phone.post(f"/api/v1/group-sessions/{group.public_id}/join/", {"section": other.pk}, format="json")

    assert [one["section"] for one in told(phone)] == [other.pk]


@pytest.mark.parametrize("name", ["password", "inactive", "session", "token"])
def test_sign_in_that_was_revoked_is_refused_at_once(taught_class, name):
    user = taught_class.students[0].user
    client = client_of(user)
    if name == "token":
        client = APIClient(headers={"Authorization": f"Token {factories.key_of(user)}"})
    assert client.get(URL).status_code == 200

    if name == "password":
        user.set_password("another one, and long")
        user.save()
    elif name == "inactive":
        user.is_active = False
        user.save()
    elif name == "token":
        user.api_tokens.all().delete()
    else:
        client.session.delete()

    assert client.get(URL).status_code == 401


def test_role_that_changes_is_known_at_once(taught_class):
    user = factories.make_user()
    client = client_of(user)
    assert client.get(URL).status_code == 403

    factories.make_student(user=user, with_user=False)

    assert client.get(URL).status_code == 200
