"""The files with everything that is kept about a student, for that student."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

from attendance.csv_cells import csv_text
from attendance.exports.own_data import meeting_words, moment, own_data
from attendance.models import Student
from qrsessions.models import RefusedScan

# The CSV file is one table; ``kind`` says what a line is about, and cells that say nothing of it are empty.
KINDS = {
    "enrolments": "enrolment",
    "records": "record",
    "seats_in_groups": "seat_in_group",
    "refused_scans": "refused_scan",
    "sign_ins": "sign_in",
}
COLUMNS = [
    *("kind", "student_id", "name", "email", "username", "first_name", "last_name", "role", "created_at"),
    *("last_sign_in_at", "api_token_since", "section", "course", "section_name", "term", "from_date"),
    *("to_date", "session", "group", "date", "roll_number", "joined_at", "marked_at", "status", "method"),
    *("marked_by", "device_known", "changed_at", "changed_by", "from_status", "from_method"),
    *("from_marked_at", "to_status", "to_method", "note", "scanned_at", "signed_in_at", "address", "browser"),
]


def own_json(student: Student, *, at: datetime.datetime) -> str:
    """All of it as JSON."""
    data = {"made_at": moment(at), **_everything(student)}
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def own_csv(student: Student) -> str:
    """All of it as one table; a change of a record follows its record."""
    return csv_text(COLUMNS, _rows(_everything(student)))


def _everything(student: Student) -> dict[str, Any]:
    scans = RefusedScan.objects.filter(student=student).select_related("session__meeting__section__course")
    refused = [
        {
            **meeting_words(scan.session.meeting),
            "scanned_at": moment(scan.scanned_at),
            "method": scan.method,
        }
        for scan in scans
    ]
    return {**own_data(student), "refused_scans": refused}


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
