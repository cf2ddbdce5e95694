"""Fixtures that need to know the embedded servers."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded.folders import short_name, socket_folder
from config.embedded.rootless import OWN_FOLDERS
from config.embedded.server import stop
from config.embedded.servers import wanted


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A new data folder below a closed one; whatever still runs in it is stopped at the end."""
    # Not tmp_path: its long names leave no room for a socket.
    parent = Path(tempfile.mkdtemp(prefix="rc-"))
    data = parent / "data"
    yield data
    if data.exists():
        stop(wanted(data, postgres=True, valkey=True))
    shutil.rmtree(socket_folder(data), ignore_errors=True)
    shutil.rmtree(OWN_FOLDERS / short_name(data), ignore_errors=True)
    shutil.rmtree(parent)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener.getsockname()[1]
