"""Whoever arrives at the sign-in by a scan is told how long the scan is kept."""

import datetime
import re

import pytest
from django.test import Client

from qrsessions.models import JoinPolicy, SessionStatus
from qrsessions.views.scan import CLAIM_COOKIE
from tests.support import factories
from tests.support.classes import token_of

pytestmark = pytest.mark.django_db

SCANNED_AT = datetime.datetime(2026, 10, 5, 17, 19, 12, tzinfo=datetime.UTC)
KEPT = "Your scan from 17:19:12 is saved. Time left to sign in:"
EXPIRED = "Your scan from 17:19:12 has expired. Sign in, then scan the code on the screen again."
LOST = "Your scan is no longer saved: more than 3 minutes have passed, or your browser blocks cookies."


@pytest.fixture
def phone(time_machine) -> Client:
    """A browser that scanned a code and was led to the sign-in."""
    time_machine.move_to(SCANNED_AT, tick=False)
    section = factories.make_section(students=1)
    session = factories.make_session(
        section=section, status=SessionStatus.ACTIVE, join_policy=JoinPolicy.OPEN
    )
    phone = Client()
    assert phone.get(f"/A/{token_of(session)}")["Location"] == "/accounts/login/?next=/scan/"
    return phone


def seconds_left(page: str) -> int | None:
    found = re.search(r'data-kept-scan[^>]* data-count-down="(\d+)"', page)
    return int(found[1]) if found else None


@pytest.mark.parametrize("path", ["login/", "login/code/"])
def test_sign_in_page_says_how_long_the_scan_is_kept(phone, time_machine, path):
    at_once = phone.get(f"/accounts/{path}?next=/scan/").content.decode()
    time_machine.shift(100)
    later = phone.get(f"/accounts/{path}?next=/scan/").content.decode()
    time_machine.shift(100)
    too_late = phone.get(f"/accounts/{path}?next=/scan/").content.decode()

    assert (seconds_left(at_once), seconds_left(later), seconds_left(too_late)) == (180, 80, None)
    assert all(KEPT in page for page in (at_once, later))
    assert ">3:00</b>" in at_once
    assert f"<p data-after hidden>{EXPIRED}</p>" in later
    assert f"<p data-after>{EXPIRED}</p>" in too_late
    assert KEPT not in too_late


def test_form_with_an_error_says_it_too(phone, time_machine):
    time_machine.shift(60)
    data = {"login": "nobody", "password": "wrong", "next": "/scan/"}

    page = phone.post("/accounts/login/", data).content.decode()

    assert seconds_left(page) == 120
    assert KEPT in page


def test_page_for_the_mailed_code_says_it_too(phone):
    page = phone.post(
        "/accounts/login/code/", {"email": "asha@example.edu", "next": "/scan/"}, follow=True
    ).content.decode()

    assert "Enter your code" in page
    assert KEPT in page


@pytest.mark.parametrize("cookie", [None, "forged"])
def test_scan_that_the_browser_does_not_hold_is_not_promised(phone, cookie):
    del phone.cookies[CLAIM_COOKIE]
    if cookie:
        phone.cookies[CLAIM_COOKIE] = cookie

    page = phone.get("/accounts/login/?next=/scan/").content.decode()

    assert LOST in page
    assert "is kept" not in page


@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/login/?next=/student/"])
def test_sign_in_that_does_not_lead_back_to_the_scan_does_not_mention_it(phone, address):
    assert "Your scan" not in phone.get(address).content.decode()
