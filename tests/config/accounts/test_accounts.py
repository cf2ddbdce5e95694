import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connections
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from attendance.models import User
from config.accounts import devices
from tests.support import factories

PASSWORD = "right-horse-9"
DAY = 24 * 3600

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_counts():
    cache.clear()


@pytest.fixture
def asha(db) -> User:
    return User.objects.create_user("asha", "asha@example.edu", PASSWORD)


@pytest.fixture
def tara(db) -> User:
    return User.objects.create_user("tara", "tara@example.edu", PASSWORD, is_teacher=True)


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root", "root@example.edu", PASSWORD)


def sign_in(client: Client, name: str, password: str = PASSWORD, **data: str):
    return client.post(reverse("account_login"), {"login": name, "password": password, **data})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("name", ["asha", "asha@example.edu", "ASHA@example.edu", " asha "])
def test_sign_in_by_user_name_or_email(client, asha, name):
    response = sign_in(client, name)
    assert (response.status_code, response.url) == (302, "/")
    assert is_signed_in(client)


def test_fields_say_what_a_password_manager_may_fill_in(client, asha, mailoutbox):
    def hints(page) -> dict[str, str]:
        inputs = re.findall(r"<input [^>]*>", page.content.decode())
        pairs = [
            (re.search(r'name="(\w+)"', one), re.search(r'autocomplete="([\w-]+)"', one)) for one in inputs
        ]
        return {name[1]: hint[1] for name, hint in pairs if name and hint}

    signing_in = client.get(reverse("account_login"))
    code = client.post(reverse("account_request_login_code"), {"email": asha.email}, follow=True)
    client.force_login(asha)
    changing = client.get(reverse("account_change_password"))

    assert hints(signing_in) == {"login": "username", "password": "current-password"}
    assert hints(code) == {"code": "one-time-code"}
    assert hints(changing) == {
        "oldpassword": "current-password",
        "password1": "new-password",
        "password2": "new-password",
    }


def test_wrong_password_shows_an_error_and_does_not_sign_in(client, asha):
    response = sign_in(client, "asha", "wrong")
    assert "Wrong user name or password." in response.content.decode()
    assert not is_signed_in(client)


def test_sign_in_returns_to_the_page_that_asked_for_it(client, asha):
    assert sign_in(client, "asha", next="/A/7GK2QM9X1234567890AB").url == "/A/7GK2QM9X1234567890AB"


def test_sign_in_never_redirects_to_another_site(client, asha):
    assert sign_in(client, "asha", next="https://evil.example/").url == "/"


@pytest.mark.parametrize(
    ("user", "landing"),
    [("root", "admin:index"), ("tara", "qrsessions:sections"), ("asha", "qrsessions:student")],
)
def test_home_redirects_each_role_to_its_first_page(client, request, user, landing):
    client.force_login(request.getfixturevalue(user))
    assert client.get("/").url == reverse(landing)


def test_home_redirects_an_anonymous_user_to_the_sign_in(client):
    assert client.get("/").url == reverse("account_login")


def test_a_student_stays_signed_in_for_the_term(client, asha):
    sign_in(client, "asha")
    assert client.session.get_expiry_age() == 180 * DAY
    assert client.cookies["sessionid"]["max-age"] == 180 * DAY


@pytest.mark.parametrize("user", ["tara", "root"])
def test_staff_stay_signed_in_for_twelve_hours(client, request, user):
    sign_in(client, request.getfixturevalue(user).username)
    assert client.session.get_expiry_date() - timezone.now() == pytest.approx(
        timedelta(hours=12), abs=timedelta(minutes=1)
    )


