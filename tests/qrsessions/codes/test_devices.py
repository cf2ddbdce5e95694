"""The device cookie, and what the teacher sees when one phone marked two students."""

import datetime
import re
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from attendance.models import ApiToken, AttendanceRecord, Status
from qrsessions.codes import claims, devices
from qrsessions.codes.devices import COOKIE, MAX_AGE_SECONDS, SALT
from qrsessions.models import QRSession
from qrsessions.services import corrections
from qrsessions.views.scan import CLAIM_COOKIE
from tests.support import factories
from tests.support.classes import Class, client_of, code_of, token_of
from tests.support.pages import browser_of, held_by
from tests.support.postgres.database import everything_written

STUDENT = "/student/"


@pytest.fixture
def taking(taught_class):
    taught_class.session = taught_class.open()
    for number in range(3):
        taught_class.join(taught_class.session, number)
    taught_class.step(taught_class.session, "start")
    taught_class.session.refresh_from_db()
    return taught_class


def phone_of(student, *, cookie_of: Client | None = None) -> APIClient:
    """A phone with the student's page open. Another student may have used it before."""
    phone = client_of(student.user)
    if cookie_of:
        phone.cookies[COOKIE] = cookie_of.cookies[COOKIE].value
    assert phone.get(STUDENT).status_code == 200
    return phone


def mark(phone: APIClient, session) -> None:
    answer = phone.post("/api/v1/mark/", {"token": token_of(session)}, format="json")
    assert answer.status_code == 201, answer.json()


def mark_on_one_phone(session, first, second) -> None:
    phone = phone_of(first)
    mark(phone, session)
    mark(phone_of(second, cookie_of=phone), session)


def device_in_register(student, session) -> str:
    return AttendanceRecord.objects.get(meeting=session.meeting_id, student=student).device


def shared_in(teacher: APIClient, session) -> dict[str, list[str]]:
    records = teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    return {record["student_id"]: record["shares_device_with"] for record in records}


def flags_on(page: str) -> dict[str, str]:
    """The text of each row of a student list, by student id."""
    rows = re.findall(r'<tr data-student="([^"]+)".*?<span class="flag small" data-flag>(.*?)</span>', page)
    return dict(rows)


# --- The cookie -------------------------------------------------------------------------------------------


def test_students_page_gives_a_browser_a_device_once(taught_class):
    phone = browser_of(taught_class.students[0])

    given = phone.get(STUDENT).cookies[COOKIE]
    again = phone.get(STUDENT)

    assert (given["max-age"], given["httponly"], given["samesite"], given["path"], given["secure"]) == (
        MAX_AGE_SECONDS,
        True,
        "Lax",
        "/",
        "",
    )
    assert COOKIE not in again.cookies


def test_device_is_for_https_only_where_the_site_is(taught_class, settings):
    settings.SESSION_COOKIE_SECURE = True
    assert browser_of(taught_class.students[0]).get(STUDENT).cookies[COOKIE]["secure"] is True


def test_two_browsers_are_two_devices(taught_class):
    one, two = (browser_of(taught_class.students[0]).get(STUDENT).cookies[COOKIE].value for _ in range(2))
    assert one != two


@pytest.mark.parametrize("signed_in", [True, False])
def test_scan_address_gives_a_device(taking, signed_in):
    phone = browser_of(taking.students[0]) if signed_in else Client()
    response = phone.get(reverse("qrsessions:scan", args=[token_of(taking.session)]))
    assert COOKIE in response.cookies


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "0" * 32,
        "0" * 32 + ":signature",
        pytest.param(signing.Signer(salt="another").sign("0" * 32), id="signed-for-another-use"),
        pytest.param(signing.Signer(salt=SALT).sign("0" * 100), id="longer-than-any"),
    ],
)
def test_forged_device_cookie_is_ignored_and_replaced(taking, forged):
    phone = client_of(taking.students[0].user)
    phone.cookies[COOKIE] = forged

    answer = phone.post("/api/v1/mark/", {"token": token_of(taking.session)}, format="json")

    assert answer.status_code == 201
    assert device_in_register(taking.students[0], taking.session) == ""
    assert answer.cookies[COOKIE].value not in ("", forged)


