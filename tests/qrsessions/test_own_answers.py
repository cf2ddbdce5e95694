"""What a waiting phone is told without a query is what the database would say."""

import random
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance import stamps
from attendance.models import Enrolment, Meeting
from qrsessions import groups
from qrsessions.models import JoinPolicy, QRSession
from qrsessions.pacing import BEARABLE_PER_SECOND, LONGEST_MS, SHORTEST_MS, Few, Pace
from tests import factories
from tests.qrsessions.conftest import Class, client_of, token_of

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/me/session/"


def told(client: APIClient) -> list[dict[str, Any]]:
    """What the phone is told, without the moment of the counts."""
    sessions = client.get(URL).json()["sessions"]
    for session in sessions:
        del session["stats"]["as_of"]
    return sessions


def assert_true(client: APIClient) -> list[dict[str, Any]]:
    """What is told is what a phone hears for whom nothing was kept."""
    kept = told(client)
    cache.clear()
    fresh = told(client)
    assert kept == fresh
    return fresh


@pytest.fixture
def phone(klass: Class) -> APIClient:
    return klass.as_student[0]


def test_waiting_phone_costs_no_query(klass, phone, django_assert_num_queries):
    klass.join(klass.open())
    etag = phone.get(URL)["ETag"]

    with django_assert_num_queries(0):
        again = phone.get(URL)
        unchanged = phone.get(URL, headers={"If-None-Match": etag})

    assert (again.status_code, again["ETag"]) == (200, etag)
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)


def test_waiting_phone_hears_of_others_without_a_query(klass, phone, django_assert_num_queries):
    session = klass.open()
    klass.join(session)
    etag = phone.get(URL)["ETag"]
    phone.get(URL, headers={"If-None-Match": etag})
    klass.join(session, 1)

    with django_assert_num_queries(0):
        at_once = phone.get(URL)
        # From what the process knows: a second later.
        time.sleep(1.1)
        answer = phone.get(URL, headers={"If-None-Match": etag})

    assert at_once.json()["sessions"][0]["stats"]["total_joined"] == 2
    assert answer.json()["sessions"][0]["stats"]["total_joined"] == 2
    assert answer["ETag"] == at_once["ETag"]


def test_waiting_phone_costs_no_round_trip_for_a_second(klass, phone, monkeypatch):
    klass.join(klass.open())
    etag = phone.get(URL)["ETag"]
    # Remembered, and looked at.
    time.sleep(1.1)
    assert phone.get(URL, headers={"If-None-Match": etag}).status_code == 304

    def away(*args, **kwargs):
        raise AssertionError("something was asked")

    with monkeypatch.context() as nobody_answers:
        nobody_answers.setattr("redis.connection.AbstractConnection.send_packed_command", away)
        unchanged = phone.get(URL, headers={"If-None-Match": etag})
        elsewhere = phone.get(URL, headers={"If-None-Match": '"of another answer"'})

    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
    assert elsewhere.json()["sessions"][0]["status"] == "created"


@pytest.mark.parametrize("event", ["locked", "excused by hand", "ended", "admitted", "deleted"])
def test_waiting_phone_hears_of_every_event_within_a_second(klass, phone, event):
    session = klass.open()
    etag = phone.get(URL)["ETag"]
    time.sleep(1.1)
    assert phone.get(URL, headers={"If-None-Match": etag}).status_code == 304

    EVENTS[event](klass, session)
    time.sleep(1.1)
    heard = phone.get(URL, headers={"If-None-Match": etag})

    assert heard.status_code == 200
    assert [one["mark"] for one in heard.json()["sessions"]] == [one["mark"] for one in told(phone)]


def test_page_of_somebody_else_is_not_answered(klass, phone):
    klass.open()
    etag = phone.get(URL)["ETag"]

    answer = phone.get(URL, headers={"If-None-Match": etag, "X-Rollcall-User": "0"})

    assert (answer.status_code, answer.json()["code"]) == (409, "other_user")


def test_token_costs_no_query_either(klass, django_assert_num_queries):
    token = Token.objects.create(user=klass.students[0].user)
    client = APIClient(headers={"Authorization": f"Token {token.key}"})
    client.get(URL)

    with django_assert_num_queries(0):
        assert client.get(URL).json()["sessions"] == []


def opened_elsewhere(klass: Class, session: QRSession) -> None:
    other = factories.make_section(teachers=[klass.teacher])
    factories.make_enrolment(section=other, student=klass.students[0])
    klass.as_teacher.post("/api/v1/sessions/", {"section": other.pk}, format="json")


def marked_by_hand(status):
    def act(klass: Class, session: QRSession) -> None:
        student = klass.students[0].student_id
        url = f"/api/v1/sessions/{session.public_id}/records/{student}/"
        assert klass.as_teacher.put(url, {"status": status}, format="json").status_code == 200

    return act


def admitted(klass: Class, session: QRSession) -> None:
    klass.step(session, "start")
    assert klass.mark(session).json()["code"] == "not_joined"
    klass.as_teacher.post(f"/api/v1/sessions/{session.public_id}/waiting/", {}, format="json")


def put_into_a_group(klass: Class, session: QRSession) -> None:
    klass.step(session, "end")
    sections = [klass.section, factories.make_section(students=1, teachers=[klass.teacher])]
    groups.open_group(sections=sections, by=klass.teacher, at=timezone.now())


def taken_out_of_a_group(klass: Class, session: QRSession) -> None:
    put_into_a_group(klass, session)
    told(klass.as_student[0])
    session = QRSession.objects.get(meeting__section=klass.section, meeting__ended_at=None)
    groups.leave_group(session=session, by=klass.teacher, at=timezone.now())