@pytest.mark.parametrize(("user", "status"), [("tara", 302), ("asha", 200)])
def test_staff_sign_in_again_after_twelve_hours_and_students_do_not(
    client, request, user, status, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    user = request.getfixturevalue(user)
    if user.username == "asha":
        factories.make_student(user=user)
    sign_in(client, user.username)
    page = "/student/" if user.username == "asha" else "/teach/"
    time_machine.shift(timedelta(hours=11))
    # Using the site does not prolong it.
    assert client.get(page).status_code == 200

    time_machine.shift(timedelta(hours=2))

    assert client.get(page).status_code == status
    assert client.get("/api/v1/me/records/").status_code == (401 if status == 302 else 200)


def test_student_who_becomes_a_teacher_signs_in_again(client, asha):
    sign_in(client, "asha")
    assert client.get("/").url == reverse("qrsessions:student")

    asha.is_teacher = True
    asha.save()

    assert client.get("/").url == reverse("account_login")
    assert client.get("/api/v1/sections/").status_code == 401


ELEVEN, TWELVE = "quiet-lamps", "quiet-lamps7"


@pytest.mark.parametrize("user", ["asha", "tara", "root"])
@pytest.mark.parametrize("password", [ELEVEN, TWELVE])
def test_passwords_of_staff_have_twelve_characters(client, request, user, password):
    user = request.getfixturevalue(user)
    client.force_login(user)
    data = {"oldpassword": PASSWORD, "password1": password, "password2": password}

    page = client.post(reverse("account_change_password"), data)

    accepted = password == TWELVE or user.username == "asha"
    user.refresh_from_db()
    assert user.check_password(password) is accepted
    if not accepted:
        assert "It must contain at least 12 characters." in page.content.decode()


def test_password_from_a_mailed_link_has_twelve_characters(client, tara, mailoutbox):
    client.post(reverse("account_reset_password"), {"email": tara.email})
    form = client.get(re.search(r"http://testserver(/\S+)", mailoutbox[0].body)[1], follow=True)

    page = client.post(form.redirect_chain[-1][0], {"password1": ELEVEN, "password2": ELEVEN})

    assert "at least 12 characters" in page.content.decode()
    tara.refresh_from_db()
    assert tara.check_password(PASSWORD)


def test_password_given_by_the_admin_has_twelve_characters(client, root, tara):
    client.force_login(root)
    data = {"usable_password": "true", "password1": ELEVEN, "password2": ELEVEN}

    changed = client.post(f"/admin/attendance/user/{tara.pk}/password/", data)
    added = client.post("/admin/attendance/user/add/", {"username": "new", "is_teacher": "on", **data})

    for page in (changed, added):
        assert "at least 12 characters" in page.content.decode()
    assert not User.objects.filter(username="new").exists()


@pytest.mark.parametrize(("user", "length"), [("asha", 10), ("tara", 12), ("root", 12)])
def test_password_page_says_how_long_it_must_be_and_no_other_rule(client, request, user, length):
    client.force_login(request.getfixturevalue(user))

    page = client.get(reverse("account_change_password")).content.decode()

    assert f"At least {length} characters." in page
    assert "can’t" not in page


@pytest.mark.parametrize(
    ("password", "broken"),
    [
        ("quiet-lamps", ["This password is too short. It must contain at least 12 characters."]),
        ("tara@example.edu", ["The password is too similar to the email address."]),
        ("907281562433", ["This password is entirely numeric."]),
        ("123456789", ["too short", "too common", "entirely numeric"]),
    ],
)
def test_only_the_password_rules_that_were_broken_are_shown(client, tara, password, broken):
    client.force_login(tara)
    data = {"oldpassword": PASSWORD, "password1": password, "password2": password}

    page = client.post(reverse("account_change_password"), data)

    errors = page.context["form"].errors
    assert set(errors) == {"password1"}
    assert len(errors["password1"]) == len(broken)
    assert all(text in error for text, error in zip(broken, errors["password1"], strict=True))
    assert "can’t" not in page.content.decode()


def test_sign_in_is_refused_after_ten_failures_even_with_the_right_password(client, asha):
    for _ in range(10):
        sign_in(client, "asha", "wrong")
    response = sign_in(client, "asha")
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 300
    assert "Too many attempts. Try again in <span" in response.content.decode()
    assert not is_signed_in(client)


def test_script_of_the_sign_in_page_hears_of_too_many_attempts(client, asha):
    for _ in range(10):
        sign_in(client, "asha", "wrong")
    data = {"login": "asha", "password": PASSWORD}

    answer = client.post(reverse("account_login"), data, headers={"X-Requested-With": "XMLHttpRequest"})

    assert answer.status_code == 429
    assert f'data-count-down="{answer["Retry-After"]}"' in answer.json()["html"]


def test_limit_of_allauth_is_429_and_says_when_to_try_again(client, asha):
    client.force_login(asha)
    data = {"oldpassword": "wrong", "password1": "x", "password2": "x"}

    answers = [client.post(reverse("account_change_password"), data) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1]["Retry-After"] == "60"
    assert 'data-count-down="60"' in answers[-1].content.decode()


def test_successful_sign_ins_do_not_count_towards_the_limit(client, asha):
    for _ in range(15):
        sign_in(client, "asha")
        client.logout()
    sign_in(client, "asha")
    assert is_signed_in(client)


@pytest.mark.django_db(transaction=True)
def test_only_ten_of_30_simultaneous_wrong_passwords_are_checked(asha):
    together = Barrier(30)

    def attempt(_: int) -> str:
        together.wait()
        try:
            return str(sign_in(Client(), "asha", "wrong").content.decode())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(30) as threads:
        pages = list(threads.map(attempt, range(30)))
    assert sum("Wrong user name or password." in page for page in pages) == 10
    assert sum("Too many attempts" in page for page in pages) == 20


def test_a_hall_behind_one_ip_address_can_sign_in(client, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for number in range(50):
        User.objects.create_user(f"student{number}", password=PASSWORD)
    for number in range(50):
        student = Client()
        sign_in(student, f"student{number}", "mistyped")
        sign_in(student, f"student{number}")
        assert is_signed_in(student)


def test_sign_in_works_while_redis_is_away(client, asha, settings):
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    with override_settings(CACHES={**settings.CACHES, "default": away}):
        sign_in(client, "asha")
        assert is_signed_in(client)
        client.logout()
        assert (
            client.post(reverse("account_request_login_code"), {"email": "asha@example.edu"}).status_code
            == 302
        )


def code_of(mail):
    found = re.search(r"\d{4}-\d{4}", mail.body)
    assert found
    return found.group()


def test_sign_in_by_a_code_from_the_mail(client, asha, mailoutbox):
    client.post(reverse("account_request_login_code"), {"email": "asha@example.edu", "next": "/A/X"})
    code = code_of(mailoutbox[0])
    assert mailoutbox[0].subject == f"Your sign-in code: {code}"
    assert mailoutbox[0].to == ["asha@example.edu"]
    response = client.post(
        reverse("account_confirm_login_code"), {"code": code.replace("-", " "), "next": "/A/X"}
    )
    assert response.url == "/A/X"
    assert is_signed_in(client)
    assert client.session.get_expiry_age() == 180 * DAY


def test_a_wrong_code_does_not_sign_in_and_three_cancel_it(client, asha, mailoutbox):
    client.post(reverse("account_request_login_code"), {"email": "asha@example.edu"})
    code = code_of(mailoutbox[0])
    for _ in range(3):
        client.post(reverse("account_confirm_login_code"), {"code": "0000-0000"})
    client.post(reverse("account_confirm_login_code"), {"code": code})
    assert not is_signed_in(client)


def test_code_for_an_unknown_address_looks_the_same_and_sends_no_mail(asha, mailoutbox):
    answers = [
        Client().post(reverse("account_request_login_code"), {"email": email})
        for email in ("nobody@example.edu", "asha@example.edu")
    ]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, reverse("account_confirm_login_code"))
    ] * 2
    assert [mail.to for mail in mailoutbox] == [["asha@example.edu"]]


