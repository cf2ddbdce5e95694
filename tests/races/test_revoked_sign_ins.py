"""A sign-in that was ended is refused by every web process, at its next request, at most two seconds later."""

import http.client
import time

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


@pytest.mark.parametrize("pause", [0, 3], ids=["at once", "after a pause"])
@pytest.mark.parametrize(
    ("by", "end"),
    [
        ("token", delete_the_token),
        ("token", deactivate),
        ("token", change_the_password),
        ("token", delete_the_user),
        ("cookie", sign_out),
        ("cookie", deactivate),
        ("cookie", change_the_password),
    ],
)
def test_ended_sign_in_is_refused_by_every_process(own_servers, by, end, pause):
    user = factories.user_of(factories.make_student())
    browser = Client()
    browser.force_login(user)
    headers = {"Authorization": f"Token {factories.key_of(user)}"}
    if by == "cookie":
        headers = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    for _ in range(2):
        assert [status_of(server, headers) for server in own_servers] == [200, 200]
    time.sleep(pause)

    end(user, browser)
    time.sleep(ALLOWED_SECONDS)

    assert [status_of(server, headers) for server in own_servers * 2] == [401] * 4
