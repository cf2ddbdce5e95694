"""The life of a session: created ⇄ locked → active → ended, and back from ended to active by reopening.

Every step holds the lock of its meetings alone and reads their status after it has it, so that no join or mark is in
flight while it happens. A wrong step is refused and changes nothing.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance import locks, marking, stamps, stats
from attendance.models import Meeting, Section, User
from attendance.refusals import Refused
from qrsessions import events
from qrsessions.models import Action, JoinPolicy, QRSession, SessionStatus

T = TypeVar("T")


class WrongState(Refused):
    code = "wrong_state"
    detail = _("This step is not possible in the session's present state. Reload to see it.")


class SessionOpen(Refused):
    """``extra["session"]`` is the id of the session that runs."""

    code = "session_open"
    detail = _("The section has a session that has not ended. Go on with that one, or end it first.")


class InGroup(Refused):
    """``extra["group"]`` is the id of the group session."""

    code = "in_group"
    detail = _("This session is run with its group. Use the buttons of the group.")


@dataclass(frozen=True)
class Step:
    """One button: from which states it leads to which, and what it writes beside the status."""

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
    meetings = [session.meeting for session in sessions]
    for meeting in meetings:
        meeting.ended_at = max(at, meeting.starts_at)
    Meeting.objects.bulk_update(meetings, ["ended_at"])
    marking.record_absentees(meetings=meetings, at=at)


def _reopen(sessions: Sequence[QRSession], at: datetime.datetime) -> None:
    meetings = [session.meeting for session in sessions]
    locks.hold_sections(meeting.section_id for meeting in meetings)
    for meeting in meetings:
        meeting.ended_at = None
    try:
        with transaction.atomic():
            Meeting.objects.bulk_update(meetings, ["ended_at"])
    except IntegrityError as error:
        sections = [meeting.section_id for meeting in meetings]
        raise _session_open(Meeting.objects.filter(section__in=sections).open().first()) from error
    marking.clear_absentees(meetings=meetings)
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


def possible_steps(status: SessionStatus | str) -> list[str]:
    """The names of the steps that are possible from a state, the usual next one first."""
    usual = {"created": ["lock"], "locked": ["start"], "active": ["end"], "ended": ["reopen"]}[str(status)]
    return usual + [step.name for step in STEPS.values() if status in step.before and step.name not in usual]


def open_session(
    *, section: Section, by: User, at: datetime.datetime, join_policy: JoinPolicy = JoinPolicy.STRICT
) -> QRSession:
    """Open a session for a section: joining begins.

    :raises SessionOpen: if one of the section has not ended; it is left as it is
    """

    def open_one() -> QRSession:
        meeting = Meeting.objects.create(section=section, starts_at=at, date=timezone.localdate(at))
        stamps.renew_on_commit([stamps.of_section(section.pk)])
        session = QRSession.objects.create(
            meeting=meeting, opened_by=by, created_at=at, join_policy=join_policy
        )
        events.record(session=session, action=Action.OPEN, by=by, at=at)
        return session

    def what_runs() -> SessionOpen | None:
        running = Meeting.objects.filter(section=section).open().first()
        return _session_open(running) if running else None

    return open_or_refuse(open_one, what_runs)


def open_or_refuse(open_all: Callable[[], T], what_runs: Callable[[], SessionOpen | None]) -> T:
    """Open sessions in a transaction that the database refuses where one of a section has not ended.

    :param what_runs: the refusal that names what runs, or ``None`` where nothing does
    :raises SessionOpen: as ``what_runs`` says
    """
    for _attempt in range(5):
        try:
            with transaction.atomic():
                return open_all()
        except IntegrityError as error:
            # What stood in the way may have ended before it could be named: then the way is free.
            if refusal := what_runs():
                raise refusal from error
    raise SessionOpen(session=None)


def take_step(*, session: QRSession, step: str, by: User, at: datetime.datetime) -> QRSession:
    """Take a step of a single session's life.

    :param step: one of ``STEPS``
    :raises WrongState: if the session is in none of the states that the step leads from
    :raises InGroup: if the session belongs to a group session
    :raises SessionOpen: on reopening, if the section has another session that has not ended
    """
    with transaction.atomic():
        locks.hold([session.meeting_id])
        session = QRSession.objects.with_names().get(pk=session.pk)
        if session.meeting.group:
            raise InGroup(group=session.meeting.group.public_id)
        apply_step([session], STEPS[step], by=by, at=at)
    return session


def apply_step(sessions: Sequence[QRSession], step: Step, *, by: User | None, at: datetime.datetime) -> None:
    """Apply the step to all of the sessions, whose locks the caller's transaction holds, or to none.

    :param by: ``None`` where the sessions do it by themselves
    :raises WrongState: if one of them is in none of the states that the step leads from
    """
    for session in sessions:
        if session.status not in step.before:
            raise WrongState(session=session.public_id, status=session.status)
    step.apply(sessions, at)
    for session in sessions:
        session.status = step.after
    QRSession.objects.bulk_update(sessions, ["status", "locked_at", "started_at"])
    events.record_all(sessions, action=Action(step.name), by=by, at=at)
    meetings = [session.meeting for session in sessions]
    # The sets get their new length of life, and an end or a reopening is compared with the database at once.
    transaction.on_commit(lambda: stats.forget_verified(meetings), robust=True)
    stamps.renew_on_commit(stamps.of_section(meeting.section_id) for meeting in meetings)


def _session_open(running: Meeting | None) -> SessionOpen:
    return SessionOpen(session=running.public_id if running else None)
