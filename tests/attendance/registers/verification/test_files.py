"""Files: the register as it is, as it was, or something that it never was."""

import csv
import datetime
import io
from collections import Counter

import pytest
from django.utils import timezone

from attendance.models import MeetingState, Section
from attendance.registers.term_register import term_register
from attendance.registers.verification.files import (
    BadRegisterFile,
    UnknownRegister,
    read_register_file,
    section_of,
)
from attendance.registers.verification.verify import Outcome, verify_file
from qrsessions.services import meetings
from tests.support import factories
from tests.support.classes import correct

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = [
    "course",
    "section",
    "term",
    "student_id",
    "roll_number",
    "name",
    "attended",
    "held",
    "percentage",
    "standing",
]


@pytest.fixture
def session(taught_class):
    """A class that was held: the first of three students present."""
    session = taught_class.open(join_policy="open")
    taught_class.step(session, "start")
    taught_class.mark(session, 0)
    taught_class.step(session, "end")
    session.meeting.refresh_from_db()
    return session


def table(section):
    """The register as an export writes it."""
    register = term_register(section, today=timezone.localdate())
    suffix = {MeetingState.PLANNED: " (planned)", MeetingState.CANCELLED: " (cancelled)"}
    headings, seen = [], Counter()
    for meeting in register.meetings:
        heading = f"{timezone.localtime(meeting.starts_at):%Y-%m-%d %H:%M}{suffix.get(meeting.state, '')}"
        seen[heading] += 1
        headings.append(heading if seen[heading] == 1 else f"{heading} #{seen[heading]}")
    rows = [FIRST + headings]
    for row in register.rows:
        names = [
            section.course.code,
            section.name,
            section.term.name,
            row.student.student_id,
            row.roll_number,
        ]
        cells = ["" if cell is None else (cell.letter or "-") for cell in row.cells]
        rows.append([*names, row.student.name, "", "", "", "", *cells])
    return rows


def csv_of(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def check(section, rows):
    file = read_register_file(csv_of(rows))
    return verify_file(section_of(file, Section.objects.all()), file)


def test_file_is_as_sealed_then_true_once_and_changed_since(taught_class, session):
    rows = table(taught_class.section)
    assert check(taught_class.section, rows).outcome == Outcome.AS_SEALED

    correct(taught_class, session, "excused", 1)

    found = check(taught_class.section, rows)
    assert found.outcome == Outcome.CHANGED
    assert [(change.student, change.after) for change in found.changes] == [
        (taught_class.students[1], "excused")
    ]
    assert found.true_until == taught_class.section.seals.get(number=2).made_at
    assert check(taught_class.section, table(taught_class.section)).outcome == Outcome.AS_SEALED


def test_forged_cell_is_named(taught_class, session):
    correct(taught_class, session, "excused", 1)
    rows = table(taught_class.section)
    rows[3][-1] = "P"

    found = check(taught_class.section, rows)

    assert found.outcome == Outcome.FILE_DIFFERS
    cell = found.file_difference
    assert (cell.line, cell.student_id, cell.column) == (4, taught_class.students[2].student_id, rows[0][-1])
    assert (cell.in_file, cell.in_register) == ("P", "A")


def test_cells_of_different_times_are_not_one_register(taught_class, session):
    correct(taught_class, session, "excused", 1)
    correct(taught_class, session, "late", 2)
    rows = table(taught_class.section)
    rows[2][-1] = "A"

    found = check(taught_class.section, rows)

    assert (found.outcome, found.file_difference.line) == (Outcome.FILE_DIFFERS, 3)


def test_class_that_was_cancelled_since_is_a_change(taught_class, session):
    rows = table(taught_class.section)
    meetings.cancel(meeting=session.meeting, reason="", by=taught_class.teacher, at=timezone.now())

    found = check(taught_class.section, rows)

    assert found.outcome == Outcome.CHANGED
    assert [(change.before, change.after) for change in found.changes] == [("held", "cancelled")]
    assert check(taught_class.section, table(taught_class.section)).outcome == Outcome.AS_SEALED


def test_unknown_class_or_student_differs(taught_class, session):
    rows = table(taught_class.section)
    stranger = factories.make_student()
    other_class = [[*rows[0][:-1], "1999-01-01 10:00"], *rows[1:]]
    other_student = [*rows[:1], [*rows[1][:3], stranger.student_id, *rows[1][4:]], *rows[2:]]

    assert check(taught_class.section, other_class).file_difference.in_file == "1999-01-01 10:00"
    assert check(taught_class.section, other_student).file_difference.student_id == stranger.student_id


def test_rows_that_were_cut_off_are_counted(taught_class, session):
    found = check(taught_class.section, table(taught_class.section)[:-1])

    assert (found.outcome, found.missing_rows) == (Outcome.AS_SEALED, 1)


def test_two_classes_at_one_time_and_one_that_is_planned(taught_class, session, time_machine):
    time_machine.move_to(session.meeting.starts_at, tick=False)
    second = taught_class.open(join_policy="open")
    taught_class.step(second, "end")
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    factories.make_planned(section=taught_class.section, starts_at=tomorrow)
    rows = table(taught_class.section)
    assert any(heading.endswith(" #2") for heading in rows[0])

    assert check(taught_class.section, rows).outcome == Outcome.AS_SEALED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"course,section,student_id\n",
        b"course,section,student_id,2026-09-07 10:00\nCS,A,1,P,P\n",
        b"course,section,student_id,2026-13-07 10:00\nCS,A,1,P\n",
        b"name,2026-09-07 10:00\nx,P\n",
        b"course,section,student_id,2026-09-07 10:00\nCS,A,1,P\nCS,B,1,P\n",
        b'course,section,student_id,2026-09-07 10:00\n"CS,A,1,P',
    ],
)
def test_other_files_are_refused(content):
    with pytest.raises(BadRegisterFile):
        read_register_file(content)


def test_file_of_an_unknown_section_is_refused(taught_class, session):
    rows = table(taught_class.section)
    rows = [rows[0], *([row[0], "other", *row[2:]] for row in rows[1:])]

    with pytest.raises(UnknownRegister):
        check(taught_class.section, rows)


def test_classes_at_one_time_are_told_apart_by_their_order(taught_class, session, time_machine):
    time_machine.move_to(session.meeting.starts_at, tick=False)
    second = taught_class.open(join_policy="open")
    taught_class.step(second, "start")
    taught_class.mark(second, 2)
    taught_class.step(second, "end")
    before = table(taught_class.section)
    meetings.cancel(meeting=session.meeting, reason="", by=taught_class.teacher, at=timezone.now())
    after = table(taught_class.section)
    assert before[0][-1].endswith(" #2")
    assert not after[0][-1].endswith(" #2")

    assert check(taught_class.section, before).outcome == Outcome.CHANGED
    assert check(taught_class.section, after).outcome == Outcome.AS_SEALED


def test_classes_that_were_cut_out_are_named(taught_class, session):
    later = taught_class.open()
    taught_class.step(later, "end")
    rows = table(taught_class.section)
    cut = [row[:-1] for row in rows]

    assert check(taught_class.section, rows).missing_meetings == []
    # The two have the same date, so both are of the file's days.
    found = check(taught_class.section, cut)
    assert (found.outcome, found.missing_meetings) == (Outcome.AS_SEALED, [later.meeting])
