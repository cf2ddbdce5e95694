"""Create .venv and keep it in line with the requirement files. Run by the system's Python; needs only pip and venv.

    python3 bootstrap.py base embedded dev

Installs again only if one of these files in requirements/ has changed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)


def main() -> None:
    """Install the named requirement files."""
    if sys.version_info < OLDEST:
        _run_with_newer_python()
    files = [ROOT / "requirements" / (name + ".txt") for name in sys.argv[1:]]
    with Path(__file__).open() as lock:
        # Two commands that start together install only once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _works():
            _make_venv()
        missing = [file for file in files if not _is_installed(file)]
        if missing:
            _install(files)
            for file in files:
                _stamp(file).write_text(_digest(file))


def _run_with_newer_python() -> None:
    for minor in range(20, OLDEST[1] - 1, -1):
        path = shutil.which("python3.%d" % minor)  # noqa: UP031 - an old Python must be able to read this file
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:  # noqa: S603
            os.execv(path, [path, *sys.argv])  # noqa: S606
    sys.exit("Rollcall needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])  # noqa: UP031


def _works() -> bool:
    """Whether .venv is complete and its Python still exists on this machine."""
    check = [str(PYTHON), "-m", "pip", "--version"]
    try:
        return subprocess.run(check, capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def _make_venv() -> None:
    say("Creating the virtual environment .venv …")
    result = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.stderr.write(result.stdout + result.stderr)
        sys.exit("Python's venv module does not work here. On Debian or Ubuntu: apt-get install python3-venv")


def _install(files: "list[Path]") -> None:
    say("Installing " + ", ".join(str(file.relative_to(ROOT)) for file in files) + " …")
    requirements = [part for file in files for part in ("-r", str(file))]
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    if subprocess.call([*pip, *requirements], env=environment):  # noqa: S603
        sys.exit("pip could not install the requirements; its message is above.")


def _is_installed(file: Path) -> bool:
    return _stamp(file).exists() and _stamp(file).read_text() == _digest(file)


def _stamp(file: Path) -> Path:
    return VENV / ("installed-" + file.stem)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def say(text: str) -> None:
    """Print to the terminal at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
