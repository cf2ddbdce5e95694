"""Alerts: what needs a teacher's attention in open sessions and in those that ended last."""

import datetime
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from attendance.models import AttendanceRecord, Method, User
from attendance.queries.shared_devices import sharers_by_meeting
from qrsessions.models import Action, GroupSession, QRSession, SessionEvent, SessionOrGroup, SessionStatus
from qrsessions.queries.dashboard import Taught
from qrsessions.queries.groups import title_of
from qrsessions.queries.waiting_scans import students_waiting

# Alerts of an ended session disappear after this time, or when its section has ended another one.
SHOWN_FOR = datetime.timedelta(days=7)


class Kind(enum.StrEnum):
    """The kinds of alerts, in the order of the page."""

    LEFT_OPEN = "left_open"
    WAITING = "waiting"
    SHARED_PHONE = "shared_phone"
    ENDED_BY_ITSELF = "ended_by_itself"
    NOBODY_MARKED = "nobody_marked"
    NEVER_SCANNED = "never_scanned"


@dataclass(frozen=True)
class Alert:
    """One alert about a session, or about a group session that the user may run.

    ``number`` counts the students it is about, if any. ``since`` is when a session that was left open was opened or
    reopened. ``can_reopen`` is true if none of its sections has an open session.
    """

    kind: Kind
    session_or_group: SessionOrGroup
    session: QRSession
    title: str
    number: int = 0
    since: datetime.datetime | None = None
    can_reopen: bool = False

    @property
    def is_of_group(self) -> bool:
        return isinstance(self.session_or_group, GroupSession)


@dataclass(frozen=True)
class _Subject:
    """A session or group session, with those of its sessions whose sections the user teaches."""

    session_or_group: SessionOrGroup
    sessions: Sequence[QRSession]

    @property
    def title(self) -> str:
        sections = [session.meeting.section for session in self.sessions]
        if isinstance(self.session_or_group, GroupSession):
            return self.session_or_group.group.title or title_of(sections)
        return sections[0].short_name


def alerts_for(user: User, found: Taught, *, at: datetime.datetime) -> list[Alert]:
    """The alerts about everything that the user teaches, in six queries."""
    own = [one for one in found.sections if one.section.may_run]
    running = [one.running for one in found.sections if one.running]
    last = [one.last for one in own if one.last and one.last.created_at > at - SHOWN_FOR]
    sessions = running + last
    if not sessions:
        return []
    meetings = [session.meeting for session in sessions]
    waiting = students_waiting(sessions)
    shared = sharers_by_meeting(meetings)
    never_scanned = _joined_and_never_scanned(last)
    without_marks = set(
        QRSession.objects.filter(pk__in=[session.pk for session in last])
        .without_marks()
        .values_list("pk", flat=True)
    )
    last_events = _last_ends_and_reopens(sessions)
    busy = {one.section.pk for one in found.sections if one.running}
    alerts = []
    for subject in _subjects(user, sessions, on=found.today):
        session, title = subject.sessions[0], subject.title
        has_ended = session.status == SessionStatus.ENDED
        numbers = {
            Kind.WAITING: _students(subject, waiting),
            Kind.SHARED_PHONE: _students(subject, shared),
        }
        missed = _students(subject, never_scanned)
        nobody_marked = session.pk in without_marks
        if not nobody_marked:
            numbers[Kind.NEVER_SCANNED] = missed
        about = subject.session_or_group, session, title
        alerts += [Alert(kind, *about, number) for kind, number in numbers.items() if number]
        if nobody_marked:
            alerts.append(Alert(Kind.NOBODY_MARKED, *about, missed))
        event = last_events.get(session.pk)
        since = event.done_at if event else session.created_at
        if not has_ended and timezone.localdate(since) < found.today:
            alerts.append(Alert(Kind.LEFT_OPEN, *about, since=since))
        if has_ended and event and event.done_by_id is None:
            is_free = busy.isdisjoint(one.meeting.section_id for one in subject.sessions)
            alerts.append(Alert(Kind.ENDED_BY_ITSELF, *about, can_reopen=is_free))
    kinds = list(Kind)
    return sorted(alerts, key=lambda alert: kinds.index(alert.kind))


def _subjects(user: User, sessions: Sequence[QRSession], *, on: datetime.date) -> list[_Subject]:
    """The sessions; those of a group together if the user may run the group."""
    groups = GroupSession.objects.run_by(user, on=on).with_names()
    own = groups.in_bulk({session.meeting.group_id for session in sessions if session.meeting.group_id})
    members: dict[SessionOrGroup, list[QRSession]] = {}
    for session in sessions:
        members.setdefault(own.get(session.meeting.group_id or 0, session), []).append(session)
    return [_Subject(one, sessions) for one, sessions in members.items()]


def _students(subject: _Subject, students: dict[int, set[int]]) -> int:
    """The number of students, each counted once, who are listed for the sessions."""
    return len(set[int]().union(*(students.get(session.pk, set()) for session in subject.sessions)))


def _joined_and_never_scanned(ended: Sequence[QRSession]) -> dict[int, set[int]]:
    """The students who had joined but had no mark at the end, by meeting."""
    records = AttendanceRecord.objects.filter(
        Q(method=Method.END) | Q(status=None),
        meeting__in=[session.pk for session in ended],
        joined_at__isnull=False,
    )
    found: dict[int, set[int]] = {}
    for meeting, student in records.values_list("meeting_id", "student_id"):
        found.setdefault(meeting, set()).add(student)
    return found


def _last_ends_and_reopens(sessions: Sequence[QRSession]) -> dict[int, SessionEvent]:
    """The last end or reopening of each session that ever ended."""
    events = SessionEvent.objects.filter(
        meeting__in=[session.meeting_id for session in sessions], action__in=[Action.END, Action.REOPEN]
    )
    latest = events.order_by("meeting_id", "-done_at", "-id").distinct("meeting_id")
    return {event.meeting_id: event for event in latest}
