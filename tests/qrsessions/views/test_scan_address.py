"""The address in the QR code: GET never marks, a slow sign-in loses no mark, and a claim marks one student once."""

import datetime
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.messages import get_messages
from django.core import signing
from django.test import Client
from django.urls import reverse

from attendance.lib.batching import StillWaiting
from attendance.models import AttendanceRecord, Method, RecordChange, Status
from qrsessions.codes import claims
from qrsessions.codes.devices import COOKIE
from qrsessions.models import RefusedScan
from qrsessions.services import scanning
from qrsessions.views.scan import CLAIM_COOKIE
from tests.support import factories
from tests.support.classes import correct, token_of
from tests.support.pages import browser_of, shown
from tests.support.postgres.database import everything_written

# A Monday morning, exactly at the start of a time step.
NOW = datetime.datetime(2026, 10, 5, 8, 0, 0, tzinfo=datetime.UTC)
CLAIM = "/scan/"


@pytest.fixture
def taking(taught_class, time_machine):
    """The class in an active session. The first two of three students joined."""
    time_machine.move_to(NOW, tick=False)
    taught_class.session = taught_class.open()
    taught_class.join(taught_class.session, 0)
    taught_class.join(taught_class.session, 1)
    taught_class.step(taught_class.session, "start")
    taught_class.session.refresh_from_db()
    return taught_class


def address(token: str) -> str:
    return reverse("qrsessions:scan", args=[token])


def claim_in(response) -> str:
    found = re.search(r'name="claim" value="([^"]+)"', response.content.decode())
    assert found, response.content.decode()
    return found[1]


def sign_in(client: Client, student, response) -> Any:
    """Follow the scan to the sign-in page and through its form."""
    assert response.status_code == 302
    page = client.get(response.headers["Location"]).content.decode()
    # The page has a form for the language as well.
    page = page[page.index('<form class="form"') :].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert fields["next"] == CLAIM
    return client.post(
        reverse("account_login"),
        {**fields, "login": student.user.username, "password": factories.PASSWORD},
        headers={"Referer": f"http://testserver{response.url}"},
    )


def record_of(taught_class, number: int = 0) -> AttendanceRecord:
    return AttendanceRecord.objects.get(
        meeting=taught_class.session.meeting_id, student=taught_class.students[number]
    )


def is_on_own_page(response) -> bool:
    return (response.status_code, response.headers["Location"]) == (303, reverse("qrsessions:student"))


# --- Signed in --------------------------------------------------------------------------------------------


def test_address_in_the_qr_code_is_in_capitals():
    assert address("7GK2QM9X0123456789AB") == "/A/7GK2QM9X0123456789AB"


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_the_address_never_marks(taking, method):
    before = everything_written()

    response = getattr(browser_of(taking.students[0]), method)(address(token_of(taking.session)))

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert everything_written() == before