def steps(*names):
    def act(klass: Class, session: QRSession) -> None:
        for name in names:
            assert klass.step(session, name).status_code == 200
            told(klass.as_student[0])

    return act


def joined_and_marked(klass: Class, session: QRSession) -> None:
    klass.join(session)
    told(klass.as_student[0])
    klass.step(session, "start")
    told(klass.as_student[0])
    assert klass.mark(session).status_code == 201


def enrolled_late(klass: Class, session: QRSession) -> None:
    other = factories.make_section(teachers=[klass.teacher])
    klass.as_teacher.post("/api/v1/sessions/", {"section": other.pk}, format="json")
    told(klass.as_student[0])
    factories.make_enrolment(section=other, student=klass.students[0])


def enrolment_taken_away(klass: Class, session: QRSession) -> None:
    Enrolment.objects.get(section=klass.section, student=klass.students[0]).delete()


def deleted(klass: Class, session: QRSession) -> None:
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
def test_every_event_is_told_with_the_next_answer(klass, phone, event):
    session = klass.open()
    before = told(phone)

    EVENTS[event](klass, session)

    now = assert_true(phone)
    assert now != before or event == "locked and unlocked"


def test_mark_taken_back_is_told(klass, phone):
    session = klass.open()
    marked_by_hand("excused")(klass, session)
    told(phone)

    marked_by_hand(None)(klass, session)

    assert assert_true(phone)[0]["mark"] is None


def test_choice_of_a_section_is_told(klass, phone):
    other = factories.make_section(teachers=[klass.teacher])
    factories.make_enrolment(section=other, student=klass.students[0])
    group = groups.open_group(sections=[klass.section, other], by=klass.teacher, at=timezone.now())
    assert len(told(phone)[0]["choices"]) == 2

    phone.post(f"/api/v1/group-sessions/{group.public_id}/join/", {"section": other.pk}, format="json")

    assert [one["section"] for one in assert_true(phone)] == [other.pk]


def test_random_class_is_told_truly(klass):
    """Whatever happens in a class, no phone hears anything but what the database says."""
    chance = random.Random(5)
    steps: list[str] = []
    session = klass.open(join_policy=JoinPolicy.OPEN)
    acts = [
        lambda number: klass.join(session, number),
        lambda number: klass.mark(session, number, token_of(session)),
        lambda number: klass.step(session, chance.choice(steps)),
        lambda number: klass.as_teacher.put(
            f"/api/v1/sessions/{session.public_id}/records/{klass.students[number].student_id}/",
            {"status": chance.choice(["present", "late", "excused", "absent", None])},
            format="json",
        ),
    ]
    states = set()
    for act in range(60):
        steps = ["lock", "unlock"] if act < 20 else ["start", "end", "reopen"]
        chance.choice(acts)(chance.randrange(3))
        for client in klass.as_student:
            states.update((one["status"], one["mark"]) for one in assert_true(client))
    assert len(states) > 6


def test_stamps_that_could_not_be_renewed_are_renewed_later(klass, phone, monkeypatch):
    session = klass.open()
    told(phone)

    def away(*args):
        raise ConnectionError

    with monkeypatch.context() as redis_away:
        redis_away.setattr(stamps, "_renew", away)
        klass.step(session, "lock")

    assert assert_true(phone)[0]["status"] == "locked"


@pytest.mark.parametrize("name", ["password", "inactive", "session", "token"])
def test_sign_in_that_was_revoked_is_over_at_once(klass, name):
    user = klass.students[0].user
    client = client_of(user)
    if name == "token":
        token = Token.objects.create(user=user)
        client = APIClient(headers={"Authorization": f"Token {token.key}"})
    assert client.get(URL).status_code == 200

    if name == "password":
        user.set_password("another one, and long")
        user.save()
    elif name == "inactive":
        user.is_active = False
        user.save()
    elif name == "token":
        token.delete()
    else:
        client.session.delete()

    assert client.get(URL).status_code == 401


def test_role_that_changes_is_known_at_once(klass):
    user = factories.make_user()
    client = client_of(user)
    assert client.get(URL).status_code == 403

    factories.make_student(user=user, with_user=False)

    assert client.get(URL).status_code == 200


def test_few_read_at_a_time_and_the_others_come_again(klass, monkeypatch):
    monkeypatch.setattr("qrsessions.api.own_answers.few_readers", few := Few(1))
    klass.open()
    with few.place():
        refused = klass.as_student[0].get(URL)

    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "busy", "2")
    assert klass.as_student[0].get(URL).status_code == 200
    with few.place():
        # What is known already needs no place.
        assert klass.as_student[0].get(URL).status_code == 200


def test_pause_is_stretched_until_a_process_bears_it():
    """Phones that ask as they are told, on a clock of their own."""
    now = 0.0
    pace = Pace(clock=lambda: now)
    phones = 1000
    asked = []
    for _ in range(30):
        pause = pace.next_ms()
        asked.append(pause)
        # All of them ask once within a pause.
        for _phone in range(phones - 1):
            now += pause / 1000 / phones
            pace.next_ms()
    assert asked[0] == SHORTEST_MS
    assert phones / (asked[-1] / 1000) <= BEARABLE_PER_SECOND * 1.1
    assert max(asked) <= LONGEST_MS

    now += 60
    for _ in range(3):
        pause = pace.next_ms()
        now += 5
    assert pause == SHORTEST_MS
