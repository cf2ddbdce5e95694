"""Files that people take for rosters, known so that the refusal can say what they are."""

from collections.abc import Sequence

from attendance.rosters.csv_rows import Signature

_MEETINGS = {
    "Microsoft Teams": (
        Signature.of("1. summary"),
        Signature.of("meeting summary"),
        Signature.of("first join, last leave"),
        Signature.of("full name, user action, timestamp"),
    ),
    "Zoom": (
        Signature.of("name (original name)"),
        Signature.of("user email", one_of="join time, duration (minutes), total duration (minutes)"),
    ),
    "Google Meet": (Signature.of("time joined, time exited"),),
}
_PARTS = {
    "School Data Sync v1": (Signature.of("sis id", one_of="school sis id, section sis id"),),
    "OneRoster or School Data Sync": (
        Signature.of(
            "sourcedid", one_of="orgsourcedid, orgsourcedids, schoolsourcedid, coursesourcedid, status"
        ),
        Signature.of("classsourcedid, usersourcedid"),
    ),
    "Clever": (
        Signature.of("school_id", one_of="student_id, teacher_id, section_id"),
        Signature.of("section_id, student_id"),
    ),
}


def why_no_roster(lines: Sequence[Sequence[str]]) -> str:
    """Return what a file with these first lines is and what to import instead. Empty if it is not known."""
    for program, signatures in _MEETINGS.items():
        if any(signature.fits(cells) for signature in signatures for cells in lines):
            return (
                f"This is the attendance report of a meeting in {program}, not a roster: it lists who was there, not who "
                "belongs to the class. Import the list of participants from your learning platform, or the class list "
                "from your student records."
            )
    for name, signatures in _PARTS.items():
        if any(signature.fits(cells) for signature in signatures for cells in lines):
            return f"This is one file of an export for {name}. Import all its files together, as a folder or a zip."
    return ""