def test_form_of_the_address_marks_with_the_moment_of_arrival(taking, time_machine):
    client = browser_of(taking.students[0], enforce_csrf_checks=True)
    page = client.get(address(token_of(taking.session)))
    assert "data-autosubmit" in page.content.decode()
    time_machine.move_to(NOW + datetime.timedelta(seconds=59), tick=False)

    response = client.post(
        CLAIM, {"claim": claim_in(page), "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    )

    assert is_on_own_page(response)
    record = record_of(taking)
    assert (record.status, record.method, record.marked_at) == (Status.PRESENT, Method.QR, NOW)
    assert "You are present" in shown(client.get(response.headers["Location"]).content.decode())


def test_small_letters_are_read_too(taking):
    response = browser_of(taking.students[0]).get(f"/a/{token_of(taking.session).lower()}")

    assert response.status_code == 200
    assert claim_in(response)


def test_claim_without_csrf_is_refused(taking):
    client = browser_of(taking.students[0], enforce_csrf_checks=True)
    claim = claim_in(client.get(address(token_of(taking.session))))
    before = everything_written()

    assert client.post(CLAIM, {"claim": claim}).status_code == 403
    assert everything_written() == before


def test_second_post_of_a_claim_shows_present(taking):
    client = browser_of(taking.students[0])
    claim = claim_in(client.get(address(token_of(taking.session))))
    assert is_on_own_page(client.post(CLAIM, {"claim": claim}))
    before = everything_written()

    assert is_on_own_page(client.post(CLAIM, {"claim": claim}))
    assert everything_written() == before


def test_repeated_claim_is_answered_truthfully_after_it_expired(taking, time_machine):
    client = browser_of(taking.students[0])
    claim = claim_in(client.get(address(token_of(taking.session))))
    client.post(CLAIM, {"claim": claim})
    time_machine.move_to(NOW + datetime.timedelta(seconds=300), tick=False)

    assert is_on_own_page(client.post(CLAIM, {"claim": claim}))


def test_claim_is_over_after_a_minute(taking, time_machine):
    client = browser_of(taking.students[0])
    claim = claim_in(client.get(address(token_of(taking.session))))
    before = everything_written()
    time_machine.move_to(NOW + datetime.timedelta(seconds=61), tick=False)

    response = client.post(CLAIM, {"claim": claim})

    assert response.status_code == 409
    assert "Please scan again" in response.content.decode()
    assert everything_written() == before


def test_claim_of_another_user_is_refused(taking):
    claim = claim_in(browser_of(taking.students[0]).get(address(token_of(taking.session))))
    before = everything_written()

    assert browser_of(taking.students[1]).post(CLAIM, {"claim": claim}).status_code == 400
    assert everything_written() == before


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "x",
        "a:b:c",
        "\x00",
        "💥" * 50,
        "x" * 10_000,
        pytest.param(signing.dumps(["7GK2QM9X", "n", 1.0, None], salt="other"), id="signed-for-another-use"),
    ],
)
def test_forged_claim_is_refused(taking, claim):
    before = everything_written()

    assert browser_of(taking.students[0]).post(CLAIM, {"claim": claim}).status_code == 400
    assert everything_written() == before


def test_claim_that_arrived_while_active_marks_after_the_end(taking, time_machine):
    client = browser_of(taking.students[0])
    claim = claim_in(client.get(address(token_of(taking.session))))
    time_machine.move_to(NOW + datetime.timedelta(seconds=20), tick=False)
    taking.step(taking.session, "end")
    assert record_of(taking).status == Status.ABSENT

    response = client.post(CLAIM, {"claim": claim})

    assert is_on_own_page(response)
    assert "You were marked present" in str(next(iter(get_messages(response.wsgi_request))))
    record = record_of(taking)
    assert (record.status, record.method, record.marked_at) == (Status.PRESENT, Method.QR, NOW)
    changes = RecordChange.objects.filter(record=record).values_list(
        "from_status", "from_method", "to_status"
    )
    assert list(changes) == [(Status.ABSENT, Method.END, Status.PRESENT)]


def test_teachers_entry_is_shown_and_stays(taking):
    correct(taking, taking.session, "excused")
    client = browser_of(taking.students[0])
    claim = claim_in(client.get(address(token_of(taking.session))))
    before = everything_written()

    response = client.post(CLAIM, {"claim": claim}, follow=True)

    assert "You are excused" in shown(response.content.decode())
    assert everything_written() == before


# --- Refusals ---------------------------------------------------------------------------------------------


def test_expired_token_asks_to_scan_again(taking, time_machine):
    token = token_of(taking.session)
    time_machine.move_to(NOW + datetime.timedelta(seconds=10), tick=False)
    before = everything_written()

    response = browser_of(taking.students[0]).get(address(token))

    assert response.status_code == 409
    assert "Please scan again" in response.content.decode()
    assert everything_written() == before


def test_expired_token_of_a_marked_student_shows_present(taking, time_machine):
    token = token_of(taking.session)
    taking.mark(taking.session)
    time_machine.move_to(NOW + datetime.timedelta(seconds=100), tick=False)

    assert is_on_own_page(browser_of(taking.students[0]).get(address(token)))


def test_expired_token_of_an_ended_session_explains_that_it_ended(taking, time_machine):
    token = token_of(taking.session)
    time_machine.move_to(NOW + datetime.timedelta(seconds=100), tick=False)
    taking.step(taking.session, "end")

    response = browser_of(taking.students[0]).get(address(token))

    assert response.status_code == 409
    assert "This class has ended" in response.content.decode()


def test_expired_token_of_a_stranger_is_403(taking, time_machine):
    token = token_of(taking.session)
    time_machine.move_to(NOW + datetime.timedelta(seconds=100), tick=False)

    assert browser_of(factories.make_student()).get(address(token)).status_code == 403