@pytest.mark.parametrize("form", ["account_request_login_code", "account_reset_password"])
def test_one_recipient_gets_four_mails_in_ten_minutes(asha, mailoutbox, form):
    for _ in range(6):
        response = Client().post(reverse(form), {"email": "asha@example.edu"})
    assert len(mailoutbox) == 4
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 600
    assert "Too many attempts" in response.content.decode()


@pytest.mark.parametrize("user", ["asha", "tara"])
def test_link_in_the_mail_resets_the_password_and_signs_in(client, request, user, mailoutbox):
    user = request.getfixturevalue(user)
    client.post(reverse("account_reset_password"), {"email": user.email})
    link = re.search(r"http://testserver(/\S+)", mailoutbox[0].body)
    assert link
    form = client.get(link[1], follow=True)
    address = form.redirect_chain[-1][0]

    done = client.post(address, {"password1": "quiet-lamp-77", "password2": "quiet-lamp-77"})

    assert (done.status_code, done.url) == (302, "/")
    assert is_signed_in(client)
    # As long as any other sign-in of theirs, on a device that is now known.
    days = 0.5 if user.is_teacher else 180
    assert client.session.get_expiry_age() == pytest.approx(days * DAY, abs=60)
    assert devices.COOKIE in done.cookies
    user.refresh_from_db()
    assert user.check_password("quiet-lamp-77")
    # The link works once.
    assert "This link no longer works" in Client().get(link[1], follow=True).content.decode()


