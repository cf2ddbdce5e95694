"""The percentages as a marks file for a learning platform: one grade item for the section, out of 100.

Without a byte order mark, which Canvas would take for a part of the first heading.
"""

from collections.abc import Iterator

from attendance.exports.registers.csv import csv_rows
from attendance.registers.term_register import RegisterRow, TermRegister


def moodle_parts(register: TermRegister) -> Iterator[bytes]:
    """For *Grades → Import → CSV file*: map "ID number" to the ID number, and the last column to a grade item.

    https://docs.moodle.org/en/Grade_import
    """
    yield from csv_rows([["ID number", "Name", item_name(register)]])
    yield from csv_rows([row.student.student_id, row.student.name, _mark(row)] for row in register.rows)


def canvas_parts(register: TermRegister) -> Iterator[bytes]:
    """For *Gradebook → Import*, which finds students by "SIS User ID" and offers to make the assignment.

    The columns and the row of points are those of Canvas' own export.
    """
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", item_name(register)]
    points = ["    Points Possible", "", "", "", "", 100]
    yield from csv_rows([head, points])
    section = register.section.name
    yield from csv_rows(
        [row.student.name, "", row.student.student_id, "", section, _mark(row)] for row in register.rows
    )


def item_name(register: TermRegister) -> str:
    """What the platform calls the grade. Not translated: the next file must have the same name to update it."""
    return f"Attendance {register.section.course.code} {register.section.name}"


def _mark(row: RegisterRow) -> object:
    """Empty if nothing was held: platforms leave that grade as it is."""
    return row.result.percentage
