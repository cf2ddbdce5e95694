"""The cache shares its server with others: every key has a prefix, and nobody empties the database."""

import re
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django_redis import get_redis_connection

from tests.support import factories

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.django_db
def test_every_key_of_the_cache_has_a_prefix(client):
    server = get_redis_connection("default")
    server.flushdb()
    student = factories.make_student()
    user = factories.user_of(student)
    EmailAddress.objects.create(user=user, email=user.email or "a@example.edu", verified=True)

    cache.set("key", 1)
    client.post("/accounts/login/", {"login": user.username, "password": factories.PASSWORD})
    client.get("/")
    client.get("/me/session/")

    keys = server.keys("*")
    assert len(keys) > 2
    assert [key for key in keys if not key.startswith(b"rollcall:")] == []


def test_the_application_never_clears_its_cache():
    files = [file for app in ("config", "attendance", "qrsessions") for file in (PROJECT / app).rglob("*.py")]
    emptying = re.compile(r"\bcache\.clear\(|caches\[[^]]*\]\.clear\(|\.flush(db|all)\(")

    assert len(files) > 50
    assert [str(file) for file in files if emptying.search(file.read_text())] == []
