"""The language buttons: of guests on the sign-in page, of others in the account menu."""

import pytest
from django.conf import settings
from django.test import Client

from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

COOKIE = settings.LANGUAGE_COOKIE_NAME
BUTTON = '<button type="submit" name="language" value="hi" lang="hi">'


def choose(client: Client, language: str, to: str = "/teach/", **extra):
    return client.post("/language/", {"language": language, "next": to, **extra})


@pytest.mark.parametrize("path", ["/accounts/login/?next=/student/", "/accounts/login/code/"])
def test_guest_chooses_a_language_and_stays_on_the_page(client, path):
    page = client.get(path).content.decode()
    assert BUTTON in page
    assert f'name="next" value="{path}"' in page

    answer = choose(client, "hi", to=path)

    assert (answer.status_code, answer["Location"]) == (302, path)
    assert '<html lang="hi"' in client.get(path).content.decode()


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (factories.make_teacher, "/teach/"),
        (factories.make_admin, "/teach/"),
        (factories.make_student, "/student/"),
    ],
)
def test_signed_in_user_chooses_the_language_of_pages_and_of_the_api(client, make, path):
    made = make()
    client.force_login(getattr(made, "user", made))
    assert BUTTON in client.get(path).content.decode()

    choose(client, "hi", to=path)

    page = client.get(path, headers={"accept-language": "en"}).content.decode()
    assert '<html lang="hi"' in page
    assert '<button type="submit" name="language" value="en" lang="en">' in page
    assert client.get("/api/v1/me/records/", headers={"accept-language": "en"})["Content-Language"] == "hi"
    choose(client, "en", to=path)
    assert '<html lang="en"' in client.get(path, headers={"accept-language": "hi"}).content.decode()


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_language_buttons_lead_to_no_other_site(client, to):
    answer = choose(client, "hi", to=to)

    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_language_changes_only_by_post_with_csrf_token():
    client = Client(enforce_csrf_checks=True)

    assert choose(client, "hi").status_code == 403
    client.get("/language/", {"language": "hi"})
    assert COOKIE not in client.cookies
    client.get("/accounts/login/")
    choose(client, "hi", csrfmiddlewaretoken=client.cookies["csrftoken"].value)
    assert client.cookies[COOKIE].value == "hi"


def test_unknown_language_changes_nothing(client):
    choose(client, "xx")

    assert COOKIE not in client.cookies
