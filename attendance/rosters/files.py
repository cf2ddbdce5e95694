"""Opens a roster: one file, a folder or a zip. Nothing is extracted to disk, and sizes are limited."""

from __future__ import annotations

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from attendance.rosters.problems import Problems

MAX_FILE_BYTES = 50_000_000
MAX_UNPACKED_BYTES = 200_000_000
MAX_ENTRIES = 50
TABLE_ENDINGS = (".csv", ".tsv", ".txt")

_CHUNK = 1 << 20
# How zip files begin, the second those without files.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
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
    """An open binary file, such as an uploaded one. If it has a ``name``, problems mention it."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RosterFile:
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """An export that consists of several files. ``names`` maps their names in lower case to how the format spells them.

    Other files of the export, such as passwords or demographics, are ignored.
    """

    name: str
    names: Mapping[str, str]
    required: tuple[str, ...]

    @classmethod
    def of(cls, name: str, *, required: str, optional: str = "", **other_names: str) -> Layout:
        names = [*required.split(), *optional.split()]
        return cls(name, {one.lower(): one for one in names} | other_names, tuple(required.split()))


ONEROSTER = Layout.of(
    "OneRoster or School Data Sync",
    required="users classes enrollments",
    optional="courses academicSessions",
    enrolments="enrollments",
)
SDS_V1 = Layout.of(
    "School Data Sync v1",
    required="Section Student StudentEnrollment",
    optional="Teacher TeacherRoster",
)
CLEVER = Layout.of("Clever", required="sections students enrollments", optional="teachers")


@dataclass(frozen=True, slots=True)
class RosterFiles:
    """Either one file, or those of a layout by their names."""

    single: RosterFile | None
    layout: Layout | None = None
    files: Mapping[str, RosterFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    read: Callable[[], bytes | None]


def open_roster(source: Path | Upload, problems: Problems) -> RosterFiles:
    """Read the roster's files into memory.

    :raises RosterRefused: if this cannot be a roster, or is unsafe or too large
    """
    if isinstance(source, Path) and source.is_dir():
        return _select_files(source.name, _folder(source, problems), problems)
    file = _whole_file(source, problems)
    if not file.content.startswith(_ZIP):
        return RosterFiles(file)
    return _select_files(file.name, _zip_members(file, problems), problems)


def open_tables(source: Path | Upload, problems: Problems) -> list[RosterFile]:
    """Read the tables of a folder or zip into memory, or the one file.

    :raises RosterRefused: if it is unsafe or too large
    """
    if isinstance(source, Path) and source.is_dir():
        members = _folder(source, problems)
    else:
        file = _whole_file(source, problems)
        if not file.content.startswith(_ZIP):
            return [file]
        members = _zip_members(file, problems)
    tables = [RosterFile(one.name, one.read() or b"") for one in members if _is_table(one)]
    if not tables:
        problems.add("There is no CSV file in it.", file=str(getattr(source, "name", source)))
    problems.refuse_if_any()
    return tables


def _is_table(member: _Member) -> bool:
    return member.name.lower().endswith(TABLE_ENDINGS) and not member.name.startswith(".")


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
        problems.add(
            f"The file is larger than {MAX_FILE_BYTES // 1_000_000} MB, the limit for a roster.", file=name
        )
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
    # Count the entries by their signature, before zipfile creates an object for each.
    if file.content.count(b"PK\x01\x02") > MAX_ENTRIES:
        problems.add(f"The zip has more than {MAX_ENTRIES} entries, the limit for a roster.", file=file.name)
        problems.refuse_if_any()
    try:
        archive = zipfile.ZipFile(io.BytesIO(file.content))
    except (*_UNREADABLE, ValueError):
        problems.add("The zip is damaged. Create it again.", file=file.name)
        problems.refuse_if_any()
        raise
    entries = archive.infolist()
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        problems.add(
            "This is an Office document. In Excel, choose “Save as”, then “CSV UTF-8”, and import that file.",
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
    """Return why the entry is unsafe, or an empty string."""
    path = entry.orig_filename.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        return "The zip has an entry outside its own folder. None of it was read."
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "The zip contains a symbolic link. None of it was read."
    if entry.flag_bits & 0x1:
        return "The zip is encrypted. Create it without a password."
    return ""


def _wanted(entry: zipfile.ZipInfo) -> bool:
    # macOS adds a metadata file for every file under __MACOSX/.
    return not entry.is_dir() and not entry.filename.startswith("__MACOSX/")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, problems: Problems) -> bytes | None:
    content = bytearray()
    try:
        with archive.open(entry) as stream:
            # The zip may declare a smaller size than it unpacks to.
            while chunk := stream.read(_CHUNK):
                content += chunk
                if len(content) > MAX_FILE_BYTES:
                    problems.add(
                        f"Unpacked, the file is larger than {MAX_FILE_BYTES // 1_000_000} MB.",
                        file=entry.filename,
                    )
                    return None
    except _UNREADABLE:
        problems.add("The zip is damaged here. Create it again.", file=entry.filename)
        return None
    return bytes(content)


def _select_files(source: str, members: Collection[_Member], problems: Problems) -> RosterFiles:
    tables = [member for member in members if _is_table(member)]
    layout = max(
        (ONEROSTER, SDS_V1, CLEVER), key=lambda one: len(_found(one, tables).keys() & {*one.required})
    )
    found = _found(layout, tables)
    if len(tables) == 1 and (layout is not ONEROSTER or not found):
        single = RosterFile(tables[0].name, tables[0].read() or b"")
        problems.refuse_if_any()
        return RosterFiles(single)
    for same in found.values():
        if len(same) > 1:
            problems.add(f"Two files have this name: {same[0].name} and {same[1].name}.", file=same[1].name)
    missing = [name for name in layout.required if name not in found]
    if missing:
        *others, last = (f"{name}.csv" for name in layout.required)
        problems.add(
            f"Missing: {', '.join(f'{name}.csv' for name in missing)}. "
            f"A folder or zip must contain either one plain CSV file, or {', '.join(others)} and {last} ({layout.name}).",
            file=source,
        )
    problems.refuse_if_any()
    files = {name: RosterFile(same[0].name, same[0].read() or b"") for name, same in found.items()}
    problems.refuse_if_any()
    return RosterFiles(None, layout, files)


def _found(layout: Layout, tables: Iterable[_Member]) -> dict[str, list[_Member]]:
    """Return the files of this layout, by their usual names."""
    found: dict[str, list[_Member]] = {}
    for member in tables:
        name = layout.names.get(Path(member.name).stem.lower())
        if name and member.name.lower().endswith(".csv"):
            found.setdefault(name, []).append(member)
    return found


def _printable(name: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in name)[:200]
