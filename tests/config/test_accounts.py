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


def test_sign_in_with_a_wrong_password_says_so_and_signs_nobody_in(client, asha):
    response = sign_in(client, "asha", "wrong")
    assert "go together" in response.content.decode()
    assert not is_signed_in(client)


def test_sign_in_goes_on_to_where_one_came_from(client, asha):
    assert sign_in(client, "asha", next="/A/7GK2QM9X1234567890AB").url == "/A/7GK2QM9X1234567890AB"


def test_sign_in_never_leads_to_another_site(client, asha):
    assert sign_in(client, "asha", next="https://evil.example/").url == "/"


@pytest.mark.parametrize(
    ("user", "landing"),
    [("root", "admin:index"), ("tara", "qrsessions:sections"), ("asha", "qrsessions:student")],
)
def test_home_leads_each_role_to_its_own_page(client, request, user, landing):
    client.force_login(request.getfixturevalue(user))
    assert client.get("/").url == reverse(landing)


def test_home_leads_somebody_unknown_to_the_sign_in(client):
    assert client.get("/").url == reverse("account_login")


def test_a_student_stays_signed_in_for_the_term(client, asha):
    sign_in(client, "asha")
    assert client.session.get_expiry_age() == 180 * DAY
    assert client.cookies["sessionid"]["max-age"] == 180 * DAY


@pytest.mark.parametrize("user", ["tara", "root"])
def test_staff_stay_signed_in_for_two_weeks(client, request, user):
    sign_in(client, request.getfixturevalue(user).username)
    assert client.session.get_expiry_date() - timezone.now() == pytest.approx(
        timedelta(days=14), abs=timedelta(minutes=1)
    )


def test_sign_in_is_refused_after_ten_failures_even_with_the_right_password(client, asha):
    for _ in range(10):
        sign_in(client, "asha", "wrong")
    response = sign_in(client, "asha")
    assert "Too many tries" in response.content.decode()
    assert not is_signed_in(client)


def test_sign_in_that_succeeds_counts_for_nothing(client, asha):
    for _ in range(15):
        sign_in(client, "asha")
        client.logout()
    sign_in(client, "asha")
    assert is_signed_in(client)


@pytest.mark.django_db(transaction=True)
def test_of_30_wrong_passwords_at_once_ten_are_looked_at(asha):
    together = Barrier(30)

    def attempt(_: int) -> str:
        together.wait()
        try:
            return str(sign_in(Client(), "asha", "wrong").content.decode())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(30) as threads:
        pages = list(threads.map(attempt, range(30)))
    assert sum("go together" in page for page in pages) == 10
    assert sum("Too many tries" in page for page in pages) == 20


def test_a_hall_behind_one_address_signs_in(client, settings):
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


def test_a_wrong_code_signs_nobody_in_and_three_end_it(client, asha, mailoutbox):
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
    assert "Too many tries" in response.content.decode()


def test_password_is_reset_by_the_link_in_the_mail(client, asha, mailoutbox):
    client.post(reverse("account_reset_password"), {"email": "asha@example.edu"})
    link = re.search(r"http://testserver(/\S+)", mailoutbox[0].body)
    assert link
    form = client.get(link[1], follow=True)
    address = form.redirect_chain[-1][0]
    client.post(address, {"password1": "quiet-lamp-77", "password2": "quiet-lamp-77"})
    sign_in(client, "asha", "quiet-lamp-77")
    assert is_signed_in(client)


def test_password_reset_for_an_unknown_address_sends_no_mail(client, mailoutbox):
    response = client.post(reverse("account_reset_password"), {"email": "nobody@example.edu"})
    assert (response.status_code, response.url) == (302, reverse("account_reset_password_done"))
    assert mailoutbox == []


def test_nobody_signs_up_by_themselves(client):
    data = {"username": "eve", "email": "eve@example.edu", "password1": PASSWORD, "password2": PASSWORD}
    response = client.post(reverse("account_signup"), data)
    assert "ask your teacher or the office" in response.content.decode()
    assert not User.objects.exists()


def test_nobody_adds_an_address_to_their_account(client, asha):
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


def test_admin_has_no_sign_in_of_its_own(client):
    assert client.get("/admin/login/?next=/admin/").url == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "root", "password": PASSWORD}).status_code == 302


def test_admin_is_closed_to_students(client, asha):
    client.force_login(asha)
    assert client.get("/admin/", follow=True).status_code == 403


def test_a_closed_account_cannot_sign_in(client, asha):
    User.objects.update(is_active=False)
    sign_in(client, "asha")
    assert not is_signed_in(client)
