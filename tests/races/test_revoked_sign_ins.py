"""A sign-in that was ended is refused by every web process, at its next request, at most two seconds later."""

import http.client
import time
from collections.abc import Sequence

import pytest
from django.test import Client

from attendance.models import ApiToken
from tests.support import factories
from tests.support.web_server import Server

ALLOWED_SECONDS = 2


def status_of(server: Server, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/api/v1/me/session/", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def statuses(servers: Sequence[Server], headers: dict[str, str]) -> list[int]:
    """The answers of both processes, each asked twice."""
    return [status_of(server, headers) for server in [*servers, *servers]]


def delete_the_token(user, browser: Client) -> None:
    token = ApiToken.objects.get(user=user)
    assert browser.post(f"/accounts/sign-ins/tokens/{token.pk}/end/").status_code == 302


def sign_out(user, browser: Client) -> None:
    assert browser.post("/accounts/logout/").status_code == 302


def deactivate(user, browser: Client) -> None:
    user.is_active = False
    user.save()


def change_the_password(user, browser: Client) -> None:
    user.set_password("another one, and long")
    user.save()


def delete_the_user(user, browser: Client) -> None:
    user.delete()


WAYS = {
    "token deleted": ("token", delete_the_token),
    "user with a token deactivated": ("token", deactivate),
    "password of a user with a token changed": ("token", change_the_password),
    "user with a token deleted": ("token", delete_the_user),
    "signed out": ("cookie", sign_out),
    "user with a cookie deactivated": ("cookie", deactivate),
    "password of a user with a cookie changed": ("cookie", change_the_password),
}


@pytest.mark.parametrize("pause", [0, 3], ids=["at once", "after a pause"])
def test_ended_sign_in_is_refused_by_every_process(own_servers, pause):
    people = {}
    for way, (by, end) in WAYS.items():
        user = factories.user_of(factories.make_student())
        browser = Client()
        browser.force_login(user)
        headers = {"Authorization": f"Token {factories.key_of(user)}"}
        if by == "cookie":
            headers = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
        people[way] = user, browser, headers, end
    before = {way: statuses(own_servers, headers) for way, (_, _, headers, _) in people.items()}
    assert before == dict.fromkeys(WAYS, [200] * 4)
    time.sleep(pause)

    for user, browser, _headers, end in people.values():
        end(user, browser)
    time.sleep(ALLOWED_SECONDS)

    after = {way: statuses(own_servers, headers) for way, (_, _, headers, _) in people.items()}
    assert after == dict.fromkeys(WAYS, [401] * 4)
