"""Plans what a register file changes in one section. It reads, and writes nothing."""

import datetime
import enum
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from attendance.models import (
    AttendanceRecord,
    Enrolment,
    Meeting,
    MeetingPattern,
    MeetingState,
    Section,
    Status,
    Student,
)
from attendance.records.imports import ImportedRecord
from attendance.registers.importing.enrolments import Presence, enrolments_of
from attendance.registers.importing.entries import FileClass, RegisterFile, StudentRow
from attendance.registers.importing.headings import FileState
from attendance.registers.importing.report import Kind, MarkChange, Report, WordUse
from attendance.registers.importing.words import Mark, UnknownWord, Words
from attendance.rosters.enrolments import overlaps
from attendance.rosters.problems import Problems
from attendance.timetable.planning import institution_zone

_USUAL_START = datetime.time(12)
_USUAL_LENGTH = datetime.timedelta(hours=1)
# How many students a note names.
_NAMED = 12
_ONLY_TAKEN = frozenset({Status.PRESENT, Status.LATE, Status.ABSENT})
_STATES = {
    FileState.HELD: MeetingState.HELD,
    FileState.PLANNED: MeetingState.PLANNED,
    FileState.CANCELLED: MeetingState.CANCELLED,
}


class _Unsaid(enum.Enum):
    """A cell that could not be read, or of which the file says nothing."""

    UNSAID = enum.auto()


_UNSAID = _Unsaid.UNSAID
# Of a cell; None: not enrolled then.
_Reading = Mark | None | _Unsaid


@dataclass(slots=True)
class SectionPlan:
    """What is to be written for a section.

    :ivar meetings: new ones, in the order of the file
    :ivar held: new and planned meetings that are held from now on
    """

    section: Section
    students: list[Student] = field(default_factory=list)
    enrolments: list[Enrolment] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)
    held: list[Meeting] = field(default_factory=list)
    records: list[ImportedRecord] = field(default_factory=list)


@dataclass(slots=True)
class _Person:
    """A student of the file.

    :ivar student: None if the row only has a roll number, which may be another student's on another date
    :ivar marks: by the number of the class
    """

    row: StudentRow
    student: Student | None
    marks: list[_Reading] = field(default_factory=list)


