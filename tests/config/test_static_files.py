"""Static files are compressed when they have changed, and only then."""

import os
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from whitenoise.compress import Compressor

STYLE = "body { color: black } " * 100


@pytest.fixture
def source(tmp_path, settings):
    """A folder of static files: a large one, which Django copies as it is, and a style sheet."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "large.wasm").write_text(STYLE)
    (source / "page.css").write_text(STYLE)
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], tmp_path / "collected"
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "config.static_files.HashedFiles"}}
    return source


@pytest.fixture
def collect(source, settings, monkeypatch):
    """Collect the files; gives the names of those that were compressed."""
    compressed = []
    compress = Compressor.compress
    monkeypatch.setattr(
        Compressor, "compress", lambda self, path: compressed.append(Path(path).name) or compress(self, path)
    )

    def collect():
        compressed.clear()
        call_command("collectstatic", interactive=False, verbosity=0)
        return {name for name in compressed if name.startswith("large")}

    return collect


def test_unchanged_files_are_compressed_once(source, collect, settings):
    assert len(collect()) == 2  # with and without a hash in its name
    assert collect() == set()

    (source / "large.wasm").write_text(STYLE + STYLE)
    # Django copies a file again only if it is newer by whole seconds.
    os.utime(source / "large.wasm", (time.time() + 10,) * 2)
    assert len(collect()) == 2
    assert {path.name.count(".") for path in settings.STATIC_ROOT.glob("large*.br")} == {2, 3}


def test_compressed_file_that_was_cut_off_is_made_again(collect, settings):
    collect()
    whole = (settings.STATIC_ROOT / "large.wasm.gz").read_bytes()
    # As when the process was killed: the file has its own time, not yet that of the original.
    (settings.STATIC_ROOT / "large.wasm.gz").write_bytes(whole[:10])

    assert collect() == {"large.wasm"}
    assert (settings.STATIC_ROOT / "large.wasm.gz").read_bytes() == whole