def test_password_reset_for_an_unknown_address_sends_no_mail(client, mailoutbox):
    response = client.post(reverse("account_reset_password"), {"email": "nobody@example.edu"})
    assert (response.status_code, response.url) == (302, reverse("account_reset_password_done"))
    assert mailoutbox == []


def test_signup_is_closed(client):
    data = {"username": "eve", "email": "eve@example.edu", "password1": PASSWORD, "password2": PASSWORD}
    response = client.post(reverse("account_signup"), data)
    assert "ask your teacher or the office" in response.content.decode()
    assert not User.objects.exists()


def test_users_cannot_add_an_email_address(client, asha):
    client.force_login(asha)
    for response in (
        client.get("/accounts/email/"),
        client.post("/accounts/email/", {"action_add": "", "email": "tara@example.edu"}),
    ):
        assert response.status_code == 404
    assert not EmailAddress.objects.filter(email="tara@example.edu").exists()


def test_sign_out_needs_a_post(client, asha):
    client.force_login(asha)
    client.get(reverse("account_logout"))
    assert is_signed_in(client)
    client.post(reverse("account_logout"))
    assert not is_signed_in(client)


def test_admin_uses_the_sign_in_page_of_the_site(client):
    assert client.get("/admin/login/?next=/admin/").url == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302


def test_admin_is_closed_to_students(client, asha):
    client.force_login(asha)
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_closed_account_cannot_sign_in(client, asha):
    User.objects.update(is_active=False)
    sign_in(client, "asha")
    assert not is_signed_in(client)


def test_script_of_the_sign_in_page_gets_what_the_page_shows_and_its_cookies(client, asha):
    script = {"X-Requested-With": "XMLHttpRequest"}
    credentials = {"login": "asha", "password": "wrong", "next": "/A/7GK2QM9X1234567890AB"}

    wrong = client.post(reverse("account_login"), credentials, headers=script)
    right = client.post(reverse("account_login"), {**credentials, "password": PASSWORD}, headers=script)

    assert (wrong.status_code, right.status_code) == (200, 200)
    assert "Wrong user name or password." in wrong.json()["html"]
    assert right.json()["location"] == "/A/7GK2QM9X1234567890AB"
    assert {"sessionid", devices.COOKIE} <= set(right.cookies)
    assert is_signed_in(client)
