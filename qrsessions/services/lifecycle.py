"""The life of a session: created ⇄ locked → active → ended, and from ended back to active by reopening.

A step takes the exclusive lock of its meetings before it reads their status, so no join or mark runs at the same time.
A step that is not possible is refused and changes nothing.
"""

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance import stats
from attendance.lib import advisory_locks
from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingGroup, MeetingState, Section, User
from attendance.records import session_end
from attendance.records.fixed_rosters import fix_rosters
from attendance.records.locks import check_not_locked
from attendance.records.seals import seal
from attendance.timetable import planned_now
from qrsessions.models import Action, JoinPolicy, QRSession, SessionEvent, SessionStatus
from qrsessions.queries.access import NotGiven, check_may_open_unplanned
from qrsessions.refusals import InGroup, SessionGone
from qrsessions.services import audit_log

T = TypeVar("T")


class WrongState(Refused):
    code = "wrong_state"
    detail = _(
        "This is not possible in the session's current state. Reload the page to see what has changed."
    )


class StepTaken(WrongState):
    """Pages send a step again if they heard no answer. Meanwhile a colleague may have undone it."""

    detail = _(
        "This step has already been taken, and the session has changed since then. Check its current state first."
    )


class SessionOpen(Refused):
    """``extra["session"]`` is the id of the session that is open."""

    code = "session_open"
    detail = _("This section already has an open session. Continue with it, or end it first.")


class _OpenAlready(Exception):
    """A substitute opens a class again that is open."""


@dataclass(frozen=True)
class Step:
    """One step: the statuses it is possible in, the status it leads to, and what it changes besides."""

    name: str
    before: frozenset[SessionStatus]
    after: SessionStatus
    apply: Callable[[Sequence[QRSession], datetime.datetime], None]


