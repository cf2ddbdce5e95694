"""Reads a register file: one row per student and a column per date, or one row per student and date."""

import datetime
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.utils.translation import gettext as _

from attendance.lib.csv_cells import unguarded_cell
from attendance.lib.texts import max_length, shortened
from attendance.models import Course, Enrolment, Section, Student, Term
from attendance.registers.importing.entries import FileClass, RegisterFile, SectionName, StudentRow
from attendance.registers.importing.headings import (
    DateOrder,
    FileState,
    Heading,
    common_order,
    looks_like_date,
    read_heading,
    read_time,
)
from attendance.rosters import cells
from attendance.rosters.csv_rows import Columns, Location, Row, read_table
from attendance.rosters.files import RosterFile
from attendance.rosters.problems import Problems

COLUMNS = Columns.named(
    (("student_id", "roll_number"),),
    course="course code, course id, subject, subject code, module, module code",
    section="section name, class, class name, group, group name",
    term="semester, academic term, trimester, quarter",
    student_id="id, student no, student number, student, sid, registration no, registration number, reg no,"
    " enrollment no, enrolment no, admission no, matriculation no, usn",
    roll_number="roll no, roll, roll num, roll #",
    name="full name, student name",
    date="day, class date, session date, meeting date",
    time="start, start time, class time",
    status="attendance, attendance status, mark",
    note="notes, remark, remarks, comment, reason",
    attended="",
    held="",
    percentage="",
    standing="",
)
MAX_CLASSES = 1000

_Table = Iterator[tuple[int, list[str]]]


class _ClassKey(NamedTuple):
    date: datetime.date
    start: datetime.time | None
    state: FileState
    number: int


def read_register(file: RosterFile, problems: Problems, *, order: DateOrder | None) -> RegisterFile:
    """Read the file. What is wrong with it is added to the problems.

    :param order: what 03/04/2026 means; None: as the other dates of the file show
    """
    table = read_table(file, COLUMNS, problems)
    line, header = next(table, (0, []))
    if not header:
        return RegisterFile(file.name)
    return _Reader(file.name, line, header, problems, order).read(table)


