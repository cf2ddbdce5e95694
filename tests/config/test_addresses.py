"""Which hosts the site answers, and that no address that leaves it comes from the request."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client

from tests.support import factories

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
EXTERNAL = {"DATABASE_URL": "postgres://db/rollcall", "REDIS_URL": "redis://redis/0", "SECRET_KEY": "x"}
EVIL = "evil.example"


@pytest.mark.parametrize(
    ("variables", "hosts"),
    [
        ({}, LOOPBACK),
        ({"ROLLCALL_LAN_URL": "http://192.0.2.7:8000"}, ["192.0.2.7", *LOOPBACK]),
        ({"ROLLCALL_LAN_URL": "http://[2001:db8::1]:8000"}, ["[2001:db8::1]", *LOOPBACK]),
        (
            {"PUBLIC_URL": "https://attend.example.edu", "ROLLCALL_LAN_URL": "http://192.0.2.7:8000"},
            ["attend.example.edu", "192.0.2.7", *LOOPBACK],
        ),
        ({"ALLOWED_HOSTS": "a.example,b.example"}, ["a.example", "b.example"]),
        ({**EXTERNAL, "PUBLIC_URL": "https://attend.example.edu:8443"}, ["attend.example.edu"]),
    ],
)
def test_hosts_are_those_of_the_installation(variables, hosts, tmp_path):
    environment = {"PATH": os.environ["PATH"], "ROLLCALL_DATA_DIR": str(tmp_path), **variables}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings"}
    program = "import json; from django.conf import settings; print(json.dumps(settings.ALLOWED_HOSTS))"

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == hosts


# The tests' own settings are those of an embedded database.
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/password/reset/", "/api/v1/sections/"])
def test_request_for_another_host_is_refused(path):
    client = Client(raise_request_exception=False)

    for method in (client.get, client.post):
        assert method(path, headers={"host": EVIL}).status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/healthz", "/api/v1/me/session/"])
@pytest.mark.parametrize("port", ["65536", "99999", pytest.param("9" * 5000, id="long")])
def test_request_for_an_impossible_port_is_refused(path, port):
    client = Client(raise_request_exception=False)

    assert client.get(path, headers={"host": f"localhost:{port}"}).status_code == 400
    assert client.get(path, headers={"host": "localhost:65535"}).status_code != 400


@pytest.fixture
def teacher(settings):
    cache.clear()
    settings.PUBLIC_URL = "https://attend.example.edu"
    # As for a load balancer that asks by another name.
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, EVIL]
    return factories.make_teacher()


FORGED = [{"host": EVIL}, {"x-forwarded-host": EVIL}, {"forwarded": f"host={EVIL}"}]


@pytest.mark.django_db
@pytest.mark.parametrize("headers", FORGED)
@pytest.mark.parametrize("form", ["password/reset/", "login/code/"])
def test_mail_names_only_the_public_address(teacher, mailoutbox, headers, form):
    Client().post(f"/accounts/{form}", {"email": teacher.email}, headers=headers)

    (mail,) = mailoutbox
    assert EVIL not in mail.subject + mail.body
    assert mail.body.rstrip().endswith("attend.example.edu")
    if form == "password/reset/":
        assert "https://attend.example.edu/accounts/password/reset/key/" in mail.body


@pytest.mark.django_db
@pytest.mark.parametrize("headers", FORGED)
def test_pages_with_addresses_name_only_the_public_one(teacher, headers):
    section = factories.make_section(students=1, teachers=[teacher])
    session = factories.make_session(section=section, status=factories.SessionStatus.ACTIVE)
    client = Client(headers=headers)
    client.force_login(teacher)

    screen = client.get(f"/teach/sessions/{session.public_id}/screen/")
    token = client.get(f"/api/v1/sessions/{session.public_id}/token/")

    assert screen.status_code == token.status_code == 200
    assert EVIL not in screen.content.decode().lower() + token.content.decode().lower()
    assert token.json()["url"].startswith("HTTPS://ATTEND.EXAMPLE.EDU/A/")


@pytest.mark.django_db
def test_mail_from_this_machine_names_the_address_on_the_lan(teacher, mailoutbox, settings):
    settings.PUBLIC_URL, settings.LAN_URL = "", "http://192.0.2.7:8000"

    Client().post("/accounts/password/reset/", {"email": teacher.email}, headers={"host": "localhost:8000"})

    assert "http://192.0.2.7:8000/accounts/password/reset/key/" in mailoutbox[0].body