def test_cookie_of_the_old_name_is_read_for_180_days(taking, monkeypatch, time_machine):
    monkeypatch.setattr(devices, "COOKIE", "__Host-rollcall_device")
    time_machine.move_to(devices.OLD_COOKIE_UNTIL - datetime.timedelta(minutes=1))
    phone = browser_of(taking.students[0])
    phone.cookies[devices.OLD_COOKIE] = old = signing.Signer(salt=SALT).sign("0" * 32)

    before = phone.get(STUDENT).cookies
    del phone.cookies["__Host-rollcall_device"]
    phone.cookies[devices.OLD_COOKIE] = old
    time_machine.move_to(devices.OLD_COOKIE_UNTIL)
    after = phone.get(STUDENT).cookies

    assert before["__Host-rollcall_device"].value == old
    assert after["__Host-rollcall_device"].value not in ("", old)


def test_teachers_pages_give_no_device(taking):
    assert COOKIE not in taking.as_teacher.get(f"/teach/sessions/{taking.session.public_id}/").cookies


def test_api_client_without_cookies_gets_no_device(taking):
    program = APIClient(headers={"Authorization": f"Token {factories.key_of(taking.students[0].user)}"})
    program.cookies[COOKIE] = phone_of(taking.students[1]).cookies[COOKIE].value

    answer = program.post("/api/v1/mark/", {"token": token_of(taking.session)}, format="json")
    del program.cookies[COOKIE]
    again = program.post("/api/v1/mark/", {"token": token_of(taking.session)}, format="json")

    assert (answer.status_code, again.status_code) == (201, 200)
    assert device_in_register(taking.students[0], taking.session) == ""
    assert COOKIE not in again.cookies


# --- On the record ----------------------------------------------------------------------------------------


def mark_by_token(phone, session):
    return phone.post("/api/v1/mark/", {"token": token_of(session)}, format="json")


def mark_by_code(phone, session):
    return phone.post("/student/code/", {"session": session.public_id, "code": code_of(session)})


def mark_by_claim(phone, session):
    claim = claims.issue(public_id=session.public_id, arrived_at=timezone.now(), held_by=held_by(phone))
    return phone.post("/scan/", {"claim": claim})


def mark_by_api_code(phone, session):
    body = {"session": session.public_id, "code": code_of(session)}
    return phone.post("/api/v1/mark/", body, format="json")


@pytest.mark.parametrize("mark_in_a_way", [mark_by_token, mark_by_code, mark_by_api_code, mark_by_claim])
def test_mark_keeps_the_device_as_a_hash(taking, mark_in_a_way):
    ada, bob, cyd = taking.students
    phone = phone_of(ada)
    for client in (phone, phone_of(bob, cookie_of=phone), phone_of(cyd)):
        mark_in_a_way(client, taking.session)

    devices = [device_in_register(student, taking.session) for student in taking.students]

    assert devices[0] == devices[1] != devices[2]
    assert re.fullmatch("[0-9a-f]{32}", devices[0])
    assert devices[0] not in phone.cookies[COOKIE].value
    assert phone.cookies[COOKIE].value.split(":")[0] not in devices


def test_second_mark_from_another_phone_changes_nothing(taking):
    mark(phone_of(taking.students[0]), taking.session)
    before = everything_written()

    answer = mark_by_token(phone_of(taking.students[0]), taking.session)

    assert (answer.status_code, answer.json()["code"]) == (200, "already_marked")
    assert everything_written() == before


