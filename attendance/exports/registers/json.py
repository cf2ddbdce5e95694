"""The register as JSON: the answer of the API, and the same as a file."""

import json
from collections.abc import Iterator
from typing import Any

from attendance.exports.registers.table import ABOUT_THE_SECTION, Column, Options
from attendance.lib.moments import moment_json
from attendance.registers.term_register import Cell, RegisterRow, TermRegister
from attendance.rules.rule import Rule
from attendance.rules.words import in_words


def json_parts(register: TermRegister, options: Options, *, section_id: int | None = None) -> Iterator[bytes]:
    """The object, student by student.

    :param section_id: the id of the section, for programs of this site; a file has none
    """
    section = register.section
    about: dict[str, Any] = {} if section_id is None else {"section": section_id}
    about |= {"course": section.course.code, "name": section.name, "term": section.term_name}
    about |= {
        "from": register.dates.first and register.dates.first.isoformat(),
        "to": register.dates.last and register.dates.last.isoformat(),
        "rule": rule_json(register.rule),
        "meetings": [
            {
                "id": meeting.public_id,
                "date": meeting.date.isoformat(),
                "starts_at": moment_json(meeting.starts_at),
                "state": meeting.state,
            }
            for meeting in options.meetings_of(register)
        ],
    }
    if options.code:
        about["code"] = options.code
    ids = [meeting.public_id for meeting in register.meetings]
    yield (_dump(about)[:-1] + ', "students": [').encode()
    for number, row in enumerate(register.rows):
        yield ((", " if number else "") + _dump(_student(row, ids, options))).encode()
    yield b"]}"


def rule_json(rule: Rule) -> dict[str, Any]:
    """The rule at the end of the range of days, also in words."""
    return {
        "minimum_percentage": rule.minimum_percentage,
        "warn_below": rule.warn_below,
        "late_counts": rule.late_counts,
        "lates_per_absence": rule.lates_per_absence,
        "excused": rule.excused.value,
        "drop_lowest": rule.drop_lowest,
        "forecast_counts_planned": rule.forecast_counts_planned,
        "words": in_words(rule),
    }


def _student(row: RegisterRow, ids: list[str], options: Options) -> dict[str, Any]:
    result = row.result
    values: dict[str, Any] = {
        "student_id": row.student.student_id,
        "roll_number": row.roll_number,
        "name": row.student.name,
        "attended": float(result.attended),
        "held": result.held,
        "percentage": result.percentage,
        "standing": result.standing.value,
    }
    student: dict[str, Any] = {
        column.value: values[column] for column in options.fixed_columns if column not in ABOUT_THE_SECTION
    }
    if Column.STANDING in options.columns:
        student |= {"may_miss": result.may_miss, "must_attend": result.must_attend}
    if Column.MEETINGS in options.columns:
        student["cells"] = [cell and _cell(cell, id_) for cell, id_ in zip(row.cells, ids, strict=True)]
    return student


def _cell(cell: Cell, meeting: str) -> dict[str, Any]:
    return {
        "meeting": meeting,
        "status": cell.status,
        "label": cell.label and cell.label.name,
        "excused_reason": cell.excused_reason and cell.excused_reason.code,
    }


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
