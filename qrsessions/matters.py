"""What needs a teacher's eye, of the sessions that run and of those that ended last."""

import datetime
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from attendance.models import AttendanceRecord, Method, User
from attendance.shared_devices import sharers_by_meeting
from qrsessions.admitting import students_waiting
from qrsessions.group_overview import title_of
from qrsessions.models import Action, GroupSession, QRSession, SessionEvent, SessionStatus
from qrsessions.taught_sections import Taught

# Of an ended session nothing is shown after that time, nor once its section has ended another one.
SHOWN_FOR = datetime.timedelta(days=7)


class Kind(enum.StrEnum):
    """In the order in which they are shown."""

    LEFT_OPEN = "left_open"
    WAITING = "waiting"
    SHARED_PHONE = "shared_phone"
    ENDED_BY_ITSELF = "ended_by_itself"
    NEVER_SCANNED = "never_scanned"


@dataclass(frozen=True)
class Matter:
    """One thing to look at: of a session, or of a group session that the user runs.

    ``number`` is how many students it is about, where it is about students; ``since`` when it was opened or reopened,
    where it was left open. ``can_reopen``: no session of the section,
    in a group of none of its sections, is open.
    """

    kind: Kind
    source: QRSession | GroupSession
    session: QRSession
    title: str
    number: int = 0
    since: datetime.datetime | None = None
    can_reopen: bool = False

    @property
    def is_of_group(self) -> bool:
        return isinstance(self.source, GroupSession)


@dataclass(frozen=True)
class _Run:
    """What is run as one, as far as the user teaches it."""

    source: QRSession | GroupSession
    sessions: Sequence[QRSession]

    @property
    def title(self) -> str:
        sections = [session.meeting.section for session in self.sessions]
        if isinstance(self.source, GroupSession):
            return self.source.group.title or title_of(sections)
        return f"{sections[0].course.code} · {sections[0].name}"


def matters_of(user: User, found: Taught, *, at: datetime.datetime) -> list[Matter]:
    """What of all that the user teaches needs an eye: five queries, however much that is."""
    running = [one.running for one in found.sections if one.running]
    last = [one.last for one in found.sections if one.last and one.last.created_at > at - SHOWN_FOR]
    sessions = running + last
    if not sessions:
        return []
    meetings = [session.meeting for session in sessions]
    waiting = students_waiting(sessions)
    shared = sharers_by_meeting(meetings)
    never = _joined_and_never_scanned(last)
    turns = _last_turns(sessions)
    busy = {one.section.pk for one in found.sections if one.running}
    matters = []
    for run in _runs(user, sessions):
        session, title = run.sessions[0], run.title
        has_ended = session.status == SessionStatus.ENDED
        numbers = {
            Kind.WAITING: _students(run, waiting),
            Kind.SHARED_PHONE: _students(run, shared),
            Kind.NEVER_SCANNED: _students(run, never),
        }
        matters += [
            Matter(kind, run.source, session, title, number) for kind, number in numbers.items() if number
        ]
        turn = turns.get(session.pk)
        since = turn.done_at if turn else session.created_at
        if not has_ended and timezone.localdate(since) < found.today:
            matters.append(Matter(Kind.LEFT_OPEN, run.source, session, title, since=since))
        if has_ended and turn and turn.done_by_id is None:
            is_free = busy.isdisjoint(one.meeting.section_id for one in run.sessions)
            matters.append(Matter(Kind.ENDED_BY_ITSELF, run.source, session, title, can_reopen=is_free))
    kinds = list(Kind)
    return sorted(matters, key=lambda matter: kinds.index(matter.kind))


def _runs(user: User, sessions: Sequence[QRSession]) -> list[_Run]:
    """The sessions, those of one group together where the user runs the group."""
    groups = GroupSession.objects.visible_to(user).with_names()
    own = groups.in_bulk({session.meeting.group_id for session in sessions if session.meeting.group_id})
    by_source: dict[QRSession | GroupSession, list[QRSession]] = {}
    for session in sessions:
        by_source.setdefault(own.get(session.meeting.group_id or 0, session), []).append(session)
    return [_Run(source, members) for source, members in by_source.items()]


def _students(run: _Run, students: dict[int, set[int]]) -> int:
    """How many students, each once, the sessions of one run have in there."""
    return len(set[int]().union(*(students.get(session.pk, set()) for session in run.sessions)))


def _joined_and_never_scanned(ended: Sequence[QRSession]) -> dict[int, set[int]]:
    """By meeting, the students who had joined and whom the end found without a mark."""
    records = AttendanceRecord.objects.filter(
        meeting__in=[session.pk for session in ended], joined_at__isnull=False, method=Method.END
    )
    found: dict[int, set[int]] = {}
    for meeting, student in records.values_list("meeting_id", "student_id"):
        found.setdefault(meeting, set()).add(student)
    return found


def _last_turns(sessions: Sequence[QRSession]) -> dict[int, SessionEvent]:
    """Of each session that has ended or was reopened, when that was for the last time, and by whom."""
    turns = SessionEvent.objects.filter(session__in=sessions, action__in=[Action.END, Action.REOPEN])
    latest = turns.order_by("session_id", "-done_at", "-id").distinct("session_id")
    return {turn.session_id: turn for turn in latest}
