"""Limits of wrong passwords: nobody locks a classmate or a hall out, and nobody guesses for long."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.urls import reverse

from attendance.lib.rate_limits import TooOften
from attendance.models import User
from config.accounts import devices
from config.accounts.devices import Device
from config.accounts.limits import (
    SIGN_IN_ACCOUNT,
    SIGN_IN_ADDRESS,
    SIGN_IN_DEVICE,
    SIGN_IN_NOISY_ADDRESS,
    count_sign_in,
)

PASSWORD = "right-horse-9"


@pytest.fixture(autouse=True)
def _no_counts():
    cache.clear()


@pytest.fixture
def asha(db) -> User:
    return User.objects.create_user("asha", "asha@example.edu", PASSWORD)


def is_refused(account: str, address: str = "10.0.0.1", device: Device | None = None) -> bool:
    try:
        count_sign_in(accounts=[account], address=address, device=device)
    except TooOften:
        return True
    return False


def browser() -> Client:
    """A browser with the sign-in page open."""
    client = Client()
    client.get(reverse("account_login"))
    return client


def sign_in(client: Client, password: str = PASSWORD, name: str = "asha") -> bool:
    client.post(reverse("account_login"), {"login": name, "password": password})
    return "_auth_user_id" in client.session


def test_right_passwords_use_up_no_limit():
    for _ in range(3 * SIGN_IN_DEVICE.times):
        count_sign_in(accounts=["1"], address="10.0.0.1").uncount()


def test_600_students_behind_one_address_may_each_mistype_twice():
    refused = [is_refused(str(number), device=Device(str(number))) for number in range(600) for _ in range(2)]

    assert refused == [False] * 1200


def test_account_is_refused_from_new_devices_after_20_failures_for_a_minute():
    assert [is_refused("1", device=Device(str(number))) for number in range(21)] == [False] * 20 + [True]
    assert SIGN_IN_ACCOUNT.per_seconds == 60


def test_known_device_is_let_in_whatever_others_do():
    own = Device("own", users=("1",))
    for number in range(100):
        is_refused("1", device=Device(str(number)))
    for account in range(SIGN_IN_ADDRESS.times):
        is_refused(f"name {account}")

    assert is_refused("1", device=Device("new"))
    assert not is_refused("1", device=own)


def test_known_device_may_fail_ten_times_too():
    own = Device("own", users=("1",))

    assert [is_refused("1", device=own) for _ in range(11)] == [False] * 10 + [True]


def test_noisy_address_may_try_each_account_a_few_times_and_locks_nobody_out():
    for number in range(SIGN_IN_ADDRESS.times):
        assert not is_refused(f"name {number}")

    new_devices = [is_refused("1", device=Device(str(number))) for number in range(8)]

    assert new_devices == [False] * SIGN_IN_NOISY_ADDRESS.times + [True] * 3
    # Any other account there has its own tries, and this one elsewhere.
    assert not is_refused("2", device=Device("another"))
    assert not is_refused("1", "10.0.0.2", device=Device("home"))


def test_600_first_right_passwords_from_a_noisy_address_all_pass():
    for number in range(SIGN_IN_ADDRESS.times):
        is_refused(f"name {number}")

    for number in range(600):
        count_sign_in(accounts=[str(number)], address="10.0.0.1", device=Device(f"d{number}")).uncount()


def test_classmate_who_fails_ten_times_locks_only_their_own_browser(asha):
    classmate, own = browser(), browser()
    for _ in range(10):
        sign_in(classmate, "wrong")
    refused = classmate.post(reverse("account_login"), {"login": "asha", "password": PASSWORD})

    assert "Or sign in with a code by e-mail." in refused.content.decode()
    assert not sign_in(classmate)
    assert sign_in(own)


def test_browser_of_the_owner_is_let_in_while_the_account_is_under_attack(asha):
    own = browser()
    assert sign_in(own)
    own.post(reverse("account_logout"))
    for _ in range(20):
        sign_in(browser(), "wrong")

    assert not sign_in(browser())
    assert sign_in(own)


@pytest.mark.parametrize("cookie", ["forged.1", "0123.1:signature", "x" * 5000, ""])
def test_forged_device_cookie_knows_nobody(asha, cookie):
    client = Client()
    client.cookies[devices.COOKIE] = cookie
    for _ in range(10):
        sign_in(client, "wrong")

    assert not sign_in(client)


def test_device_cookie_signs_nobody_in_and_is_hidden_from_scripts(asha):
    client = browser()
    sign_in(client)
    client.post(reverse("account_logout"))

    assert client.cookies[devices.COOKIE]["httponly"]
    assert client.get("/").url == reverse("account_login")


def test_name_and_address_of_an_account_count_as_one(asha):
    client = browser()
    checked = 0
    for name in ["asha", "asha@example.edu", "ASHA@Example.edu", " Asha "] * 5:
        answer = client.post(reverse("account_login"), {"login": name, "password": "wrong"})
        checked += "Wrong" in answer.content.decode()

    assert checked == 10


def test_name_and_address_count_as_one_for_programs(asha):
    statuses = [
        Client()
        .post("/api/v1/auth/token/", {"username": name, "password": "wrong"}, content_type="application/json")
        .status_code
        for name in ["asha", "asha@example.edu"] * 10
    ]

    assert statuses == [401] * 10 + [429] * 10


def test_made_up_name_that_is_a_number_does_not_count_against_that_user(asha):
    for _ in range(11):
        sign_in(Client(), "wrong", name=str(asha.pk))

    assert sign_in(Client())


@pytest.mark.django_db(transaction=True)
def test_three_of_20_wrong_codes_at_once_are_checked(mailoutbox, monkeypatch):
    User.objects.create_user("asha", "asha@example.edu", PASSWORD)
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "asha@example.edu"})
    compared = []
    monkeypatch.setattr(
        "allauth.account.forms.compare_user_code", lambda **codes: compared.append(codes) and False
    )
    together = Barrier(20)

    def guess(number: int) -> None:
        one = Client()
        one.cookies = client.cookies.copy()
        together.wait()
        try:
            one.post(reverse("account_confirm_login_code"), {"code": f"0000-{number:04}"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(guess, range(20)))

    assert len(compared) == 3


@pytest.mark.django_db(transaction=True)
def test_codes_sent_again_at_once_count_as_mails_to_the_recipient(mailoutbox):
    User.objects.create_user("asha", "asha@example.edu", PASSWORD)
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": "asha@example.edu"})
    together = Barrier(10)

    def resend(_number: int) -> None:
        one = Client()
        one.cookies = client.cookies.copy()
        together.wait()
        try:
            one.post(reverse("account_confirm_login_code"), {"action": "resend"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(resend, range(10)))

    assert len(mailoutbox) == 4


def test_known_device_gets_its_code_though_others_asked_for_too_many(asha, mailoutbox):
    own = browser()
    sign_in(own)
    own.post(reverse("account_logout"))
    for _ in range(6):
        browser().post(reverse("account_request_login_code"), {"email": "asha@example.edu"})
    before = len(mailoutbox)

    own.post(reverse("account_request_login_code"), {"email": "asha@example.edu"})

    assert (before, len(mailoutbox)) == (4, 5)
