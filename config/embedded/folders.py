"""Where the embedded servers keep their files. The mode of an existing folder is never changed."""

import hashlib
import os
import stat
from pathlib import Path

# The kernel allows 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 100
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"


class EmbeddedError(Exception):
    """An embedded server can't be used; the message is one line to show in the terminal."""


def private_folder(path: Path) -> Path:
    """Make the folder and every missing one above it with mode 700.

    :raises EmbeddedError: if it can't be made or belongs to another user
    """
    try:
        for folder in [*reversed(path.parents), path]:
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        owner = path.stat().st_uid
    except OSError as error:
        raise EmbeddedError(f"The data folder {path} can't be used: {error.strerror}.") from error
    if owner != os.geteuid():
        raise EmbeddedError(
            f"The data folder {path} belongs to another user (uid {owner}): "
            "run as that user, or choose another folder with ROLLCALL_DATA_DIR."
        )
    return path


def short_name(data_dir: Path) -> str:
    """Twelve characters that identify the data folder."""
    return hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]


def socket_folder(data_dir: Path) -> Path:
    """The folder of both servers' sockets: in the data folder, or below /tmp if that path is too long or has a comma."""
    folder = data_dir.resolve() / "sockets"
    # libpq reads a comma as the start of a second host.
    if len(os.fsencode(folder / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES and "," not in str(folder):
        return folder
    # Not tempfile.gettempdir(): two processes whose TMPDIR differs must find the same sockets.
    return Path("/tmp") / f"rollcall-{os.geteuid()}-{short_name(data_dir)}"  # noqa: S108


def private_socket_folder(data_dir: Path) -> Path:
    """Make the socket folder; /tmp is shared, so an existing folder there is checked first.

    :raises EmbeddedError: if something that others can enter already has the name
    """
    folder = socket_folder(data_dir)
    private_folder(folder)
    mode = folder.lstat().st_mode
    if not stat.S_ISDIR(mode) or stat.S_IMODE(mode) & 0o077:
        raise EmbeddedError(f"{folder} must be a folder that only its owner can enter (mode 700).")
    return folder