def test_refused_mark_leaves_no_device(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    before = everything_written()

    answer = mark_by_token(phone_of(taught_class.students[0]), session)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_active")
    assert everything_written() == before


# --- What the teacher sees --------------------------------------------------------------------------------


def test_two_students_on_one_phone_are_marked_and_flagged_to_the_teacher(taking):
    ada, bob, cyd = taking.students
    mark_on_one_phone(taking.session, ada, bob)
    mark(phone_of(cyd), taking.session)

    page = taking.as_teacher.get(f"/teach/sessions/{taking.session.public_id}/").content.decode()

    assert taking.stats(taking.session)["total_present"] == 3
    assert shared_in(taking.as_teacher, taking.session) == {
        ada.student_id: [bob.student_id],
        bob.student_id: [ada.student_id],
        cyd.student_id: [],
    }
    assert flags_on(page) == {
        ada.student_id: f"same phone as {bob.name} (02)",
        bob.student_id: f"same phone as {ada.name} (01)",
        cyd.student_id: "",
    }
    assert re.findall(r'data-flagged="([^"]*)"', page) == [bob.student_id, ada.student_id]
    assert '<p class="note" id="shared-phones"><span>' in page
    assert '<b data-count="flagged">2</b>' in page


def test_nobody_is_flagged_without_a_device(taking):
    for student in taking.students[:2]:
        mark(client_of(student.user), taking.session)

    page = taking.as_teacher.get(f"/teach/sessions/{taking.session.public_id}/").content.decode()

    assert set(map(tuple, shared_in(taking.as_teacher, taking.session).values())) == {()}
    assert sorted(flags_on(page).values()) == ["", "unknown phone", "unknown phone"]
    assert '<p class="note" id="shared-phones" hidden>' in page


def test_student_who_is_marked_twice_is_not_flagged(taking):
    phone = phone_of(taking.students[0])
    mark(phone, taking.session)
    mark_by_token(phone, taking.session)

    assert set(map(tuple, shared_in(taking.as_teacher, taking.session).values())) == {()}


def test_one_phone_on_different_days_is_not_flagged(taking):
    phone = phone_of(taking.students[0])
    mark(phone, taking.session)
    taking.step(taking.session, "end")
    next_session = taking.open(join_policy="open")
    taking.step(next_session, "start")
    mark(phone_of(taking.students[1], cookie_of=phone), next_session)

    for session in (taking.session, next_session):
        assert set(map(tuple, shared_in(taking.as_teacher, session).values())) == {()}


def test_students_never_see_the_flag(taking):
    ada, bob, _ = taking.students
    mark_on_one_phone(taking.session, ada, bob)

    for path in ("/api/v1/me/session/", "/api/v1/me/records/", STUDENT, "/student/attendance/"):
        answer = taking.as_student[1].get(path).content.decode()
        assert ada.name not in answer
        assert ada.student_id not in answer


def test_taking_back_one_of_the_marks_removes_the_flag(taking):
    ada, bob, _ = taking.students
    mark_on_one_phone(taking.session, ada, bob)
    path = f"/api/v1/sessions/{taking.session.public_id}/records/{bob.student_id}/"

    late = taking.as_teacher.put(path, {"status": "late"}, format="json").json()["record"]
    absent = taking.as_teacher.put(path, {"status": "absent"}, format="json").json()["record"]
    taking.as_teacher.put(path, {"status": None}, format="json")
    by_hand = taking.as_teacher.put(path, {"status": "present"}, format="json").json()["record"]

    shared = [record["shares_device_with"] for record in (late, absent, by_hand)]
    assert shared == [[ada.student_id], [], []]
    assert device_in_register(bob, taking.session) == ""


@pytest.fixture
def hall(transactional_db) -> tuple[Class, list[QRSession]]:
    """An active group of two sections. Each student is in one of them, and the last one in both."""
    teacher = factories.make_teacher()
    students = [factories.make_student() for _ in range(3)]
    sections = [
        factories.make_section(students=chosen, teachers=[teacher])
        for chosen in (students[::2], students[1:])
    ]
    taught_class = Class(sections[0], teacher, students)
    body = {"sections": [section.pk for section in sections], "join_policy": "open"}
    group = taught_class.as_teacher.post("/api/v1/group-sessions/", body, format="json").json()["id"]
    taught_class.as_teacher.post(f"/api/v1/group-sessions/{group}/start/")
    members = QRSession.objects.filter(meeting__group__public_id=group).with_names().order_by("pk")
    return taught_class, list(members)


def test_one_phone_in_two_sections_of_a_group_is_flagged_in_both(hall):
    taught_class, members = hall
    ada, bob, _cyd = taught_class.students
    mark_on_one_phone(members[0].meeting.group.group_session, ada, bob)

    group_id = members[0].meeting.group.public_id
    register = taught_class.as_teacher.get(f"/teach/groups/{group_id}/register/").content.decode()

    assert [shared_in(taught_class.as_teacher, member).get(ada.student_id) for member in members] == [
        [bob.student_id],
        None,
    ]
    assert [shared_in(taught_class.as_teacher, member).get(bob.student_id) for member in members] == [
        None,
        [ada.student_id],
    ]
    assert {name: flag for name, flag in flags_on(register).items() if flag} == {
        ada.student_id: f"same phone as {bob.name} (01)",
        bob.student_id: f"same phone as {ada.name} (01)",
    }
    assert '<b data-count="flagged">2</b>' in register


def test_student_of_two_sections_is_no_other_to_oneself(hall):
    taught_class, members = hall
    cyd = taught_class.students[2]
    mark(phone_of(cyd), members[0].meeting.group.group_session)

    assert {device_in_register(cyd, member) for member in members} != {""}
    for member in members:
        assert set(map(tuple, shared_in(taught_class.as_teacher, member).values())) == {()}


def test_correction_keeps_the_flag_while_both_are_present(taking):
    ada, bob, _ = taking.students
    mark_on_one_phone(taking.session, ada, bob)
    corrections.correct(
        session=taking.session, student=ada, status=Status.LATE, by=taking.teacher, at=timezone.now()
    )
    assert shared_in(taking.as_teacher, taking.session)[bob.student_id] == [ada.student_id]


# --- Programs, unknown phones, and claims from one browser ------------------------------------------------


def program_of(student) -> APIClient:
    return APIClient(
        headers={"Authorization": f"Token {ApiToken.objects.make(user=student.user, at=timezone.now())}"}
    )


def record_in(teacher: APIClient, session, student) -> dict[str, Any]:
    records = teacher.get(f"/api/v1/sessions/{session.public_id}/records/").json()
    return next(record for record in records if record["student_id"] == student.student_id)


@pytest.mark.parametrize("mark_in_a_way", [mark_by_token, mark_by_api_code])
def test_mark_by_a_program_is_shown_to_the_teacher(taking, mark_in_a_way):
    ada = taking.students[0]

    assert mark_in_a_way(program_of(ada), taking.session).status_code == 201

    page = taking.as_teacher.get(f"/teach/sessions/{taking.session.public_id}/").content.decode()
    since = taking.as_teacher.get(f"/api/v1/sessions/{taking.session.public_id}/records/?since=").json()
    export = taking.as_student[0].get("/student/attendance/data.json").json()
    assert flags_on(page)[ada.student_id] == "by a program"
    assert record_in(taking.as_teacher, taking.session, ada)["flags"] == ["by_program"]
    assert [record["flags"] for record in since["records"]] == [["by_program"], [], []]
    assert [record["by_program"] for record in export["records"]] == [True]


@pytest.mark.parametrize("space", ["\t", "  ", " \t"])
def test_program_is_known_however_it_writes_its_header(taking, space):
    ada = taking.students[0]
    key = ApiToken.objects.make(user=ada.user, at=timezone.now())
    program = APIClient(headers={"Authorization": f"Token{space}{key}"})
    program.cookies[COOKIE] = devices.new_device()[COOKIE].value

    assert mark_by_token(program, taking.session).status_code == 201

    assert record_in(taking.as_teacher, taking.session, ada)["flags"] == ["by_program"]


def test_program_that_was_not_joined_is_shown_after_it_was_admitted(taught_class):
    session = taught_class.open()
    taught_class.step(session, "start")
    session.refresh_from_db()
    assert mark_by_token(program_of(taught_class.students[0]), session).status_code == 409

    taught_class.as_teacher.post(f"/api/v1/sessions/{session.public_id}/waiting/", {}, format="json")

    assert record_in(taught_class.as_teacher, session, taught_class.students[0])["flags"] == ["by_program"]


def test_mark_by_hand_is_no_longer_by_a_program(taking):
    ada = taking.students[0]
    mark_by_token(program_of(ada), taking.session)
    path = f"/api/v1/sessions/{taking.session.public_id}/records/{ada.student_id}/"

    taken_back = taking.as_teacher.put(path, {"status": None}, format="json").json()["record"]
    by_hand = taking.as_teacher.put(path, {"status": "present"}, format="json").json()["record"]

    assert (taken_back["flags"], by_hand["flags"]) == ([], [])
    assert AttendanceRecord.objects.get(student=ada).by_program is False


@pytest.mark.parametrize("mark_in_a_way", [mark_by_token, mark_by_api_code])
def test_marks_by_programs_can_be_refused(taking, settings, mark_in_a_way):
    settings.MARKS_BY_PROGRAMS = False
    before = everything_written()

    refused = mark_in_a_way(program_of(taking.students[0]), taking.session)

    assert (refused.status_code, refused.json()["code"]) == (409, "programs_refused")
    assert everything_written() == before
    assert mark_in_a_way(phone_of(taking.students[0]), taking.session).status_code == 201


def test_unknown_phone_and_phone_of_another_day_are_shown_to_the_teacher(taking):
    ada, bob, cyd = taking.students
    phone = phone_of(ada)
    mark(phone, taking.session)
    taking.step(taking.session, "end")
    session = taking.open(join_policy="open")
    taking.step(session, "start")
    session.refresh_from_db()

    mark(phone_of(bob, cookie_of=phone), session)
    mark(phone_of(ada), session)
    mark(client_of(cyd.user), session)

    page = taking.as_teacher.get(f"/teach/sessions/{session.public_id}/").content.decode()
    assert flags_on(page) == {
        ada.student_id: "first time on this phone",
        bob.student_id: f"same phone as {ada.name} (01) on another day",
        cyd.student_id: "unknown phone",
    }
    assert record_in(taking.as_teacher, session, bob)["shares_device_on_other_days_with"] == [ada.student_id]


def scan_before_sign_in(browser: Client, session) -> str:
    """Open the token's address; returns the claim, or nothing if the browser got none."""
    response = browser.get(reverse("qrsessions:scan", args=[token_of(session)]))
    assert response.status_code == 302
    given = response.cookies.get(CLAIM_COOKIE)
    return given.value if given else ""


def sign_out(browser: Client) -> None:
    """Django's test client forgets all cookies then, which no browser does."""
    device = browser.cookies[COOKIE].value
    browser.logout()
    browser.cookies[COOKIE] = device


def test_device_is_known_before_a_mark_after_sign_in(taking):
    """Its cookie comes with the first page, whichever it is."""
    browser = Client()
    claim = scan_before_sign_in(browser, taking.session)
    device = browser.cookies[COOKIE].value
    browser.force_login(taking.students[0].user)

    assert browser.post("/scan/", {"claim": claim}).status_code == 303
    assert browser.cookies[COOKIE].value == device
    assert device_in_register(taking.students[0], taking.session)
    assert record_in(taking.as_teacher, taking.session, taking.students[0])["flags"] == []


def test_browser_holds_at_most_two_claims_until_one_is_used(taking):
    browser = Client()
    claims_held = [scan_before_sign_in(browser, taking.session) for _ in range(3)]
    assert [bool(claim) for claim in claims_held] == [True, True, False]
    # Another browser is not concerned.
    assert scan_before_sign_in(Client(), taking.session)
    browser.force_login(taking.students[0].user)

    assert browser.post("/scan/", {"claim": claims_held[0]}).status_code == 303
    sign_out(browser)
    more = [scan_before_sign_in(browser, taking.session) for _ in range(2)]

    assert [bool(claim) for claim in more] == [True, False]


def test_several_claims_from_one_browser_are_listed_together(taking):
    ada, bob, cyd = taking.students
    browser = Client()
    for student in (ada, bob):
        claim = scan_before_sign_in(browser, taking.session)
        browser.force_login(student.user)
        assert browser.post("/scan/", {"claim": claim}).status_code == 303
        sign_out(browser)
    mark(phone_of(cyd), taking.session)

    page = taking.as_teacher.get(f"/teach/sessions/{taking.session.public_id}/").content.decode()
    (listed,) = re.findall(r'<ul [^>]*id="phones"[^>]*>(.*?)</ul>', page)

    assert listed == (
        f"<li>{ada.name} (01) – scanned before sign-in, {bob.name} (02) – scanned before sign-in</li>"
    )


def test_claims_are_given_without_a_limit_while_the_cache_is_away(taking, settings):
    settings.CACHES = settings.CACHES | {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    }
    browser = Client()

    assert all(scan_before_sign_in(browser, taking.session) for _ in range(3))
