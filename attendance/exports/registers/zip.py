"""The files of many sections in one ZIP file, written while it is read: only one register is in memory at a time."""

import re
import zipfile
from collections.abc import Iterable, Iterator

from attendance.exports.fonts import plain

# What Windows, macOS or Linux do not take in the name of a file.
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]+')
_MAX_NAME = 100


def zip_parts(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """The ZIP file of these names and contents. No two files get the same name, also where case does not count."""
    stream = _Stream()
    seen: set[str] = set()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, parts in files:
            with archive.open(_unique(name, seen), "w") as entry:
                for part in parts:
                    entry.write(part)
                    yield stream.take()
    yield stream.take()


def safe_name(text: str) -> str:
    """The text as the name of a file on any system, without an extension."""
    name = _NOT_IN_NAMES.sub("-", plain(text))[:_MAX_NAME].strip(" .")
    return name or "-"


class _Stream:
    """Where the archive is written. It cannot seek, so the sizes follow each file."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._written)
        self._written.clear()
        return data


def _unique(name: str, seen: set[str]) -> str:
    stem, dot, extension = name.rpartition(".")
    number = 1
    while name.casefold() in seen:
        number += 1
        name = f"{stem} ({number}){dot}{extension}"
    seen.add(name.casefold())
    return name