class _Reader:
    def __init__(
        self, name: str, line: int, header: Sequence[str], problems: Problems, order: DateOrder | None
    ) -> None:
        self._line = line
        self._header = [cell.strip() for cell in header]
        self._problems = problems
        self._index: dict[str, int] = {}
        self._file = RegisterFile(name, order=order)
        self._is_readable = True
        for index, cell in enumerate(self._header):
            column = COLUMNS.column_for(cell)
            if column is None:
                continue
            if column in self._index:
                reason = _("Two columns are read as %(column)s. Rename the one that is something else.")
                self._refuse(reason % {"column": column}, column=cell)
            self._index[column] = index
            self._file.headers[column] = shortened(cell)
        if not self._index.keys() & {"student_id", "roll_number"}:
            self._refuse(_("A column with the student id or the roll number is missing."))

    def read(self, table: _Table) -> RegisterFile:
        if self._is_readable and {"date", "status"} <= self._index.keys():
            self._read_long(table)
        elif self._is_readable:
            self._read_wide(table)
        if self._is_readable and not self._problems and not self._file.rows:
            self._refuse(_("The file has no students."))
        return self._file

    def _refuse(self, reason: str, *, column: str = "", line: int | None = None) -> None:
        self._is_readable = False
        self._problems.add(reason, file=self._file.name, line=line or self._line, column=shortened(column))

    # --- A column for each date ---------------------------------------------------------------------------

    def _read_wide(self, table: _Table) -> None:
        headings: dict[int, Heading] = {}
        unread = []
        for index, cell in enumerate(self._header):
            if index in self._index.values():
                continue
            if heading := read_heading(cell):
                headings[index] = heading
            elif looks_like_date(cell):
                self._refuse(
                    _("This is not a whole date. Write it as 2026-09-07 or 2026-09-07 10:00."), column=cell
                )
            elif cell:
                unread.append(f"“{shortened(cell)}”")
        if unread:
            self._note_unread(unread)
        if not headings and not self._file.is_own and self._is_readable:
            self._refuse(
                _(
                    "No column has a date as its heading, such as 2026-09-07, and there are no columns “date” and “status”."
                )
            )
        elif len(headings) > MAX_CLASSES:
            self._refuse(_("The file has more than %(number)d classes.") % {"number": MAX_CLASSES})
        self._settle_order(list(headings.values()))
        places: list[int] = []
        classes: list[FileClass] = []
        known: dict[_ClassKey, str] = {}
        for index, heading in headings.items() if self._is_readable else ():
            text = shortened(self._header[index])
            date = heading.date(self._file.order)
            if date is None:
                self._refuse(_("There is no such date."), column=text)
                continue
            key = _ClassKey(date, heading.start, heading.state, heading.number)
            if key in known:
                reason = _(
                    "The column “%(column)s” is about the same class. Add the time to each, or remove one."
                )
                self._refuse(reason % {"column": known[key]}, column=text)
            known[key] = text
            classes.append(FileClass(*key, column=text, line=self._line))
            places.append(index)
        if not self._is_readable:
            return
        self._file.classes = classes
        rows: dict[tuple[SectionName, str], StudentRow] = {}
        for line, row in self._rows(table):
            student = self._student(line, row)
            if student is None:
                continue
            first = rows.setdefault((student.section, student.label), student)
            if first is not student:
                self._add(
                    student,
                    _("%(student)s is in line %(line)d already."),
                    student=student.label,
                    line=first.line,
                )
                continue
            student.texts = [unguarded_cell(row[at]).strip() if at < len(row) else "" for at in places]
        self._file.rows = list(rows.values())

    # --- A row for each student and date -------------------------------------------------------------------

    def _read_long(self, table: _Table) -> None:
        unread = [
            f"“{shortened(cell)}”"
            for index, cell in enumerate(self._header)
            if cell and index not in self._index.values()
        ]
        if unread:
            self._note_unread(unread)
        found: list[tuple[StudentRow, Heading, str, str]] = []
        for line, row in self._rows(table):
            student = self._student(line, row)
            heading = self._heading_of(line, row)
            if student and heading:
                note = " ".join(self._cell(row, "note").split())
                found.append((student, heading, self._cell(row, "status"), note))
        self._settle_order([heading for _student, heading, _text, _note in found])
        if not self._is_readable:
            return
        places: dict[_ClassKey, int] = {}
        classes: list[FileClass] = []
        rows: dict[tuple[SectionName, str], StudentRow] = {}
        for student, heading, text, note in found:
            date = heading.date(self._file.order)
            if date is None:
                self._refuse(_("There is no such date."), line=student.line, column=self._file.column("date"))
                continue
            key = _ClassKey(date, heading.start, FileState.HELD, 1)
            if key not in places:
                places[key] = len(classes)
                classes.append(FileClass(*key, column=self._file.column("status"), line=student.line))
            number = places[key]
            row_of = rows.setdefault((student.section, student.label), student)
            row_of.texts += [None] * (number + 1 - len(row_of.texts))
            if row_of.texts[number] is not None:
                self._add(
                    student,
                    _("The file has two rows for %(student)s on this date; the other is line %(line)d."),
                    student=student.label,
                    line=row_of.line_of(number),
                )
                continue
            # Without a status, not "not enrolled": only an empty cell of a table says that.
            row_of.texts[number] = text or "-"
            if note:
                row_of.notes[number] = note
            if student.line != row_of.line:
                row_of.lines[number] = student.line
        if len(classes) > MAX_CLASSES:
            self._refuse(_("The file has more than %(number)d classes.") % {"number": MAX_CLASSES})
        self._file.classes, self._file.rows = classes, list(rows.values())

    def _heading_of(self, line: int, row: Sequence[str]) -> Heading | None:
        text, time = self._cell(row, "date"), self._cell(row, "time")
        heading = read_heading(text)
        if heading is None:
            reason = _("“%(text)s” is not a date. Write it as 2026-09-01.") % {"text": text[:40]}
            self._refuse(reason, line=line, column=self._file.column("date"))
            return None
        if not time:
            return heading
        start = read_time(time)
        if start is None:
            reason = _("“%(text)s” is not a time. Write it as 14:00.") % {"text": time[:40]}
            self._refuse(reason, line=line, column=self._file.column("time"))
            return None
        return Heading(heading.numbers, heading.in_either_order, start, heading.state, heading.number)

    # --- Both ----------------------------------------------------------------------------------------------

    def _rows(self, table: _Table) -> _Table:
        width = len(self._header)
        for line, row in table:
            if any(cell.strip() for cell in row[width:]):
                reason = _("The line has %(cells)d cells, but the header has %(header)d.")
                self._problems.add_to_row(
                    reason % {"cells": len(row), "header": width}, file=self._file.name, line=line
                )
            else:
                yield line, row

    def _student(self, line: int, row: Sequence[str]) -> StudentRow | None:
        texts = {column: self._cell(row, column, strip=False) for column in self._index}
        read = Row(Location(self._file.name, line, self._file.headers), texts)

        def identifier(column: str, limit: int) -> str:
            return cells.identifier(read, column, limit=limit, problems=self._problems, required=False)

        def label(column: str, limit: int) -> str:
            return cells.label(read, column, limit=limit, problems=self._problems, required=False)

        student = StudentRow(
            SectionName(
                label("course", max_length(Course, "code")),
                label("section", max_length(Section, "name")),
                label("term", max_length(Term, "name")),
            ),
            identifier("student_id", max_length(Student, "student_id")),
            identifier("roll_number", max_length(Enrolment, "roll_number")),
            label("name", max_length(Student, "name")),
            line,
        )
        if not student.label:
            # After a cell that is no id there is a problem already.
            if not (texts.get("student_id", "").strip() or texts.get("roll_number", "").strip()):
                self._problems.add_to_row(
                    _("The row names no student."),
                    file=self._file.name,
                    line=line,
                    column=self._file.column("student_id"),
                )
            return None
        return student

    def _cell(self, row: Sequence[str], column: str, *, strip: bool = True) -> str:
        index = self._index.get(column)
        text = _unguarded(row[index]) if index is not None and index < len(row) else ""
        return text.strip() if strip else text

    def _settle_order(self, headings: Sequence[Heading]) -> None:
        """Find out what 03/04/2026 means in this file."""
        unsure = [heading for heading in headings if heading.in_either_order]
        if self._file.order or not any(heading.date(None) is None for heading in unsure):
            return
        self._file.order = common_order(unsure)
        if self._file.order is None and self._is_readable:
            first = next(one for one in unsure if one.date(None) is None)
            assert first.in_either_order is not None  # noqa: S101 - see above
            day, month, year = first.in_either_order
            self._file.asks_order = True
            reason = _("Say whether the day or the month comes first in dates such as %(date)s.")
            self._refuse(reason % {"date": f"{day:02}/{month:02}/{year}"})

    def _note_unread(self, columns: Sequence[str]) -> None:
        shown = ", ".join(columns[:12])
        self._problems.notes.append(_("Columns not read: %(columns)s") % {"columns": shown})

    def _add(self, row: StudentRow, reason: str, **words: object) -> None:
        column = "student_id" if row.student_id else "roll_number"
        self._problems.add_to_row(
            reason % words, file=self._file.name, line=row.line, column=self._file.column(column)
        )


def _unguarded(text: str) -> str:
    """The text without what ``safe_cell`` or a spreadsheet program put around it, but never without both."""
    text = text.lstrip() if text.lstrip().startswith("'") else text
    return text[1:] if unguarded_cell(text) != text and text.startswith("'") else unguarded_cell(text)