def test_scan_without_enrolment_is_refused(taking):
    stranger = factories.make_student()
    client = browser_of(stranger)
    claim = claim_in(client.get(address(token_of(taking.session))))
    before = everything_written()

    response = client.post(CLAIM, {"claim": claim})

    assert response.status_code == 403
    assert "You are not enrolled in this class" in response.content.decode()
    assert str(stranger.user) in response.content.decode()
    assert everything_written() == before


def test_scan_without_joining_is_kept_for_the_teacher(taking):
    client = browser_of(taking.students[2])
    claim = claim_in(client.get(address(token_of(taking.session))))

    response = client.post(CLAIM, {"claim": claim})

    assert response.status_code == 409
    assert "Your teacher needs to admit you" in response.content.decode()
    assert [scan.student for scan in RefusedScan.objects.all()] == [taking.students[2]]
    assert not AttendanceRecord.objects.filter(student=taking.students[2]).exists()


def test_scan_before_the_start_is_refused(taught_class):
    session = taught_class.open()
    taught_class.join(session)
    before = everything_written()

    response = browser_of(taught_class.students[0]).get(address(token_of(session)))

    assert response.status_code == 409
    assert "Attendance has not started yet" in response.content.decode()
    assert everything_written() == before


GARBAGE = [
    "x",
    "0" * 20,
    "G" * 20,
    "U" * 20,
    "ß" * 20,
    "💥",
    "\x00" * 20,
    "%2e%2e",
    " ",
    "a b",
    "\n",
    "'--",
    "A" * 64,
]


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_a_friendly_400(taught_class, garbage, signed_in):
    client = browser_of(taught_class.students[0]) if signed_in else Client()
    before = everything_written()

    response = client.get(f"/A/{quote(garbage)}")

    assert response.status_code == 400
    assert "This is not a class code" in response.content.decode()
    assert everything_written() == before


@pytest.mark.parametrize("change", [-1, 1])
def test_future_or_truncated_token_is_invalid(taking, change):
    token = token_of(taking.session, steps_ago=-2) if change > 0 else token_of(taking.session)[:-1]

    assert browser_of(taking.students[0]).get(address(token)).status_code == 400


@pytest.mark.django_db
def test_longer_than_any_token_is_404(client):
    assert client.get("/A/" + "A" * 65).status_code == 404


def test_claim_that_waits_too_long_may_be_sent_again(taking, monkeypatch):
    client = browser_of(taking.students[0])
    claim = claim_in(client.get(address(token_of(taking.session))))

    def wait_too_long(scan):
        raise StillWaiting

    with monkeypatch.context() as hanging:
        hanging.setattr(scanning._batches, "run", wait_too_long)
        waited = client.post(CLAIM, {"claim": claim})
    sent_again = client.post(CLAIM, {"claim": claim_in(waited)})

    assert (waited.status_code, sent_again.status_code) == (503, 303)
    assert AttendanceRecord.objects.filter(student=taking.students[0], status=Status.PRESENT).exists()


def test_61st_mark_within_a_minute_is_429(taking):
    client = browser_of(taking.students[0])

    answers = [client.post(CLAIM, {"claim": "x"}).status_code for _ in range(61)]

    assert answers == [400] * 60 + [429]


def test_post_to_the_address_is_refused(taking):
    token = token_of(taking.session)

    assert browser_of(taking.students[0]).post(address(token)).status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_teacher_who_scans_is_redirected_to_the_session(taking):
    client = Client()
    client.force_login(taking.teacher)

    response = client.get(address(token_of(taking.session)))

    assert response.status_code == 403
    assert reverse("qrsessions:session", args=[taking.session.public_id]) in response.content.decode()


def test_session_is_closed_to_teachers_of_other_sections(taking):
    client = Client()
    client.force_login(factories.make_teacher())

    for token in (token_of(taking.session), "GARBAGE"):
        response = client.get(address(token))
        assert response.status_code == 403
        assert str(taking.session.meeting.section) not in response.content.decode()
    assert client.post(CLAIM, {"claim": "x"}).status_code == 403


# --- Before sign-in ---------------------------------------------------------------------------------------


