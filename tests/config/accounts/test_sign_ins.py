"""The list of a user's sign-ins, and signing out elsewhere."""

import re

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from attendance.models import ApiToken
from config.accounts.browser_names import browser_name
from tests.support import factories

pytestmark = pytest.mark.django_db

PAGE = "/accounts/sign-ins/"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"


@pytest.fixture
def user():
    return factories.make_student().user


def signed_in_browser(user, user_agent: str = WINDOWS, **options) -> Client:
    """A browser signed in through the form."""
    client = Client(headers={"user-agent": user_agent}, **options)
    answer = client.post("/accounts/login/", {"login": user.username, "password": factories.PASSWORD})
    assert answer.status_code == 302, answer.content.decode()
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/student/").status_code == 200


def rows_of(page: str) -> list[str]:
    rows = re.findall(r"<li>(.*?)</li>", page, flags=re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def end_url_of(client: Client) -> str:
    """The URL with which another browser signs this one out."""
    return f"{PAGE}{UserSession.objects.get(session_key=client.session.session_key).pk}/end/"


def end_token_url(token: ApiToken) -> str:
    return f"{PAGE}tokens/{token.pk}/end/"


def make_token(user) -> str:
    return ApiToken.objects.make(user=user, at=timezone.now())


def test_page_lists_this_browser_first_and_then_the_others(user):
    phone, desk = signed_in_browser(user, ANDROID), signed_in_browser(user, WINDOWS)

    rows = [
        re.sub(r"since \d+ \w+ \d{4}, \d\d:\d\d", "since then", row)
        for row in rows_of(phone.get(PAGE).content.decode())
    ]

    assert rows == [
        "Chrome on Android this device since then · 127.0.0.1",
        "Firefox on Windows since then · 127.0.0.1 Sign out Firefox on Windows",
    ]
    assert "Firefox on Windows this device" in rows_of(desk.get(PAGE).content.decode())[0]
    assert "no-store" in phone.get(PAGE)["Cache-Control"]


def test_signing_out_one_browser_leaves_the_others(user):
    phone, desk, third = (signed_in_browser(user) for _ in range(3))

    answer = phone.post(end_url_of(desk), follow=True)

    assert "Signed out of Firefox on Windows." in answer.content.decode()
    assert [is_signed_in(one) for one in (phone, desk, third)] == [True, False, True]
    assert len(rows_of(phone.get(PAGE).content.decode())) == 2


def test_signing_out_everywhere_else_leaves_this_browser(user):
    phone, desk, third = (signed_in_browser(user) for _ in range(3))
    factories.key_of(user)

    answer = phone.post(f"{PAGE}others/end/", follow=True)

    assert "You have been signed out everywhere else." in answer.content.decode()
    assert [is_signed_in(one) for one in (phone, desk, third)] == [True, False, False]
    assert not ApiToken.objects.exists()
    assert Session.objects.count() == 1


def test_cookie_of_an_ended_session_stays_signed_out(user):
    phone, desk = signed_in_browser(user), signed_in_browser(user)
    cookie = desk.cookies["sessionid"].value
    phone.post(f"{PAGE}others/end/")

    again = Client()
    again.cookies["sessionid"] = cookie

    assert not is_signed_in(again)


def test_each_token_can_be_ended_alone(user):
    phone, desk = signed_in_browser(user), signed_in_browser(user)
    programs = [Client(headers={"authorization": f"Token {make_token(user)}"}) for _ in range(2)]
    assert [program.get("/api/v1/me/session/").status_code for program in programs] == [200, 200]
    shown = [row for row in rows_of(phone.get(PAGE).content.decode()) if row.startswith("A program")]
    assert len(shown) == 2

    answer = phone.post(end_token_url(ApiToken.objects.earliest("pk")), follow=True)

    assert "Token revoked. The program that used it is signed out." in answer.content.decode()
    assert [program.get("/api/v1/me/session/").status_code for program in programs] == [401, 200]
    assert "A program that uses an API token" in phone.get(PAGE).content.decode()
    assert is_signed_in(desk)


def test_nobody_can_end_another_users_sign_in(user):
    other = factories.make_student().user
    theirs, mine = signed_in_browser(other), signed_in_browser(user)
    factories.key_of(other)

    mine.post(end_url_of(theirs))
    mine.post(f"{PAGE}others/end/")
    mine.post(end_token_url(ApiToken.objects.get()))

    assert is_signed_in(theirs)
    assert ApiToken.objects.filter(user=other).exists()


def test_this_browser_is_not_ended_by_its_own_row(user):
    mine = signed_in_browser(user)

    mine.post(end_url_of(mine))

    assert is_signed_in(mine)


@pytest.mark.parametrize("rest", ["others/end/", "tokens/1/end/", "1/end/"])
def test_signing_out_needs_a_post_with_csrf(user, rest):
    mine, other = signed_in_browser(user), signed_in_browser(user)
    factories.key_of(user)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["sessionid"] = mine.cookies["sessionid"].value
    urls = {"1/end/": end_url_of(other), "tokens/1/end/": end_token_url(ApiToken.objects.get())}
    url = urls.get(rest, f"{PAGE}{rest}")

    assert mine.get(url).status_code == 302
    assert strict.post(url).status_code == 403

    assert is_signed_in(other)
    assert ApiToken.objects.exists()


def test_anonymous_user_is_sent_to_the_sign_in(client):
    for rest in ("", "others/end/", "tokens/1/end/", "1/end/"):
        assert client.get(f"{PAGE}{rest}")["Location"].startswith("/accounts/login/")
        assert client.post(f"{PAGE}{rest}").status_code in (302, 405)


def test_session_that_allauth_did_not_record_is_listed(user):
    client = Client(headers={"user-agent": ANDROID})
    client.force_login(user)

    assert rows_of(client.get(PAGE).content.decode()) == ["Chrome on Android this device 127.0.0.1"]


def test_signed_out_browser_is_no_longer_listed(user):
    phone, desk = signed_in_browser(user), signed_in_browser(user)

    desk.post("/accounts/logout/")

    assert len(rows_of(phone.get(PAGE).content.decode())) == 1
    assert UserSession.objects.count() == 1


def test_changing_the_password_signs_out_everywhere_else(user):
    phone, desk = signed_in_browser(user), signed_in_browser(user)
    passwords = {
        "oldpassword": factories.PASSWORD,
        "password1": "another-long-one",
        "password2": "another-long-one",
    }

    phone.post("/accounts/password/change/", passwords)

    assert [is_signed_in(phone), is_signed_in(desk)] == [True, False]
    rows = rows_of(phone.get(PAGE).content.decode())
    assert len(rows) == 1
    assert "this device" in rows[0]


def test_later_requests_do_not_update_the_sign_in(user):
    phone = signed_in_browser(user)
    before = UserSession.objects.values().get()

    phone.get("/student/", headers={"user-agent": ANDROID})

    assert UserSession.objects.values().get() == before


def test_admin_signs_out_a_lost_phone(user, client):
    lost, second, kept = (signed_in_browser(user) for _ in range(3))
    rows = [UserSession.objects.get(session_key=one.session.session_key).pk for one in (lost, second)]
    client.force_login(factories.make_admin())
    listed = "/admin/usersessions/usersession/"

    assert client.get(f"{listed}?q={user.username}").context["cl"].result_count == 3
    client.post(f"{listed}{rows[0]}/delete/", {"post": "yes"})
    client.post(listed, {"action": "delete_selected", "_selected_action": rows[1:], "post": "yes"})

    assert [is_signed_in(one) for one in (lost, second, kept)] == [False, False, True]
    assert client.get(f"{listed}add/").status_code == 403
    assert kept.session.session_key not in client.get(listed).content.decode()


def test_account_menu_links_to_the_page(user):
    assert f'href="{PAGE}"' in signed_in_browser(user).get("/student/").content.decode()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (ANDROID, "Chrome on Android"),
        (WINDOWS, "Firefox on Windows"),
        (f"{ANDROID} EdgA/130.0", "Edge on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/130.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (X11; CrOS x86_64) Chrome/130.0 Safari/537.36", "Chrome on Chromebook"),
        ("Mozilla/5.0 (Linux; Android 13) SamsungBrowser/26.0 Chrome/122.0 Mobile Safari/537.36", "Samsung Internet on Android"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_browser_name(user_agent, name):
    assert browser_name(user_agent) == name
