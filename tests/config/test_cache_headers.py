"""No answer about people is kept in a cache, and a signed-out phone learns nothing by an old ETag."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from qrsessions.models import SessionStatus
from tests.support import factories
from tests.support.classes import token_of

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/v1/me/session/"
# What is the same for everybody, and the images of codes, which are good for seconds.
KEPT = {"/sw.js", "/manifest.webmanifest", "/offline/"}
KEPT_NAMES = {"screen-qr", "screen-join-qr", "group-screen-qr", "group-screen-join-qr"}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, route)
        else:
            yield route, pattern


def addresses(values: dict[str, str]) -> list[str]:
    """The address of every view, with these values in the place of its arguments."""
    found = []
    for route, pattern in patterns(get_resolver()):
        if pattern.name in KEPT_NAMES or "(?P" in route or "^" in route:
            continue
        address = "/" + route
        for converter in pattern.pattern.converters:
            start = address.rindex("<", 0, address.index(f"{converter}>"))
            end = address.index(">", start) + 1
            address = address[:start] + values.get(converter, "1") + address[end:]
        found.append(address)
    return found


def test_no_answer_is_kept(taught_class):
    session = factories.make_session(section=taught_class.section, status=SessionStatus.ACTIVE)
    values = {"public_id": session.public_id, "student_id": taught_class.students[0].student_id}
    values["token"] = token_of(session)
    clients = [Client(raise_request_exception=False) for _ in range(4)]
    for client, user in zip(
        clients[1:],
        (taught_class.students[0].user, taught_class.teacher, factories.make_admin()),
        strict=True,
    ):
        client.force_login(user)

    asked = addresses(values)
    statuses, kept = set(), set()
    for address in asked:
        for client in clients:
            answer = client.get(address)
            statuses.add(answer.status_code)
            if "no-store" not in answer.headers.get("Cache-Control", ""):
                kept.add(address)

    assert len(asked) > 80
    assert {200, 302, 401, 403, 404, 405} <= statuses
    assert kept == KEPT


@pytest.mark.parametrize("path", ["/nowhere/", "/api/v1/nowhere/", "/static/nowhere.js", "/student"])
def test_errors_and_redirects_are_not_kept(path):
    assert Client().get(path).headers["Cache-Control"] == "no-store"


def test_static_files_are_kept():
    answer = Client().get("/static/css/base.css")
    answer.close()

    assert "no-store" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize("by", ["cookie", "token"])
def test_signed_out_phone_gets_401_for_its_old_etag(taught_class, by):
    user = taught_class.students[0].user
    taught_class.open()
    phone = taught_class.as_student[0]
    if by == "token":
        phone = APIClient(headers={"authorization": f"Token {factories.key_of(user)}"})
    etag = phone.get(URL).headers["ETag"]
    assert phone.get(URL, headers={"if-none-match": etag}).status_code == 304

    if by == "token":
        user.api_tokens.all().delete()
    else:
        phone.session.flush()
    answer = phone.get(URL, headers={"if-none-match": etag})

    assert (answer.status_code, answer.headers["Cache-Control"]) == (401, "no-store")
    assert "ETag" not in answer.headers
    assert APIClient().get(URL, headers={"if-none-match": etag}).status_code == 401
