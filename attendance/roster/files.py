"""Opens what is given as a roster: one file, a folder or a zip. It extracts nothing to disk and bounds what it reads."""

from __future__ import annotations

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from attendance.roster.problems import Problems

MAX_FILE_BYTES = 50_000_000
MAX_UNPACKED_BYTES = 200_000_000
MAX_ENTRIES = 50
TABLE_ENDINGS = (".csv", ".tsv", ".txt")
# The files of a OneRoster or SDS export that are read; passwords, demographics and the like are left alone.
LAYOUT = {
    "users": "users",
    "classes": "classes",
    "courses": "courses",
    "enrollments": "enrollments",
    "enrolments": "enrollments",
    "academicsessions": "academicSessions",
}
REQUIRED = ("users", "classes", "enrollments")

_CHUNK = 1 << 20
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)


class Upload(Protocol):
    """An open binary file, an uploaded one for example. Its ``name``, where it has one, is told in problems."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RosterFile:
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """Either one plain file, or the files of a OneRoster layout by what they hold (``users``, ``classes``, …)."""

    plain: RosterFile | None
    layout: dict[str, RosterFile]


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    read: Callable[[], bytes | None]


def open_roster(source: Path | Upload, problems: Problems) -> Opened:
    """Reads the files of the roster into memory.

    :raises RosterRefused: if there is nothing that could be a roster, or it is unsafe or too large
    """
    if isinstance(source, Path) and source.is_dir():
        return _choose(source.name, _folder(source, problems), problems)
    file = _whole_file(source, problems)
    if not file.content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Opened(plain=file, layout={})
    return _choose(file.name, _zip_members(file, problems), problems)


def _whole_file(source: Path | Upload, problems: Problems) -> RosterFile:
    name = Path(str(getattr(source, "name", None) or "roster")).name
    content = b""
    if isinstance(source, Path):
        if not source.is_file():
            problems.add("There is no such file or folder.", file=str(source))
            problems.refuse_if_any()
        try:
            with source.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            problems.add(f"The file cannot be read: {error.strerror}.", file=name)
    else:
        content = source.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        problems.add(f"The file is larger than {MAX_FILE_BYTES // 1_000_000} MB; a roster is not.", file=name)
    problems.refuse_if_any()
    return RosterFile(name, content)


def _folder(folder: Path, problems: Problems) -> list[_Member]:
    def reader(path: Path) -> Callable[[], bytes]:
        return lambda: _whole_file(path, problems).content

    try:
        return [_Member(path.name, reader(path)) for path in sorted(folder.iterdir()) if path.is_file()]
    except OSError as error:
        problems.add(f"The folder cannot be read: {error.strerror}.", file=folder.name)
        problems.refuse_if_any()
        return []


def _zip_members(file: RosterFile, problems: Problems) -> list[_Member]:
    # Counted before zipfile makes an object of each: every entry has this mark.
    if file.content.count(b"PK\x01\x02") > MAX_ENTRIES:
        problems.add(f"The zip has more than {MAX_ENTRIES} entries; a roster has not.", file=file.name)
        problems.refuse_if_any()
    try:
        archive = zipfile.ZipFile(io.BytesIO(file.content))
    except (*_UNREADABLE, ValueError):
        problems.add("The zip is damaged: make it again.", file=file.name)
        problems.refuse_if_any()
        raise
    entries = archive.infolist()
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        problems.add(
            "This is an Office document. In Excel choose “Save as”, “CSV UTF-8”, and import that.",
            file=file.name,
        )
        problems.refuse_if_any()
    for entry in entries:
        reason = _unsafe(entry)
        if reason:
            problems.add(reason, file=f"{file.name}/{_printable(entry.orig_filename)}")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        problems.add(
            f"Unpacked, the zip is larger than {MAX_UNPACKED_BYTES // 1_000_000} MB.", file=file.name
        )
    problems.refuse_if_any()

    def reader(entry: zipfile.ZipInfo) -> Callable[[], bytes | None]:
        return lambda: _unpack(archive, entry, problems)

    return [_Member(PurePosixPath(entry.filename).name, reader(entry)) for entry in entries if _wanted(entry)]


def _unsafe(entry: zipfile.ZipInfo) -> str:
    path = entry.orig_filename.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        return "The zip has an entry that leads out of its folder: nothing of it was read."
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "The zip has a symbolic link: nothing of it was read."
    if entry.flag_bits & 0x1:
        return "The zip is encrypted: make it without a password."
    return ""


def _wanted(entry: zipfile.ZipInfo) -> bool:
    # macOS adds a shadow of every file under __MACOSX/.
    return not entry.is_dir() and not entry.filename.startswith("__MACOSX/")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, problems: Problems) -> bytes | None:
    content = bytearray()
    try:
        with archive.open(entry) as stream:
            # The declared size may lie.
            while chunk := stream.read(_CHUNK):
                content += chunk
                if len(content) > MAX_FILE_BYTES:
                    problems.add(
                        f"Unpacked, the file is larger than {MAX_FILE_BYTES // 1_000_000} MB.",
                        file=entry.filename,
                    )
                    return None
    except _UNREADABLE:
        problems.add("The zip is damaged here: make it again.", file=entry.filename)
        return None
    return bytes(content)


def _choose(source: str, members: Iterable[_Member], problems: Problems) -> Opened:
    tables = [m for m in members if m.name.lower().endswith(TABLE_ENDINGS) and not m.name.startswith(".")]
    layout: dict[str, _Member] = {}
    for member in tables:
        holds = LAYOUT.get(Path(member.name).stem.lower())
        if holds and member.name.lower().endswith(".csv"):
            if holds in layout:
                problems.add(
                    f"There are two files of this name, {layout[holds].name} and {member.name}.",
                    file=member.name,
                )
            layout[holds] = member
    if not any(name in layout for name in REQUIRED) and len(tables) == 1:
        content = tables[0].read()
        problems.refuse_if_any()
        return Opened(plain=RosterFile(tables[0].name, content or b""), layout={})
    missing = [name for name in REQUIRED if name not in layout]
    if missing:
        problems.add(
            f"Missing: {', '.join(f'{name}.csv' for name in missing)}. "
            "A folder or zip holds one plain CSV, or users.csv, classes.csv and enrollments.csv.",
            file=source,
        )
    problems.refuse_if_any()
    read = {holds: RosterFile(member.name, member.read() or b"") for holds, member in layout.items()}
    problems.refuse_if_any()
    return Opened(plain=None, layout=read)


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in name)[:200]
