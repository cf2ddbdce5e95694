"""What a waiting phone is told without a query is what the database would say."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from attendance import stamps, stats
from attendance.models import Enrolment, Meeting
from qrsessions import groups
from qrsessions.api.own_answers import read_answers
from qrsessions.api.waiting_room import WaitingRoom
from qrsessions.models import JoinPolicy, QRSession
from qrsessions.own_sessions import own_sessions, own_sessions_of
from qrsessions.pacing import BEARABLE_PER_SECOND, LONGEST_MS, SHORTEST_MS, Busy, Few, Pace
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


@pytest.fixture(autouse=True)
def room(monkeypatch) -> WaitingRoom:
    """A room in which nobody waits yet."""
    new = WaitingRoom()
    monkeypatch.setattr("qrsessions.api.own_sessions.waiting_room", new)
    # However busy the tests are, phones are told the same pause.
    pace = Pace(cpu=lambda: 0.0)
    for module in ("own_sessions", "waiting_room"):
        monkeypatch.setattr(f"qrsessions.api.{module}.waiting_phones", pace)
    return new


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


@contextmanager
def nothing_asked() -> Iterator[None]:
    """Neither Redis nor PostgreSQL is sent anything."""

    def asked(*args, **kwargs):
        raise AssertionError("something was asked")

    with pytest.MonkeyPatch.context() as nobody_answers:
        nobody_answers.setattr("redis.connection.AbstractConnection.send_packed_command", asked)
        nobody_answers.setattr("psycopg.Cursor.execute", asked)
        yield


def poll(phone: APIClient, etag: str = '"of another answer"'):
    return phone.get(URL, headers={"If-None-Match": etag})


def test_waiting_phone_costs_no_round_trip_for_a_second(klass, phone):
    klass.join(klass.open())
    etag = phone.get(URL)["ETag"]
    # Remembered, and looked at.
    time.sleep(1.1)
    assert poll(phone, etag).status_code == 304

    with nothing_asked():
        unchanged, elsewhere = poll(phone, etag), poll(phone)

    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
    assert elsewhere.json()["sessions"][0]["status"] == "created"


def test_phone_that_was_told_after_the_last_look_costs_no_round_trip(klass, phone):
    klass.open()
    phone.get(URL)
    assert poll(phone).status_code == 200
    etag = klass.as_student[1].get(URL)["ETag"]

    with nothing_asked():
        assert poll(klass.as_student[1], etag).status_code == 304


def test_one_look_tells_all_phones_of_an_event(klass):
    session = klass.open()
    for student in klass.as_student:
        student.get(URL)
    assert poll(klass.as_student[0]).status_code == 200
    klass.step(session, "lock")
    time.sleep(1.1)

    first = poll(klass.as_student[0])
    with nothing_asked():
        others = [poll(student) for student in klass.as_student[1:]]

    statuses = [answer.json()["sessions"][0]["status"] for answer in [first, *others]]
    assert statuses == ["locked"] * 3


def test_one_look_tells_all_phones_what_the_database_says_where_redis_is_away(klass, monkeypatch):
    session = klass.open()
    for student in klass.as_student:
        student.get(URL)
    assert poll(klass.as_student[0]).status_code == 200
    klass.step(session, "lock")
    time.sleep(1.1)

    def away(*args, **kwargs):
        raise RedisConnectionError

    with monkeypatch.context() as redis_away:
        redis_away.setattr("redis.connection.AbstractConnection.send_packed_command", away)
        answers = [poll(klass.as_student[0])]
    with nothing_asked():
        answers += [poll(student) for student in klass.as_student[1:]]

    told_now = [answer.json()["sessions"][0] for answer in answers]
    assert [(one["status"], one["stats"]["source"]) for one in told_now] == [("locked", "database")] * 3
    # And what no stamp vouches for is read again.
    stats.breaker.succeeded()
    klass.step(session, "unlock")
    deadline = time.monotonic() + 10
    while poll(klass.as_student[0]).json()["sessions"][0]["status"] != "created":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_phone_that_was_told_something_later_than_the_look_keeps_it(klass, phone, room, monkeypatch):
    session = klass.open(join_policy=JoinPolicy.OPEN)
    klass.step(session, "start")
    phone.get(URL)
    klass.step(session, "lock")
    klass.as_teacher.patch(f"/api/v1/sessions/{session.public_id}/", {"code_enabled": False}, format="json")
    told_in_between = []

    def slowly(**asked):
        before = read_answers(**asked)
        klass.mark(session)
        told_in_between.append(phone.get(URL)["ETag"])
        return before

    monkeypatch.setattr("qrsessions.api.waiting_room.read_answers", slowly)
    time.sleep(1.1)
    heard = poll(phone)

    assert told_in_between
    assert heard.json()["sessions"][0]["mark"] == "present"


def test_phone_goes_all_the_way_where_the_look_lost_the_database(klass, phone, monkeypatch):
    session = klass.open()
    phone.get(URL)
    klass.step(session, "lock")
    time.sleep(1.1)

    def away(**asked):
        raise OperationalError

    monkeypatch.setattr("qrsessions.api.waiting_room.read_answers", away)

    assert poll(phone).json()["sessions"][0]["status"] == "locked"


def test_many_students_are_told_what_each_is_told_alone(klass):
    other = factories.make_section(teachers=[klass.teacher])
    factories.make_enrolment(section=other, student=klass.students[0])
    groups.open_group(sections=[klass.section, other], by=klass.teacher, at=timezone.now())
    at = timezone.now()

    together = own_sessions_of(students=[student.pk for student in klass.students], at=at)
    alone = {student.pk: own_sessions(student=student, at=at) for student in klass.students}

    assert together == alone
    assert [len(own[0].choices) for own in together.values()] == [2, 0, 0]


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


def test_few_are_let_in_at_a_time_and_the_others_come_again(klass, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr("qrsessions.api.own_sessions.few_readers", few := Few(1))
    klass.open()
    waits, comes = klass.as_student[:2]
    etag = waits.get(URL)["ETag"]
    cache.clear()
    with few.place(), django_assert_num_queries(0):
        # Not even the sign-in is looked at.
        refused = comes.get(URL)
    with few.place():
        # What this process knows needs no place.
        unchanged = poll(waits, etag)

    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "busy", "2")
    assert unchanged.status_code == 304
    assert comes.get(URL).status_code == 200


def assert_soon_full(few: Few) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        # Where there is still room, this would wait for the place that the test holds.
        if not few._inside.acquire(blocking=False):
            with pytest.raises(Busy), few.place():
                pass
            return
        few._inside.release()
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_some_wait_for_their_turn():
    few = Few(1, waiting=1)
    came = threading.Event()

    def wait_for_a_turn():
        with few.place():
            came.set()

    with few.place():
        second = threading.Thread(target=wait_for_a_turn)
        second.start()
        assert_soon_full(few)
        assert not came.is_set()
    second.join(5)

    assert came.is_set()
    with few.place():
        pass


def test_pause_is_stretched_until_a_process_bears_it():
    """Phones that ask as they are told, on a clock of their own."""
    now = 0.0
    pace = Pace(clock=lambda: now, cpu=lambda: 0.0)
    phones = 3000
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


def test_pause_is_stretched_while_the_process_has_much_else_to_do():
    now = 0.0
    share = 1.0
    used = 0.0
    pace = Pace(clock=lambda: now, cpu=lambda: used)

    def after(seconds: int) -> int:
        nonlocal now, used
        for _ in range(seconds):
            now += 1
            used += share
            pause = pace.next_ms()
        return pause

    assert after(2) == SHORTEST_MS
    stretched = after(30)
    assert stretched > SHORTEST_MS
    assert after(120) == LONGEST_MS

    share = 0.1
    assert after(200) == SHORTEST_MS
