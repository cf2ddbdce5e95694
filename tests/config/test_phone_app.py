"""The manifest, the service worker's settings, the weight of the first page, and the names under which files are kept."""

import gzip
import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from PIL import Image

from config.phone_app import PAGE_FILES
from tests.support import factories
from tests.support.pages import browser_of

# What a student's phone may load before the decoder, compressed.
MOST_BYTES = 60_000
# The page has these beside what it loads: the decoder's, which wait for the camera.
LOADED_LATER = {"js/scanner/decoder_worker.js"}

# The files of pages that are not tested here. Compressing them takes three times as long as compressing the others.
OTHER_PAGES = ["admin", "rest_framework", "account"]

# All of them, because pytest-django runs the tests that use the database apart from the others: collected_once would
# be set up again.
pytestmark = pytest.mark.django_db

HASHED = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.HashedFiles"},
}


@pytest.fixture(scope="module")
def collected_once(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=folder, STORAGES=HASHED, WHITENOISE_KEEP_ONLY_HASHED_FILES=True):
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=OTHER_PAGES)
    return folder


@pytest.fixture
def collected(collected_once, settings) -> Path:
    """The static files, and their names, as they are served for real."""
    settings.STATIC_ROOT, settings.STORAGES = collected_once, HASHED
    return collected_once


@pytest.fixture
def student():
    section = factories.make_section(students=1)
    session = factories.make_session(section=section, status="active")
    student = section.enrolments.get().student
    factories.make_record(meeting=session.meeting, student=student)
    return student


def linked(html: str) -> set[str]:
    """The static files that the page itself names for loading at once."""
    body = re.sub(r"(?s)<template.*?</template>", "", html)
    tags = re.findall(r"<(?:link|script)\b[^>]*>", body)
    return {found for tag in tags for found in re.findall(r'(?:href|src)="/static/([^"]+)"', tag)}


def imported(name: str, folder: Path | None = None) -> set[str]:
    """The modules that a module needs, and those that they need."""
    path = folder / name if folder else Path(str(finders.find(name)))
    found = set()
    for other in re.findall(r'^(?:import|export)[^;]*?"(\.[^"]+)";', path.read_text(), re.MULTILINE):
        module = str((Path("/") / name).parent.joinpath(other).resolve())[1:]
        found |= {module} | imported(module, folder)
    return found


# --- The worker -------------------------------------------------------------------------------------------


def test_worker_serves_the_whole_site_and_is_asked_for_each_time(client):
    response = client.get("/sw.js")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Service-Worker-Allowed"] == "/"
    assert response.headers["Cache-Control"] == "no-cache"


def test_worker_keeps_all_that_the_page_needs(student):
    page = browser_of(student).get(reverse("qrsessions:student")).content.decode()
    needed = linked(page)
    for name in [name for name in needed if name.endswith(".js")]:
        needed |= imported(name)

    assert needed == set(PAGE_FILES)
    # All modules at once, without a round trip for each level of imports.
    assert linked(page) == needed


def test_worker_is_another_one_when_a_file_changes(client, collected):
    before = client.get("/sw.js").content
    assert client.get("/sw.js").content == before
    manifest = collected / "staticfiles.json"
    names = json.loads(manifest.read_text())
    kept = manifest.read_text()
    names["paths"]["js/lib/poll.js"] = "js/lib/poll.0123456789ab.js"
    manifest.write_text(json.dumps(names))
    try:
        with override_settings(STORAGES=json.loads(json.dumps(HASHED))):
            assert client.get("/sw.js").content != before
    finally:
        manifest.write_text(kept)


# --- The manifest -----------------------------------------------------------------------------------------


def test_manifest_names_icons_that_are_there(client):
    response = client.get("/manifest.webmanifest")
    manifest = response.json()

    assert response.headers["Content-Type"] == "application/manifest+json"
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/student/", "/", "standalone")
    found = set()
    for icon in manifest["icons"]:
        with Image.open(finders.find(icon["src"].removeprefix("/static/"))) as image:
            assert icon["sizes"] == "{}x{}".format(*image.size)
        found.add((icon["sizes"], icon["purpose"]))
    assert found == {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}


# --- Weight -----------------------------------------------------------------------------------------------


def test_first_page_weighs_less_than_60_kb(student, collected):
    response = browser_of(student).get(
        reverse("qrsessions:student"), headers={"Accept-Encoding": "gzip", "Accept": "text/html"}
    )
    assert response.headers["Content-Encoding"] == "gzip"
    files = linked(gzip.decompress(response.content).decode())

    weights = {"the page": len(response.content)}
    for name in files:
        path = collected / name
        packed = path.with_name(f"{path.name}.gz")
        weights[name] = (packed if packed.exists() else path).stat().st_size

    print(sum(weights.values()), weights)  # noqa: T201
    assert sum(weights.values()) < MOST_BYTES, weights


def test_large_files_are_compressed_with_brotli_beforehand(collected):
    """On a slow network the decoder takes seconds. Brotli makes it a fifth smaller than gzip does."""
    (wasm,) = collected.glob("vendor/zxing-wasm-*/zxing_reader.*.wasm")
    brotli, gzipped = (wasm.with_name(f"{wasm.name}.{ending}").stat().st_size for ending in ("br", "gz"))

    assert brotli < 0.85 * gzipped


def test_every_file_of_the_page_has_a_name_to_be_kept_for_good(student, collected):
    page = browser_of(student).get(reverse("qrsessions:student")).content.decode()
    files = linked(page)
    for name in [name for name in files if name.endswith(".js")]:
        files |= imported(name, collected)

    assert len(files) >= len(PAGE_FILES)
    assert [name for name in files if not re.search(r"\.[0-9a-f]{12}\.\w+$", name)] == []
    # Found under the names that their importers use, not once more under others.
    assert files == linked(page)


def test_icons_and_worker_need_no_sign_in(client):
    assert [Client().get(path).status_code for path in ("/sw.js", "/manifest.webmanifest")] == [200, 200]