def test_slow_sign_in_costs_no_mark(taking, time_machine):
    client = Client()
    before = everything_written()
    scanned = client.get(address(token_of(taking.session)))
    cookie = scanned.cookies[CLAIM_COOKIE]
    assert (cookie["max-age"], cookie["path"], cookie["samesite"]) == (180, "/", "Lax")
    assert cookie["httponly"] is True
    assert everything_written() == before
    time_machine.move_to(NOW + datetime.timedelta(seconds=60), tick=False)

    signed_in = sign_in(client, taking.students[0], scanned)
    assert (signed_in.status_code, signed_in.url) == (302, CLAIM)
    page = client.get(signed_in.url)
    assert "data-autosubmit" in page.content.decode()
    assert everything_written() == before
    response = client.post(CLAIM)

    assert is_on_own_page(response)
    assert response.cookies[CLAIM_COOKIE].value == ""
    record = record_of(taking)
    assert (record.status, record.method, record.marked_at) == (Status.PRESENT, Method.CLAIM, NOW)


def test_sign_in_after_more_than_three_minutes_asks_to_scan_again(taking, time_machine):
    client = Client()
    scanned = client.get(address(token_of(taking.session)))
    time_machine.move_to(NOW + datetime.timedelta(seconds=181), tick=False)
    sign_in(client, taking.students[0], scanned)
    before = everything_written()

    # As if the browser kept the cookie for too long.
    response = client.post(CLAIM)

    assert response.status_code == 409
    assert "Please scan again" in response.content.decode()
    assert response.cookies[CLAIM_COOKIE].value == ""
    assert everything_written() == before


def test_sign_in_without_the_cookie_ends_with_an_explanation(taking):
    response = browser_of(taking.students[0]).get(CLAIM)

    assert response.status_code == 409
    assert "Your scan has expired." in response.content.decode()


def test_without_the_cookie_a_marked_student_sees_the_mark(taking):
    taking.mark(taking.session)

    assert is_on_own_page(browser_of(taking.students[0]).get(CLAIM))


def test_claim_copied_to_another_browser_marks_one_student_only(taking):
    first, second = browser_of(taking.students[0]), browser_of(taking.students[1])
    scanned = Client().get(address(token_of(taking.session)))
    for name in (CLAIM_COOKIE, COOKIE):
        first.cookies[name] = second.cookies[name] = scanned.cookies[name].value
    assert is_on_own_page(first.post(CLAIM))
    before = everything_written()

    response = second.post(CLAIM)

    assert response.status_code == 400
    assert everything_written() == before


@pytest.mark.parametrize("cookie", ["x", "a:b:c", "é"])
def test_forged_cookie_is_refused(taking, cookie):
    client = browser_of(taking.students[0])
    client.cookies[CLAIM_COOKIE] = cookie
    before = everything_written()

    assert client.get(CLAIM).status_code == 200
    assert client.post(CLAIM).status_code == 400
    assert everything_written() == before


def test_expired_token_before_sign_in_leads_to_the_sign_in(taking, time_machine):
    token = token_of(taking.session)
    time_machine.move_to(NOW + datetime.timedelta(seconds=10), tick=False)

    response = Client().get(address(token))

    assert response.status_code == 409
    assert CLAIM_COOKIE not in response.cookies
    assert f"{reverse('account_login')}?next={reverse('qrsessions:student')}" in response.content.decode()


def test_cookie_is_for_https_only_where_the_site_is(taking, settings):
    settings.SESSION_COOKIE_SECURE = True

    response = Client().get(address(token_of(taking.session)))

    assert response.cookies[CLAIM_COOKIE]["secure"] is True


def test_head_before_sign_in_writes_nothing(taking):
    before = everything_written()

    assert Client().head(address(token_of(taking.session))).status_code == 302
    assert everything_written() == before


def test_claim_is_fresh_for_its_time():
    before_sign_in = claims.Claim("7GK2QM9X", "n", NOW, held_by=claims.held_by_browser("a" * 32), mac="")
    of_a_user = claims.Claim("7GK2QM9X", "n", NOW, held_by="user 1", mac="")

    fresh = [
        [claim.is_fresh(at=NOW + datetime.timedelta(seconds=seconds)) for seconds in (60, 61, 180, 181)]
        for claim in (before_sign_in, of_a_user)
    ]

    assert fresh == [[True, True, True, False], [True, False, False, False]]
