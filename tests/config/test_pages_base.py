"""What every page has, and that every page of the account and of an error stands on its own."""

import re

import pytest
from django.core.exceptions import PermissionDenied
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views import defaults
from django.views.csrf import csrf_failure

from attendance.models import User

OPEN_PAGES = [
    "account_login",
    "account_request_login_code",
    "account_reset_password",
    "account_signup",
    "account_inactive",
]
OWN_PAGES = ["account_logout", "account_change_password", "account_reauthenticate"]


@pytest.fixture
def signed_in(db) -> Client:
    client = Client()
    client.force_login(
        User.objects.create_user("asha", "asha@example.edu", "right-horse-9", first_name="Asha <b>")
    )
    return client


def is_whole(page: str) -> bool:
    return page.count("<h1") == 1 and page.count("<main") == 1 and page.rstrip().endswith("</html>")


@pytest.mark.django_db
@pytest.mark.parametrize("name", OPEN_PAGES)
def test_page_is_whole_and_has_no_inline_script_or_style(client, name):
    page = client.get(reverse(name)).content.decode()
    assert is_whole(page)
    assert re.search(r'<html lang="en"', page)
    assert re.search(r"<title>[^<]+ · Rollcall</title>", page)
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\bsrc=)", page)


@pytest.mark.parametrize("name", OWN_PAGES)
def test_page_of_somebody_signed_in_names_them_and_signs_out_by_post(signed_in, name):
    page = signed_in.get(reverse(name)).content.decode()
    assert is_whole(page)
    assert "Asha &lt;b&gt;" in page
    assert f'<form method="post" action="{reverse("account_logout")}" data-sign-out>' in page


@pytest.mark.django_db
def test_page_has_a_content_security_policy_without_exceptions(client):
    policy = client.get(reverse("account_login")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_each_field_has_a_label_and_its_error_is_tied_to_it(client):
    page = client.post(reverse("account_request_login_code"), {"email": "no address"}).content.decode()
    assert '<label for="id_email">' in page
    described_by = re.search(r'aria-describedby="([^"]+)"', page)
    assert described_by
    assert f'id="{described_by[1]}"' in page


@pytest.mark.django_db
def test_unknown_address_is_a_helpful_404(client):
    response = client.get("/no/such/page")
    assert response.status_code == 404
    assert is_whole(response.content.decode())


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (lambda request: defaults.bad_request(request, ValueError()), 400),
        (lambda request: defaults.permission_denied(request, PermissionDenied()), 403),
        (csrf_failure, 403),
        (defaults.server_error, 500),
    ],
)
def test_error_page_needs_no_database_and_no_user(view, status):
    response = view(RequestFactory().get("/"))
    assert response.status_code == status
    assert is_whole(response.content.decode())


@pytest.mark.parametrize("template", ["500.html", "503.html", "busy.html", "offline.html"])
def test_page_of_an_outage_needs_no_database_request_or_session(template):
    assert is_whole(render_to_string(template))


def test_only_base_templates_hold_a_page_frame(settings):
    folder = settings.BASE_DIR / "templates"
    frames = {
        str(path.relative_to(folder)) for path in folder.rglob("*.html") if "<!doctype" in path.read_text()
    }

    assert frames == {"base.html", "base_error.html", "base_plain.html"}


def test_bar_is_as_wide_as_the_roster_and_holds_no_inline_style():
    bar = render_to_string("parts/bar.html", {"present": 121, "joined": 134, "total": 150})
    assert 'viewBox="0 0 150 10"' in bar
    assert '<rect class="joined" width="134"' in bar
    assert '<rect class="present" width="121"' in bar
    assert "style" not in bar


def test_bar_of_an_empty_roster_is_empty():
    bar = render_to_string("parts/bar.html", {"present": 0, "joined": 0, "total": 0})
    assert 'viewBox="0 0 1 10"' in bar
    assert 'width="0"' in bar
