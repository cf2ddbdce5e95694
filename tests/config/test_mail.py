"""Without a mail server nothing promises a mail, and the people who can set one up are told."""

import re

import pytest
from django.core import mail as outbox
from django.test import Client

from config import mail
from config.serving import banner
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

# Every page of the account that somebody who is not signed in can open.
PAGES = ["login/", "signup/", "login/code/", "password/reset/", "inactive/"]
PROMISES = re.compile(
    r"We'll e-mail|by e-mail</a>|Send me|href=\"[^\"]*/(?:login/code|password/reset)/\"|Get a code"
)


@pytest.fixture
def without_mail(settings):
    settings.SENDS_MAIL = False


@pytest.fixture
def user():
    return factories.make_user(email="asha@example.edu")


@pytest.mark.parametrize("page", PAGES)
def test_no_page_promises_a_mail(client, without_mail, page):
    answer = client.get(f"/accounts/{page}")

    assert answer.status_code == 200
    assert PROMISES.findall(answer.content.decode()) == []


def test_sign_in_page_says_whom_to_ask(client, without_mail):
    assert "Ask an administrator for one." in client.get("/accounts/login/").content.decode()


def test_sign_in_page_offers_code_and_reset_where_mail_is_sent(client):
    page = client.get("/accounts/login/").content.decode()

    assert "Send me a code by e-mail" in page
    assert "Forgot your password?" in page


@pytest.mark.parametrize("page", ["login/code/", "password/reset/"])
def test_form_that_would_send_mail_is_refused(client, without_mail, user, page):
    answer = client.post(f"/accounts/{page}", {"email": user.email})

    assert answer.status_code == 200
    assert "This site sends no e-mail. Ask an administrator for a password." in answer.content.decode()
    assert outbox.outbox == []


@pytest.mark.parametrize("page", ["login/code/", "password/reset/"])
def test_form_sends_mail_where_there_is_a_server(client, user, page):
    client.post(f"/accounts/{page}", {"email": user.email})

    assert [message.to for message in outbox.outbox] == [[user.email]]


def test_readyz_warns(client, settings):
    assert client.get("/readyz").json()["warnings"] == []
    settings.SENDS_MAIL = False

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"], answer.json()["warnings"]) == (
        200,
        "ok",
        [mail.WARNING],
    )


def test_admin_warns_on_its_first_page(settings):
    client = Client()
    client.force_login(factories.make_admin())
    assert "EMAIL_URL" not in client.get("/admin/").content.decode()
    settings.SENDS_MAIL = False

    assert "No mail server is set up (EMAIL_URL)." in client.get("/admin/").content.decode()


def test_banner_of_make_run_warns():
    where = {"host": "0.0.0.0", "port": 80, "public_url": "", "lan_url": "", "demo": False}

    assert mail.WARNING in banner.banner(**where, warnings=[mail.WARNING])
    assert "EMAIL_URL" not in banner.banner(**where)