class SectionPlanner:
    """Plans one section.

    :param note: for the history of each mark
    :param may_add: whether unknown students and enrolments are made
    :param replace: whether marks that differ are replaced; otherwise each is a problem
    :param passes_locks: whether registers that are locked may be changed
    :param new_students: those that the import makes, by student id; also of other sections
    """

    def __init__(
        self,
        section: Section,
        file: RegisterFile,
        *,
        words: Words,
        at: datetime.datetime,
        note: str,
        may_add: bool,
        replace: bool,
        passes_locks: bool,
        problems: Problems,
        report: Report,
        new_students: dict[str, Student],
    ) -> None:
        self._file = file
        self._words = words
        self._at = at
        self._today = timezone.localdate(at, timezone=institution_zone())
        self._note = note
        self._may_add = may_add
        self._replace = replace
        self._passes_locks = passes_locks
        self._problems = problems
        self._report = report
        self._new_students = new_students
        self._plan = SectionPlan(section)
        self._uses = {use.word: use for use in report.words}
        # Enrolled, without an entry for a class that the file fills in: names by student id.
        self._missing: dict[str, str] = {}

    def plan(
        self, rows: Sequence[StudentRow], meetings: Collection[Meeting], *, is_only_section: bool
    ) -> SectionPlan:
        """Plan what these rows change.

        :param meetings: of the section on the dates of the file, all of its states but discarded
        :param is_only_section: all classes of the file are the section's, also those without an entry
        """
        section = self._plan.section
        self._load(section, rows, meetings)
        people = [_Person(row, self._student(row)) for row in rows]
        for person in people:
            person.marks = [
                self._mark(person.row, number, file_class)
                for number, file_class in enumerate(self._file.classes)
            ]
        states = self._states(people, is_only_section=is_only_section)
        if self._may_add:
            self._plan_enrolments(people, states)
        found = self._match(states, meetings)
        for number in states:
            self._plan_class(number, states[number], found.get(number), people)
        self._note_missing_students()
        return self._plan

    # --- Reading what is there ------------------------------------------------------------------------------

    def _load(self, section: Section, rows: Sequence[StudentRow], meetings: Collection[Meeting]) -> None:
        self._students = {
            student.student_id: student
            for student in Student.objects.filter(student_id__in={row.student_id for row in rows})
        }
        self._by_number: defaultdict[str, list[Enrolment]] = defaultdict(list)
        # By student id, because students who are new have no key yet.
        self._enrolments: defaultdict[str, list[Enrolment]] = defaultdict(list)
        self._records: defaultdict[int, dict[int, AttendanceRecord]] = defaultdict(dict)
        self._patterns: list[MeetingPattern] = []
        self._is_empty = True
        if section.pk is None:
            return
        for enrolment in section.enrolments.select_related("student").order_by("from_date", "pk"):
            self._know(enrolment)
        self._patterns = list(section.patterns.weekly())
        self._is_empty = not section.meetings.not_discarded().exists()
        records = AttendanceRecord.objects.filter(meeting__in=meetings).select_related(
            "label", "excused_reason"
        )
        for record in records.only(
            *("meeting", "student", "roll_number", "status", "method", "marked_at"),
            *(f"label__{name}" for name in ("name", "meaning")),
            *(f"excused_reason__{name}" for name in ("name", "code")),
        ):
            self._records[record.meeting_id][record.student_id] = record

    def _know(self, enrolment: Enrolment) -> None:
        self._enrolments[enrolment.student.student_id].append(enrolment)
        self._by_number[enrolment.roll_number].append(enrolment)

    def _student(self, row: StudentRow) -> Student | None:
        """The student whom the row names by the student id; None if by the roll number, or after a problem."""
        if not row.student_id:
            if row.roll_number not in self._by_number:
                self._refuse_row(row, self._unknown_number(row.roll_number))
            return None
        student = self._students.get(row.student_id) or self._new_students.get(row.student_id)
        if student is None and self._may_add:
            student = Student(student_id=row.student_id, name=row.name or row.student_id)
            self._new_students[row.student_id] = student
            self._plan.students.append(student)
            self._report.counts[Kind.STUDENT] += 1
        elif student is None:
            self._refuse_row(row, _("There is no student with this id."))
        elif row.student_id not in self._enrolments and not self._may_add:
            self._refuse_row(
                row, _("This student was never enrolled in this section. Enrol the student first.")
            )
            return None
        return student

    def _unknown_number(self, number: str) -> str:
        """Why nobody is found. “07” is not “7”, but spreadsheet programs make it so."""
        for known in self._by_number:
            if known.lstrip("0") == number.lstrip("0"):
                return _(
                    "Nobody in this section has this roll number. If you mean %(known)s, write it "
                    "like that: a spreadsheet program may have dropped the zeros."
                ) % {"known": known}
        return _("Nobody in this section has this roll number.")

    def _mark(self, row: StudentRow, number: int, file_class: FileClass) -> _Reading:
        text = row.text(number)
        if text is None:
            return _UNSAID
        use = self._uses.get(text)
        if use is None:
            use = self._uses[text] = self._use_of(text, row.line_of(number), file_class)
            self._report.words.append(use)
        use.count += 1
        return use.mark if use.is_known else _UNSAID

    def _use_of(self, text: str, line: int, file_class: FileClass) -> WordUse:
        try:
            return WordUse(text, is_known=True, mark=self._words.read(text))
        except UnknownWord:
            self._problems.add(
                _("Say what “%(word)s” means.") % {"word": text[:40]},
                file=self._file.name,
                line=line,
                column=file_class.column,
            )
            return WordUse(text, is_known=False, mark=None)

    # --- Classes --------------------------------------------------------------------------------------------

    def _states(self, people: Sequence[_Person], *, is_only_section: bool) -> dict[int, FileState]:
        """The state of each class of the file that the section has, by its number."""
        states: dict[int, FileState] = {}
        without_entry = []
        for number, file_class in enumerate(self._file.classes):
            marks = [mark for person in people if (mark := person.marks[number]) is not _UNSAID]
            has_entry = any(isinstance(mark, Mark) for mark in marks)
            if not marks or not (has_entry or is_only_section):
                continue
            if file_class.state is FileState.OPEN:
                self._refuse_class(
                    file_class,
                    _("The session was still open when this file was made. End it, and export again."),
                )
                continue
            state = file_class.state
            taken = any(isinstance(mark, Mark) and mark.status in _ONLY_TAKEN for mark in marks)
            if state is FileState.PLANNED and taken:
                # The plan of an older export, which somebody has filled in since.
                state = FileState.HELD
            if state is FileState.HELD and not has_entry and not self._file.is_own:
                # Only in an export it is a class that was held with nobody.
                without_entry.append(file_class)
                continue
            states[number] = state
        if without_entry:
            self._report.notes.append(
                _("Empty columns, left out: %(columns)s")
                % {"columns": ", ".join(one.column for one in without_entry[:12])}
            )
        return states

    def _match(self, states: Mapping[int, FileState], meetings: Collection[Meeting]) -> dict[int, Meeting]:
        """The meeting of each class of the file. A class that needs a new one is left out."""
        by_date: defaultdict[datetime.date, list[Meeting]] = defaultdict(list)
        for meeting in sorted(meetings, key=lambda one: (one.starts_at, one.pk)):
            by_date[meeting.date].append(meeting)
        found: dict[int, Meeting] = {}
        used: set[int] = set()
        for is_same_state in (True, False):
            for number, state in states.items():
                file_class = self._file.classes[number]
                if number in found or (is_same_state and file_class.start is None):
                    continue
                on_date = [one for one in by_date[file_class.date] if one.pk not in used]
                if file_class.start is None:
                    on_date = [one for one in on_date if one.state != MeetingState.CANCELLED] or on_date
                    if len(on_date) > 1:
                        self._refuse_class(
                            file_class,
                            _("The section has several classes on this date. Add the time to the file."),
                        )
                else:
                    on_date = [one for one in on_date if _start_of(one) == file_class.start]
                if is_same_state:
                    on_date = [one for one in on_date if one.state == _STATES[state]]
                if on_date:
                    found[number] = on_date[0]
                    used.add(on_date[0].pk)
        return found

    def _plan_class(
        self, number: int, state: FileState, meeting: Meeting | None, people: Sequence[_Person]
    ) -> None:
        file_class = self._file.classes[number]
        is_taken = False
        if meeting is None:
            if state is not FileState.HELD and not self._is_empty:
                self._report.notes.append(
                    _("%(class)s: not a class of this section, left out.") % {"class": file_class.column}
                )
                return
            meeting = self._new_meeting(file_class, state)
            if state is FileState.HELD and self._is_to_come(file_class, meeting):
                self._refuse_class(file_class, _("This class is still to come."))
                return
            self._plan.meetings.append(meeting)
            self._report.counts[Kind.CLASS] += 1
            self._report.classes.append(str(file_class))
            is_taken = state is FileState.HELD
        elif meeting.state == MeetingState.OPEN:
            self._refuse_class(file_class, _("This class has an open session. End it first."))
            return
        elif state is FileState.HELD and meeting.state == MeetingState.CANCELLED:
            self._refuse_class(
                file_class, _("This class was cancelled. Restore it first, or remove it from the file.")
            )
            return
        elif state is FileState.HELD and meeting.state == MeetingState.PLANNED:
            if meeting.starts_at > self._at:
                self._refuse_class(file_class, _("This class is still to come."))
                return
            is_taken = True
            self._report.counts[Kind.CLASS_TAKEN] += 1
            self._report.classes.append(str(file_class))
        elif meeting.state != _STATES[state]:
            self._report.notes.append(
                _("%(class)s: left as it is, because the class is not %(state)s here.")
                % {"class": file_class.column, "state": MeetingState(_STATES[state]).label}
            )
            return
        if is_taken:
            meeting.state, meeting.ended_at, meeting.roster_fixed_at = MeetingState.HELD, self._at, self._at
            self._plan.held.append(meeting)
        planned = len(self._plan.records)
        self._plan_records(number, state, meeting, people, is_taken=is_taken)
        changes = len(self._plan.records) > planned
        if changes and not self._passes_locks and meeting.is_locked(on=timezone.localdate(self._at)):
            self._refuse_class(
                file_class, _("The register of this class is locked. An administrator can unlock it.")
            )

    def _new_meeting(self, file_class: FileClass, state: FileState) -> Meeting:
        usual = [one for one in self._patterns if one.weekday == file_class.date.weekday()]
        usual = [one for one in usual if file_class.start in (None, one.start)]
        start = file_class.start or (usual[0].start if usual else None) or _USUAL_START
        starts_at = datetime.datetime.combine(file_class.date, start, institution_zone())
        ends_at = starts_at + _USUAL_LENGTH
        if usual and usual[0].end:
            ends_at = datetime.datetime.combine(file_class.date, usual[0].end, institution_zone())
        return Meeting(
            section=self._plan.section,
            state=MeetingState.CANCELLED if state is FileState.CANCELLED else MeetingState.PLANNED,
            starts_at=starts_at,
            ends_at=ends_at,
            date=file_class.date,
            edited=True,
        )

    def _is_to_come(self, file_class: FileClass, meeting: Meeting) -> bool:
        return meeting.starts_at > self._at if file_class.start else file_class.date > self._today

    # --- Records --------------------------------------------------------------------------------------------

    def _plan_records(
        self, number: int, state: FileState, meeting: Meeting, people: Sequence[_Person], *, is_taken: bool
    ) -> None:
        file_class = self._file.classes[number]
        records = self._records[meeting.pk] if meeting.pk else {}
        numbers = {record.roll_number for record in records.values()}
        is_new = meeting.pk is None
        named: set[str] = set()
        written: list[ImportedRecord] = []
        for person in people:
            mark = person.marks[number]
            if mark is _UNSAID:
                continue
            student = self._student_on(person, number, file_class, is_needed=mark is not None)
            if student is None:
                continue
            if student.student_id in named:
                self._refuse(
                    person.row, number, file_class, _("The file has this student twice on this date.")
                )
                continue
            named.add(student.student_id)
            if not isinstance(mark, Mark):
                continue
            if former := records.get(student.pk):
                change = self._change(person.row, number, meeting, student, mark, former)
            elif mark.status and meeting.group_id and not is_taken:
                change = None
                reason = _(
                    "This class was held for several sections, and the student is not in its "
                    "register. Add the student there first."
                )
                self._refuse(person.row, number, file_class, reason)
            else:
                is_on_roster = is_taken or (is_new and state is FileState.CANCELLED)
                is_lone = (
                    is_new and state is FileState.PLANNED and not self._is_enrolled(student, file_class.date)
                )
                change = None
                if mark.status or is_on_roster or is_lone:
                    roll_number = self._roll_number(student, file_class.date, numbers)
                    change = self._record(person.row, number, meeting, student, mark, roll_number)
                    self._report.counts[Kind.MARK] += bool(mark.status)
            written += [change] if change else []
        if is_taken:
            written += self._rest_of_roster(meeting, named, records, numbers)
        if is_new and state is FileState.CANCELLED and any(one.status in _ONLY_TAKEN for one in written):
            # It was held before it was cancelled.
            meeting.ended_at = meeting.roster_fixed_at = self._at
        self._plan.records += written

    def _change(
        self,
        row: StudentRow,
        number: int,
        meeting: Meeting,
        student: Student,
        mark: Mark,
        former: AttendanceRecord,
    ) -> ImportedRecord | None:
        """What becomes of a record that is there; None if it stays."""
        file_class, before = self._file.classes[number], _mark_of(former)
        if before == mark:
            self._report.counts[Kind.UNCHANGED] += 1
            return None
        if before.status is None:
            self._report.counts[Kind.MARK] += 1
        elif self._replace:
            self._report.counts[Kind.CHANGE] += 1
            self._report.changes.append(
                MarkChange(str(self._plan.section), str(student), str(file_class), before, mark)
            )
        else:
            reason = _(
                "Already marked %(before)s; the file says %(after)s. Choose to replace marks, or empty the cell."
            )
            self._refuse(row, number, file_class, reason % {"before": before, "after": mark})
            return None
        return self._record(row, number, meeting, student, mark, former.roll_number, former)

    def _rest_of_roster(
        self,
        meeting: Meeting,
        named: Collection[str],
        records: Mapping[int, AttendanceRecord],
        numbers: set[str],
    ) -> Iterator[ImportedRecord]:
        """An empty record for everybody else who is enrolled on the date: a fixed roster is the records."""
        for student_id, enrolments in self._enrolments.items():
            student = enrolments[0].student
            if student_id in named or student.pk in records or not _holding(enrolments, meeting.date):
                continue
            roll_number = self._roll_number(student, meeting.date, numbers)
            self._missing.setdefault(student_id, student.name)
            yield ImportedRecord(meeting, student, None, None, None, None, roll_number, "")

    def _note_missing_students(self) -> None:
        # A row that could not be read is a problem, and its student is not missing.
        if self._problems or not self._missing:
            return
        names = list(self._missing.values())
        note = ngettext(
            "%(section)s: %(number)d enrolled student has no entry for a class in the file, so gets no status there: "
            "%(names)s",
            "%(section)s: %(number)d enrolled students have no entry for a class in the file, so get no status there: "
            "%(names)s",
            len(names),
        )
        listed = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        self._report.notes.append(
            note % {"section": self._plan.section, "number": len(names), "names": listed}
        )

    def _student_on(
        self, person: _Person, number: int, file_class: FileClass, *, is_needed: bool
    ) -> Student | None:
        """The student of the row on the date of a class; None after a problem, or if nobody is needed."""
        if person.student or person.row.student_id:
            return person.student
        with_number = self._by_number.get(person.row.roll_number, [])
        on_date = _holding(with_number, file_class.date)
        found = on_date.student if on_date else None
        if found is None and len({one.student_id for one in with_number}) == 1:
            found = with_number[0].student
        if found is None and with_number and is_needed:
            self._refuse(
                person.row, number, file_class, _("Nobody in this section had this roll number on this date.")
            )
        return found

    def _is_enrolled(self, student: Student, date: datetime.date) -> bool:
        return _holding(self._enrolments.get(student.student_id, ()), date) is not None

    def _roll_number(self, student: Student, date: datetime.date, taken: set[str]) -> str:
        """The student's number on the date, or else the latest. If another one has it then, the student id stands in."""
        enrolments = self._enrolments[student.student_id]
        enrolment = _holding(enrolments, date) or enrolments[-1]
        number = student.student_id if enrolment.roll_number in taken else enrolment.roll_number
        taken.add(number)
        return number

    def _record(
        self,
        row: StudentRow,
        number: int,
        meeting: Meeting,
        student: Student,
        mark: Mark,
        roll_number: str,
        former: AttendanceRecord | None = None,
    ) -> ImportedRecord:
        note = f"{row.notes[number]} ({self._note})" if number in row.notes else self._note
        return ImportedRecord(
            *(meeting, student, mark.status, mark.label, mark.reason, former, roll_number),
            note=note if mark.status or former else "",
        )

    # --- Enrolments -----------------------------------------------------------------------------------------

    def _plan_enrolments(self, people: Iterable[_Person], states: Mapping[int, FileState]) -> None:
        """Enrol the students who have no enrolment in the section when the file has a cell for them."""
        presences = []
        for person in people:
            if person.student is None or person.student.student_id in self._enrolments:
                continue
            presence = Presence()
            for number, state in states.items():
                mark = person.marks[number]
                if mark is not _UNSAID:
                    presence.add(self._file.classes[number].date, state, has_cell=mark is not None)
            presences.append((person.student, person.row.roll_number, presence))
        made = enrolments_of(presences, self._plan.section, today=self._today)
        known = {number: list(enrolments) for number, enrolments in self._by_number.items()}
        rows = {person.row.student_id: person.row for person in people}
        for enrolment in made:
            other = next(
                (
                    one
                    for one in known.get(enrolment.roll_number, ())
                    if overlaps(one, enrolment.from_date, enrolment.to_date)
                ),
                None,
            )
            if other:
                reason = _("The roll number %(number)s is held by %(student)s on some of these days.")
                self._refuse_row(
                    rows[enrolment.student.student_id],
                    reason % {"number": enrolment.roll_number, "student": other.student},
                )
            self._know(enrolment)
        self._plan.enrolments += made
        self._report.counts[Kind.ENROLMENT] += len(made)

    # --- Problems -------------------------------------------------------------------------------------------

    def _refuse(self, row: StudentRow, number: int, file_class: FileClass, reason: str) -> None:
        self._problems.add_to_row(
            reason, file=self._file.name, line=row.line_of(number), column=file_class.column
        )

    def _refuse_row(self, row: StudentRow, reason: str) -> None:
        column = self._file.column("student_id" if row.student_id else "roll_number")
        self._problems.add_to_row(
            f"{row.label}: {reason}", file=self._file.name, line=row.line, column=column
        )

    def _refuse_class(self, file_class: FileClass, reason: str) -> None:
        self._problems.add(
            f"{file_class}: {reason}", file=self._file.name, line=file_class.line, column=file_class.column
        )


def _mark_of(record: AttendanceRecord) -> Mark:
    return Mark(Status(record.status) if record.status else None, record.label, record.excused_reason)


def _holding(enrolments: Iterable[Enrolment], date: datetime.date) -> Enrolment | None:
    """The one that holds on the date."""
    return next((one for one in enrolments if one.covers(date)), None)


def _start_of(meeting: Meeting) -> datetime.time:
    local = timezone.localtime(meeting.starts_at, institution_zone())
    return local.time().replace(second=0, microsecond=0)
