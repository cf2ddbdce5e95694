"""The downloads with all data about a student, for that student."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

from attendance.exports.student_data import local_iso, meeting_fields, stored_data
from attendance.lib.csv_cells import csv_text
from attendance.models import Student
from qrsessions.models import RefusedScan

# The CSV file is one table: ``kind`` says what a row is about, and cells that do not apply are empty.
KINDS = {
    "enrolments": "enrolment",
    "records": "record",
    "seats_in_groups": "seat_in_group",
    "refused_scans": "refused_scan",
    "sign_ins": "sign_in",
    "api_tokens": "api_token",
    "calendar_addresses": "calendar_address",
}
COLUMNS = [
    *("kind", "student_id", "name", "email", "username", "first_name", "last_name", "role", "created_at"),
    *("last_sign_in_at", "last_used_at", "section", "course", "section_name", "term", "from_date"),
    *("to_date", "session", "group", "date", "roll_number", "joined_at", "marked_at", "status"),
    *("label", "reason", "method", "marked_by", "device_known", "by_program", "changed_at", "changed_by"),
    *("from_status", "from_label", "from_reason", "from_method", "from_marked_at", "to_status", "to_label"),
    *("to_reason", "to_method", "note", "scanned_at", "signed_in_at", "address", "browser"),
]


def own_json(student: Student, *, at: datetime.datetime) -> str:
    """All of it as JSON."""
    data = {"made_at": local_iso(at), **_everything(student)}
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def own_csv(student: Student) -> str:
    """All data as one table; the changes of a record follow the record."""
    return csv_text(COLUMNS, _rows(_everything(student)))


def _everything(student: Student) -> dict[str, Any]:
    scans = RefusedScan.objects.filter(student=student).select_related(
        "session__meeting__section__course", "session__meeting__section__term"
    )
    refused = [
        {
            **meeting_fields(scan.session.meeting),
            "scanned_at": local_iso(scan.scanned_at),
            "method": scan.method,
            "by_program": scan.by_program,
        }
        for scan in scans
    ]
    return {**stored_data(student), "refused_scans": refused}


def _rows(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"kind": "student", **data["student"]}
    if data["account"]:
        yield {"kind": "account", **data["account"]}
    for name, kind in KINDS.items():
        for row in data[name]:
            changes = row.pop("changes", ())
            yield {"kind": kind, **row}
            for change in changes:
                yield {"kind": "change", "session": row["session"], **change}