def _lock(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    for session in sessions:
        session.locked_at = at


def _unlock(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    for session in sessions:
        session.locked_at = None


def _start(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    for session in sessions:
        session.locked_at = session.locked_at or at
        session.started_at = session.started_at or at


def _end(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    _end_without_absences(sessions, at)
    meetings = [session.meeting for session in sessions]
    if len(meetings) > 1:
        session_end.copy_marks_in_group(meetings)
    session_end.record_absentees(meetings=meetings, at=at)


def _end_without_absences(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    meetings = [session.meeting for session in sessions]
    fix_rosters(meetings)
    for meeting in meetings:
        meeting.state = MeetingState.HELD
        meeting.ended_at = at
        meeting.roster_fixed_at = meeting.roster_fixed_at or meeting.ended_at
    Meeting.objects.bulk_update(meetings, ["state", "ended_at", "roster_fixed_at"])


def _reopen(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    meetings = [session.meeting for session in sessions]
    check_not_locked(meetings, at=at)
    advisory_locks.hold_sections(meeting.section_id for meeting in meetings)
    for meeting in meetings:
        meeting.state = MeetingState.OPEN
        meeting.ended_at = None
    try:
        with transaction.atomic():
            Meeting.objects.bulk_update(meetings, ["state", "ended_at"])
    except IntegrityError as error:
        sections = [meeting.section_id for meeting in meetings]
        raise _session_open(Meeting.objects.filter(section__in=sections).open().first()) from error
    session_end.clear_absentees(meetings=meetings)
    _start(sessions, at)


_OPEN = frozenset({SessionStatus.CREATED, SessionStatus.LOCKED, SessionStatus.ACTIVE})
STEPS = {
    step.name: step
    for step in (
        Step("lock", frozenset({SessionStatus.CREATED}), SessionStatus.LOCKED, _lock),
        Step("unlock", frozenset({SessionStatus.LOCKED}), SessionStatus.CREATED, _unlock),
        Step("start", frozenset({SessionStatus.CREATED, SessionStatus.LOCKED}), SessionStatus.ACTIVE, _start),
        Step("end", _OPEN, SessionStatus.ENDED, _end),
        Step("reopen", frozenset({SessionStatus.ENDED}), SessionStatus.ACTIVE, _reopen),
    )
}
# Of a forgotten session in which nobody was marked: its register was not taken, so nobody is absent.
END_WITHOUT_ABSENCES = Step("end", _OPEN, SessionStatus.ENDED, _end_without_absences)


def open_session(
    *,
    section: Section,
    by: User,
    at: datetime.datetime,
    join_policy: JoinPolicy = JoinPolicy.STRICT,
    planned: Meeting | None = None,
) -> QRSession:
    """Open a session for a section: students can join.

    :param planned: the section's meeting to open it at; by default the one that is planned now, else a new one
    :raises SessionOpen: if the section has a session that has not ended, which stays as it is
    :raises NotGiven: if ``by`` was given only single meetings of the section, and none of them can be opened
    """

    def open_one() -> QRSession:
        (session,) = create_sessions([section], by=by, at=at, join_policy=join_policy, planned=planned)
        return session

    def find_refusal() -> SessionOpen | None:
        running = Meeting.objects.filter(section=section).open().first()
        return _session_open(running) if running else None

    return open_or_refuse(open_one, find_refusal)


def create_sessions(
    sections: Iterable[Section],
    *,
    by: User,
    at: datetime.datetime,
    join_policy: JoinPolicy,
    group: MeetingGroup | None = None,
    planned: Meeting | None = None,
) -> list[QRSession]:
    """Create a session for each section: at the meeting that is planned now, else at a new one. A few statements for any
    number.

    :raises IntegrityError: if a section has an open meeting
    :raises _OpenAlready: likewise, if ``by`` was given only single meetings of a section, and the open one is of these
    :raises NotGiven: if ``by`` was given only single meetings of a section, and none of them can be opened
    """
    sections = list(sections)
    at_planned = planned_now.lock_nearest(sections, by=by, at=at, chosen=planned)
    unplanned = [section for section in sections if section.pk not in at_planned]
    try:
        check_may_open_unplanned(by, unplanned, at=at)
    except NotGiven as error:
        own = Meeting.objects.run_by(by, on=timezone.localdate(at))
        if own.filter(section__in=unplanned).open().exists():
            raise _OpenAlready from error
        raise
    new = Meeting.objects.bulk_create(
        Meeting(
            section=section,
            state=MeetingState.OPEN,
            starts_at=at,
            opened_at=at,
            date=timezone.localdate(at),
            group=group,
        )
        for section in unplanned
    )
    for meeting in at_planned.values():
        meeting.state, meeting.opened_at, meeting.group = MeetingState.OPEN, at, group
    Meeting.objects.bulk_update(at_planned.values(), ["state", "opened_at", "group"])
    by_section = at_planned | {meeting.section_id: meeting for meeting in new}
    meetings = [by_section[section.pk] for section in sections]
    sessions = QRSession.objects.bulk_create(
        QRSession(meeting=meeting, opened_by=by, created_at=at, join_policy=join_policy)
        for meeting in meetings
    )
    audit_log.record_all(sessions, action=Action.OPEN, by=by, at=at, detail=group.title if group else "")
    return sessions


def open_or_refuse(open_all: Callable[[], T], find_refusal: Callable[[], SessionOpen | None]) -> T:
    """Open sessions in one transaction. The database refuses it if a section has a session that has not ended.

    :param find_refusal: returns the refusal that names the open session, or ``None`` if there is none any more
    :raises SessionOpen: the refusal found
    """
    for _attempt in range(5):
        try:
            with transaction.atomic():
                return open_all()
        except (IntegrityError, _OpenAlready) as error:
            # The other session may have ended since: then try again.
            if refusal := find_refusal():
                raise refusal from error
    raise SessionOpen(session=None)


def take_step(
    *,
    session: QRSession,
    step: str,
    by: User,
    at: datetime.datetime,
    seen_at: datetime.datetime | None = None,
) -> QRSession:
    """Lock, unlock, start, end or reopen a session that is not part of a group.

    :param step: one of ``STEPS``
    :param seen_at: when the page was made on which the step was chosen
    :raises WrongState: if the step is not possible in the session's status
    :raises StepTaken: if it was taken after ``seen_at``
    :raises InGroup: if the session belongs to a group session
    :raises SessionOpen: on reopening, if the section has another session that has not ended
    :raises RegisterLocked: on reopening, if it was too long ago
    """
    with transaction.atomic():
        session = lock_single(session)
        refuse_if_taken([session], STEPS[step], since=seen_at)
        apply_step([session], STEPS[step], by=by, at=at)
    return session


def lock_single(session: QRSession) -> QRSession:
    """Lock a session until the transaction ends, then read it.

    :raises SessionGone: if it was discarded meanwhile
    :raises InGroup: if it belongs to a group session
    """
    advisory_locks.hold([session.meeting_id])
    locked = QRSession.objects.with_names().filter(pk=session.pk).first()
    if locked is None:
        raise SessionGone(session=session.public_id)
    if locked.meeting.group:
        raise InGroup(group=locked.meeting.group.public_id)
    return locked


def refuse_if_taken(sessions: Sequence[QRSession], step: Step, *, since: datetime.datetime | None) -> None:
    """
    :raises StepTaken: if the step was taken after ``since``. The caller holds the locks of the sessions
    """
    if since is None:
        return
    meetings = [session.meeting_id for session in sessions]
    events = SessionEvent.objects.filter(meeting__in=meetings, action=Action(step.name), done_at__gt=since)
    if events.exists():
        raise StepTaken(session=sessions[0].public_id, status=sessions[0].status)


def apply_step(sessions: Sequence[QRSession], step: Step, *, by: User | None, at: datetime.datetime) -> None:
    """Apply the step to all of the sessions or to none. The caller holds their locks.

    :param by: ``None`` if the sessions end by themselves
    :raises WrongState: if the step is not possible in the status of one of them, or its class was cancelled
    """
    for session in sessions:
        if session.status not in step.before or session.meeting.state == MeetingState.CANCELLED:
            raise WrongState(session=session.public_id, status=session.status)
    step.apply(sessions, at)
    for session in sessions:
        session.status = step.after
    QRSession.objects.bulk_update(sessions, ["status", "locked_at", "started_at"])
    audit_log.record_all(sessions, action=Action(step.name), by=by, at=at)
    meetings = [session.meeting for session in sessions]
    if SessionStatus.ENDED in (step.after, *step.before):
        seal(meetings, at=at)
    # The next read compares the live sets with the database and sets their new expiry.
    stats.forget_verified_on_commit(meetings)


def _session_open(running: Meeting | None) -> SessionOpen:
    return SessionOpen(session=running.public_id if running else None)
