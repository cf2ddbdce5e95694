"""The background command deletes expired sign-ins, and ends forgotten sessions."""

import datetime

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from config.accounts import expired_sign_ins
from config.accounts.authentication import signed_in_users
from qrsessions.models import QRSession
from qrsessions.services import lifecycle
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in_browser(user) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": user.username, "password": factories.PASSWORD})
    return client


def expire(client: Client) -> None:
    earlier = timezone.now() - datetime.timedelta(minutes=1)
    Session.objects.filter(session_key=client.session.session_key).update(expire_date=earlier)


def test_expired_sign_ins_are_deleted_and_the_others_stay(monkeypatch):
    monkeypatch.setattr(expired_sign_ins, "BATCH", 2)
    user = factories.make_student().user
    browsers = [signed_in_browser(user) for _ in range(6)]
    keys = [browser.session.session_key for browser in browsers]
    for browser in browsers[:5]:
        expire(browser)

    call_command("background")

    assert list(Session.objects.values_list("session_key", flat=True)) == keys[5:]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == keys[5:]
    assert browsers[5].get("/student/").status_code == 200


def test_deleting_expired_sign_ins_does_not_forget_who_is_signed_in(monkeypatch):
    user = factories.make_student().user
    expire(signed_in_browser(user))
    monkeypatch.setattr(signed_in_users, "clear", lambda: pytest.fail("forgotten"))

    call_command("background")

    assert not Session.objects.exists()


def test_background_ends_forgotten_sessions(settings):
    section = factories.make_section(students=1, teachers=[factories.make_teacher()])
    long_ago = timezone.now() - datetime.timedelta(hours=7)
    lifecycle.open_session(section=section, by=section.teachers.get(), at=long_ago)

    settings.SESSION_ENDS_AFTER_HOURS = 0
    call_command("background")
    assert QRSession.objects.get().status == "created"

    settings.SESSION_ENDS_AFTER_HOURS = 6
    call_command("background")
    assert [session.status for session in QRSession.objects.all()] != ["created"]
