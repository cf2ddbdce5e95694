"""Forged tokens cost little and are limited before any work; a phone that repeats a scan hears the truth."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from qrsessions.codes import tokens
from qrsessions.services import scanning
from tests.support import factories
from tests.support.classes import client_of, token_of
from tests.support.pages import browser_of
from tests.support.postgres.database import everything_written

MARK = "/api/v1/mark/"
FORGED_MAC = "0" * tokens.MAC_CHARACTERS
# The steps of five minutes, and the present one.
MOST_HMACS = 61


@pytest.fixture
def taking(taught_class):
    taught_class.session = taught_class.open()
    taught_class.join(taught_class.session, 0)
    taught_class.step(taught_class.session, "start")
    taught_class.session.refresh_from_db()
    return taught_class


@pytest.fixture
def hmacs(monkeypatch) -> list[int]:
    """The steps whose MACs were computed."""
    computed: list[int] = []
    compute = tokens._mac

    def counted(public_id, secret, step):
        computed.append(step)
        return compute(public_id, secret, step)

    monkeypatch.setattr(tokens, "_mac", counted)
    return computed


def address(token: str) -> str:
    return reverse("qrsessions:scan", args=[token])


def open_signed_out(_student, token: str) -> int:
    return Client().get(address(token)).status_code


def open_signed_in(student, token: str) -> int:
    return browser_of(student).get(address(token)).status_code


def send(student, token: str) -> int:
    return client_of(student.user).post(MARK, {"token": token}, format="json").status_code


WAYS = [open_signed_out, open_signed_in, send]


@pytest.mark.parametrize("scan", WAYS)
def test_forged_token_looks_back_a_few_minutes_however_old_the_session_is(taking, time_machine, hmacs, scan):
    time_machine.move_to(timezone.now() + datetime.timedelta(hours=12), tick=False)

    assert scan(taking.students[0], taking.session.public_id + FORGED_MAC) == 400
    # Opening the address when signed in first asks whether the token is shown now.
    assert len(hmacs) <= MOST_HMACS + 2


@pytest.mark.parametrize("scan", WAYS)
def test_forged_token_of_an_ended_session_costs_no_hmac(taking, hmacs, scan):
    taking.step(taking.session, "end")

    assert scan(taking.students[1], taking.session.public_id + FORGED_MAC) == 409
    assert hmacs == []


@pytest.mark.parametrize("scan", WAYS)
@pytest.mark.parametrize("token", ["x", "0" * 19, "0" * 21, "U" * 20, "0" * 20, "GZZZZZZZ" + FORGED_MAC])
def test_malformed_and_unknown_tokens_cost_no_hmac(taking, hmacs, scan, token):
    assert scan(taking.students[0], token) == 400
    assert hmacs == []


@pytest.mark.parametrize("scan", [open_signed_in, send])
def test_students_who_are_marked_or_not_enrolled_hear_it_before_any_hmac(taking, hmacs, scan):
    taking.mark(taking.session)
    hmacs.clear()
    forged = taking.session.public_id + FORGED_MAC

    answers = [scan(student, forged) for student in (taking.students[0], factories.make_student())]

    assert answers == [303 if scan is open_signed_in else 200, 403]
    # Only whether it is the token shown now, at a tenth of the cost of the answer.
    assert len(hmacs) <= (4 if scan is open_signed_in else 0)


def test_order_of_refusals(taking, time_machine):
    """Each answer comes although all that follow it in DESIGN's order hold too."""
    ada, bob, _cyd = taking.students
    stranger = factories.make_student()
    session = taking.session
    expired, forged = token_of(session), session.public_id + FORGED_MAC
    time_machine.move_to(timezone.now() + datetime.timedelta(seconds=30), tick=False)
    taking.mark(session, 0)

    def answer(student, token: str) -> tuple[int, str]:
        sent = client_of(student.user).post(MARK, {"token": token}, format="json")
        return sent.status_code, sent.json()["code"]

    active = [
        answer(stranger, "malformed"),
        answer(stranger, "0" * 20),
        answer(stranger, forged),
        answer(ada, forged),
        answer(bob, forged),
        answer(bob, expired),
        answer(bob, token_of(session)),
    ]
    taking.step(session, "end")
    ended = [answer(stranger, forged), answer(ada, forged), answer(bob, forged), answer(bob, expired)]

    assert active == [
        (400, "token_invalid"),
        (400, "token_invalid"),
        (403, "not_enrolled"),
        (200, "already_marked"),
        (400, "token_invalid"),
        (409, "token_expired"),
        (409, "not_joined"),
    ]
    assert ended == [
        (403, "not_enrolled"),
        (200, "already_marked"),
        (409, "not_active"),
        (409, "not_active"),
    ]


def test_attempts_before_sign_in_are_limited_by_address_before_any_work(taking, hmacs, monkeypatch):
    monkeypatch.setattr(scanning, "ARRIVALS_BEFORE_SIGN_IN", scanning.Limit("few-scans", 3, 60))
    forged = address(taking.session.public_id + FORGED_MAC)

    here = [Client(REMOTE_ADDR="192.0.2.7").get(forged) for _ in range(5)]
    done = len(hmacs)
    elsewhere = Client(REMOTE_ADDR="192.0.2.8").get(forged)

    assert [response.status_code for response in here] == [400] * 3 + [429] * 2
    assert int(here[-1]["Retry-After"]) in range(1, 61)
    assert done <= 3 * MOST_HMACS
    assert elsewhere.status_code == 400


def test_hall_behind_one_address_is_not_limited_before_sign_in():
    """600 students who scan three times within the minute."""
    limit = scanning.ARRIVALS_BEFORE_SIGN_IN
    assert limit.times / limit.per_seconds >= 600 * 3 / 60


def test_attempts_of_a_signed_in_student_are_limited_before_any_work(taking, hmacs, monkeypatch):
    monkeypatch.setattr(scanning, "ARRIVALS", scanning.Limit("few-arrivals", 3, 60))
    phone = browser_of(taking.students[0])
    forged = address(taking.session.public_id + FORGED_MAC)

    answers = [phone.get(forged).status_code for _ in range(5)]

    assert answers == [400] * 3 + [429] * 2
    assert len(hmacs) <= 3 * (MOST_HMACS + 2)


def test_refused_attempts_before_sign_in_write_nothing(taking):
    before = everything_written()
    for token in ("x", taking.session.public_id + FORGED_MAC):
        assert Client().get(address(token)).status_code == 400
    assert everything_written() == before
