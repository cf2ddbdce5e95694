"""The pages in the browser's language: every catalogue is whole, and what has no translation is a fault."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import deactivate, override
from rest_framework.test import APIClient

from attendance.lib.refusals import Refused
from config import library_strings
from tests.support import factories
from tests.support.translations import (
    LANGUAGES,
    catalogue,
    compiled,
    pairs,
    placeholders,
    tags,
    texts_by_plural,
    texts_of_sources,
    translations,
)

DEVANAGARI = re.compile("[\u0900-\u097f]")


@pytest.fixture(autouse=True)
def language_ends_with_the_test():
    """A request of the test client leaves its language behind."""
    yield
    deactivate()


def test_settings_offer_english_and_each_catalogue():
    assert {code for code, _name in settings.LANGUAGES} == {"en", *LANGUAGES}


# --- Catalogues -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_has_every_text_of_the_sources_and_no_other(language):
    said = texts_of_sources()
    known = translations(catalogue(language)).keys()

    assert {key: said[key] for key in said.keys() - known} == {}, "run `make messages` and translate these"
    assert known - said.keys() == set(), "run `make messages`: nobody says these any more"


def test_no_text_is_said_both_with_and_without_a_plural():
    """Python before 3.11.4 finds no translation for the one that is said without."""
    with_plural, without = texts_by_plural()

    assert with_plural & without == set(), "give one of them a context"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    catalog = catalogue(language)

    assert [text for text, translation in pairs(catalog) if not translation.strip()] == []
    assert [message.id for message in catalog if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translation_keeps_placeholders_and_tags(language):
    both = list(pairs(catalogue(language)))

    assert [pair for pair in both if placeholders(pair[0]) != placeholders(pair[1])] == []
    assert [pair for pair in both if tags(pair[0]) != tags(pair[1])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_says_what_the_written_one_says(language):
    assert translations(compiled(language)) == translations(catalogue(language)), "run `make messages`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_names_no_path_of_a_machine(language):
    places = {path for message in catalogue(language) for path, _line in message.locations}
    assert [path for path in places if path.startswith(("/", ".."))] == []


def test_models_and_their_choices_speak_hindi():
    with override("hi"):
        words = [
            (model.__name__, str(word))
            for app in ("attendance", "qrsessions")
            for model in apps.get_app_config(app).get_models()
            for word in (
                model._meta.verbose_name,
                model._meta.verbose_name_plural,
                *(label for field in model._meta.fields for _value, label in field.flatchoices),
            )
        ]
    assert [(model, word) for model, word in words if not DEVANAGARI.search(word)] == []


def test_refusals_speak_hindi():
    def kinds(of: type[Refused]) -> list[type[Refused]]:
        return [of, *(deeper for kind in of.__subclasses__() for deeper in kinds(kind))]

    # With every address goes whatever refuses there.
    assert reverse("home")
    with override("hi"):
        assert [kind for kind in kinds(Refused) if not DEVANAGARI.search(str(kind.detail))] == []


def test_texts_of_libraries_are_said_by_them():
    places = ["django/conf", "django/contrib/admin", "django/contrib/auth", "allauth", "rest_framework"]
    folders = [Path(import_module(place.split("/")[0]).__path__[0]).parent / place for place in places]
    said = {text for folder in folders for text, _german in pairs(compiled("de", folder / "locale"))}

    assert {str(text) for text in library_strings.TEXTS} - said == set()


# --- Answers ----------------------------------------------------------------------------------------------


@pytest.fixture
def student(client):
    student = factories.students_of(factories.make_section(students=1))[0]
    client.force_login(factories.user_of(student))
    return student


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "language", "heading"),
    [
        ("hi", "hi", "आपके लिए अभी कोई कक्षा खुली नहीं है"),
        ("hi-IN,hi;q=0.9,en;q=0.8", "hi", "आपके लिए अभी कोई कक्षा खुली नहीं है"),
        ("de", "en", "No class is open for you right now"),
        ("de,hi;q=0.5", "hi", "आपके लिए अभी कोई कक्षा खुली नहीं है"),
        ("", "en", "No class is open for you right now"),
    ],
)
def test_page_follows_the_language_of_the_browser(client, student, asked, language, heading):
    answer = client.get(reverse("qrsessions:student"), headers={"Accept-Language": asked})

    page = answer.content.decode()
    assert f'<html lang="{language}"' in page
    assert heading in page
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.django_db
def test_sign_in_speaks_hindi_also_where_the_library_does_not(client):
    page = client.post(reverse("account_login"), {"login": "asha"}, headers={"Accept-Language": "hi"})

    text = page.content.decode()
    assert "पासवर्ड</label>" in text
    assert "इसे भरना ज़रूरी है।" in text
    assert "This field is required" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "refusals"),
    [
        ("hi", ["यह केवल शिक्षक कर सकते हैं।", "नहीं मिला।", "यह सत्र मौजूद नहीं है।"]),
        ("en", ["Only teachers can do this.", "Not found.", "This session does not exist."]),
    ],
)
def test_refusals_of_the_api_follow_the_language_that_is_asked_for(student, asked, refusals):
    api = APIClient(headers={"Accept-Language": asked})
    api.force_login(factories.user_of(student))

    assert api.get("/api/v1/sections/").json()["detail"] == refusals[0]
    assert api.post("/api/v1/sessions/00000000/join/").json()["detail"] in refusals[1:]


@pytest.mark.django_db(transaction=True)
def test_refusal_that_was_decided_for_many_is_said_to_each_in_the_own_language():
    group = factories.make_group_session(sections=[factories.make_section(), factories.make_section()])
    stranger = factories.make_student()

    said = {}
    for language in ("hi", "en"):
        api = APIClient(headers={"Accept-Language": language})
        api.force_login(stranger.user)
        said[language] = api.post(f"/api/v1/group-sessions/{group.public_id}/join/").json()["detail"]

    assert said["hi"].startswith("आप इस कक्षा (")
    assert said["en"].startswith("You are not enrolled in any section of this class (")


@pytest.mark.django_db
def test_api_without_sign_in_is_refused_in_hindi(client):
    answer = client.get("/api/v1/sections/", headers={"Accept-Language": "hi"})

    assert answer.status_code == 401
    assert answer.json()["detail"] == "साइन इन की जानकारी नहीं भेजी गई।"


@pytest.mark.parametrize("template", ["500.html", "503.html"])
def test_pages_of_last_resort_speak_hindi(template):
    with override("hi"):
        page = render_to_string(template)

    assert '<html lang="hi">' in page
    assert "वह सुरक्षित है" in page
