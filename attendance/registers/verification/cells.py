"""What the cells of a register showed from one seal to the next, to find when a file was true."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils import timezone

from attendance.models import ExcuseReason, Meeting, MeetingState, Status, StatusLabel, Student
from attendance.registers.verification.chain import Mark, Step
from attendance.registers.verification.files import Column, RegisterFile

# Numbers of seals, the first and the last of each span.
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class FileDifference:
    """The first cell of a file that the register never had, or never together with the others.

    :ivar column: its heading
    """

    line: int
    column: str
    student_id: str
    in_file: str
    in_register: str


@dataclass(frozen=True)
class Comparison:
    """:ivar true_at: the number of the last seal at which the register was as the file has it; None if it never was
    :ivar difference: if it never was
    :ivar missing_rows: how many students of the register are not in the file
    :ivar missing_meetings: held meetings between the file's first and last that it has not, or has not as held
    """

    true_at: int | None
    difference: FileDifference | None
    missing_rows: int
    missing_meetings: Sequence[Meeting] = ()


def compare(file: RegisterFile, meetings: Collection[Meeting], all_steps: Sequence[Step]) -> Comparison:
    """When the register of these meetings was as the file has it. Classes that were never sealed are left out."""
    history = _History(all_steps)
    found = [_meeting_of(column, meetings) for column in file.columns]
    students = {
        student_id: pk
        for pk, student_id in Student.objects.filter(
            student_id__in=[row.student_id for row in file.rows]
        ).values_list("pk", "student_id")
    }
    spans: Spans = [(0, len(all_steps))]
    compared = []
    for place, (column, meeting) in enumerate(zip(file.columns, found, strict=True)):
        if meeting is None:
            return Comparison(None, FileDifference(1, column.heading, "", column.heading, ""), 0)
        is_register = column.state in (MeetingState.HELD, MeetingState.CANCELLED)
        if not is_register or meeting.pk not in history.states:
            continue
        compared.append((place, column, meeting.pk))
        spans = _common(spans, history.spans_of_state(meeting.pk, column.state))
    never, not_now = None, None
    for row in file.rows:
        student = students.get(row.student_id, 0)
        for place, column, meeting_pk in compared:
            text = row.cells[place]
            of_cell = history.spans_of_text(meeting_pk, student, text)
            spans = _common(spans, of_cell)
            now = history.text(meeting_pk, student)
            if text != now:
                difference = FileDifference(row.line, column.heading, row.student_id, text, now)
                not_now = not_now or difference
                if not of_cell:
                    never = never or difference
    has_them = {
        meeting.pk
        for column, meeting in zip(file.columns, found, strict=True)
        if meeting and column.state in (MeetingState.HELD, MeetingState.CANCELLED)
    }
    missing_meetings = [
        meeting
        for meeting in meetings
        if meeting.state == MeetingState.HELD
        and meeting.pk not in has_them
        and file.dates.includes(meeting.date)
    ]
    in_register = history.students([pk for _place, _column, pk in compared])
    missing = len(in_register - set(students.values()))
    if spans:
        return Comparison(spans[-1][1], None, missing, missing_meetings)
    difference = never or not_now or _state_differs(file, compared, history)
    return Comparison(None, difference, missing, missing_meetings)


class _History:
    """The states of the meetings and the texts of the cells, each with the number of the seal from which it held."""

    def __init__(self, all_steps: Iterable[Step]) -> None:
        letters = dict(StatusLabel.objects.values_list("pk", "letter"))
        codes = dict(ExcuseReason.objects.values_list("pk", "code"))
        self.states: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self._texts: defaultdict[int, defaultdict[int, list[tuple[int, str]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.last = 0
        for step in all_steps:
            self.last = step.number
            self.states[step.meeting].append((step.number, step.after.meeting.state))
            before = step.before.records if step.before else {}
            for pk, record in step.after.records.items():
                if before.get(pk) != record:
                    text = _text(record.mark, letters, codes)
                    self._texts[step.meeting][record.student].append((step.number, text))

    def spans_of_state(self, meeting: int, state: str) -> Spans:
        return list(_spans(self.states[meeting], state, self.last))

    def spans_of_text(self, meeting: int, student: int, text: str) -> Spans:
        texts = self._texts[meeting].get(student, [])
        first = self.states[meeting][0][0]
        # Before the first record, the student was not on the roster.
        return list(
            _spans(texts if texts and texts[0][0] == first else [(first, ""), *texts], text, self.last)
        )

    def text(self, meeting: int, student: int) -> str:
        """As the register is now."""
        texts = self._texts[meeting].get(student)
        return texts[-1][1] if texts else ""

    def state(self, meeting: int) -> str:
        return self.states[meeting][-1][1]

    def students(self, meetings: Iterable[int]) -> set[int]:
        return {student for meeting in meetings for student in self._texts[meeting]}


def _text(mark: Mark, letters: dict[int, str], codes: dict[int, str]) -> str:
    if mark.status is None:
        return "-"
    letter = letters.get(mark.label or 0) or Status(mark.status).letter
    return f"{letter}:{codes[mark.reason]}" if mark.reason in codes else letter


def _spans(values: Sequence[tuple[int, str]], value: str, last: int) -> Iterator[tuple[int, int]]:
    for (number, one), following in zip(
        values, [*(number for number, _ in values[1:]), last + 1], strict=True
    ):
        if one == value:
            yield number, following - 1


def _common(one: Spans, other: Spans) -> Spans:
    """The parts that are in both."""
    found = []
    for first, last in one:
        start = max(0, bisect_right([begin for begin, _end in other], first) - 1)
        for begin, end in other[start:]:
            if begin > last:
                break
            if max(first, begin) <= min(last, end):
                found.append((max(first, begin), min(last, end)))
    return found


def _meeting_of(column: Column, meetings: Iterable[Meeting]) -> Meeting | None:
    at_that_time = [
        meeting
        for meeting in meetings
        if timezone.localtime(meeting.starts_at).strftime("%Y-%m-%d %H:%M") == column.start
        and meeting.state != MeetingState.DISCARDED
    ]
    # An export has them in the same order.
    return at_that_time[column.number] if column.number < len(at_that_time) else None


def _state_differs(
    file: RegisterFile, compared: Sequence[tuple[int, Column, int]], history: _History
) -> FileDifference:
    """The first class that is in another state now than in the file."""
    for _place, column, meeting in compared:
        if history.state(meeting) != column.state:
            return FileDifference(1, column.heading, "", column.state, history.state(meeting))
    return FileDifference(1, file.columns[0].heading, "", "", "")
