"""Signing in to pages, and reading what they show."""

import re
from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.test import Client

from attendance.models import Student
from qrsessions.codes import claims
from qrsessions.codes.devices import COOKIE, device_of, new_device
from qrsessions.models import QRSession
from tests.support.factories import user_of


def browser_of(student: Student, **options: Any) -> Client:
    """A browser in which the student is signed in."""
    client = Client(**options)
    client.force_login(user_of(student))
    return client


def held_by(browser: Client) -> str:
    """Who holds the claims that this browser gets before sign-in. The browser is given a device if it has none."""
    if COOKIE not in browser.cookies:
        browser.cookies.update(new_device())
    request = HttpRequest()
    request.COOKIES[COOKIE] = browser.cookies[COOKIE].value
    return claims.held_by_browser(device_of(request))


def teacher_address(session: QRSession, rest: str = "") -> str:
    return f"/teach/sessions/{session.public_id}/{rest}"


def text_of(response: Any) -> str:
    """The words of a teacher's page, without its tags."""
    words = re.sub(r"<(template|script).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(words.split())


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def states_of(page: str) -> list[str]:
    """The state of each session that a student's page shows, without those inside a <template>."""
    return re.findall(r'<article [^>]*data-session="[^"]+" data-state="(\w+)"', page)


def shown(page: str) -> str:
    """The words of a student's page, without its templates."""
    body = re.sub(r"(?s)<template.*?</template>|<noscript>.*?</noscript>", "", page)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))
