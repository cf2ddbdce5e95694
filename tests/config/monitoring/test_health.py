import pytest
from django.db import connection
from django.test import override_settings

from attendance import stats


def test_healthz_answers_without_a_database(client):
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_ok_with_both_servers(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": True, "redis": True, "missing": [], "warnings": []}


@pytest.mark.django_db
def test_readyz_is_503_and_names_the_missing_database(client, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "status": "degraded",
        "database": False,
        "redis": True,
        "missing": ["database"],
        "warnings": [],
    }


@pytest.mark.django_db
def test_readyz_is_degraded_without_redis(client, settings):
    away = {**settings.CACHES["live"], "LOCATION": "redis://127.0.0.1:1/0"}
    with override_settings(CACHES={**settings.CACHES, "live": away}):
        response = client.get("/readyz")
    # Otherwise the tests that follow would be told for a second that Redis is away.
    stats.breaker.succeeded()
    assert response.status_code == 200
    assert response.json() == {
        "status": "degraded",
        "database": True,
        "redis": False,
        "missing": ["redis"],
        "warnings": [],
    }


def test_readyz_refuses_a_post(client):
    assert client.post("/readyz").status_code == 405
