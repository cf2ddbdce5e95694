"""A waiting phone's polls in a real browser: nothing is kept in its cache, and unchanged answers are still short."""

import pytest
from playwright.sync_api import Response

from qrsessions.polling import student_sessions
from tests.support import factories
from tests.support.browser.pages import PHONE, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def is_poll(answer: Response) -> bool:
    return answer.url.endswith("/api/v1/me/session/")


def test_unchanged_poll_is_304_although_the_browser_keeps_nothing(open_page, monkeypatch):
    monkeypatch.setattr(student_sessions, "POLL_AFTER_MS", 100)
    section = factories.make_section(students=1)
    factories.make_session(section=section)
    page = open_page(**PHONE)

    with page.expect_response(lambda answer: is_poll(answer) and answer.status == 200) as first:
        sign_in(page, factories.user_of(factories.students_of(section)[0]))
    with page.expect_response(lambda answer: is_poll(answer) and answer.status == 304):
        pass

    assert first.value.headers["cache-control"] == "no-store"
