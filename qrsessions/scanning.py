"""Scanning: from a token, a typed code or a claim to the student's mark.

The refusals are decided in one order, so that a phone that repeats a request whose answer was lost hears the truth:
token_invalid, not_enrolled, already marked (no refusal), not_active, token_expired, not_joined.
"""

import datetime
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from attendance import locks, marking
from attendance.marking import Marked
from attendance.models import AttendanceRecord, Method, RosterEntry, Student, User
from attendance.ratelimit import Limit
from attendance.refusals import Refused
from qrsessions import claims, tokens
from qrsessions.models import JoinPolicy, QRSession, RefusedScan, SessionStatus
from qrsessions.tokens import TokenExpired, TokenInvalid

logger = logging.getLogger("rollcall.marks")

# Eight digits hold against guessing only if few may be tried.
CODES = Limit("code", times=5, per_seconds=60)


class NotActive(Refused):
    code = "not_active"
    detail = _("Attendance is not being taken now.")


class NotJoined(Refused):
    code = "not_joined"
    detail = _("You had not joined before joining was locked. Your teacher sees your scan and can admit you.")


@dataclass(frozen=True)
class Scanned:
    """The student's own session, and the mark that stands there."""

    session: QRSession
    marked: Marked


@dataclass(frozen=True)
class _Scan:
    """What arrived: a good token or code of a session, when, and whether it was fresh then."""

    session: QRSession
    arrived_at: datetime.datetime
    method: Method
    is_fresh: bool = True
    is_claim: bool = False
    nonce: str | None = None


def mark_by_token(*, token: str, student: Student, at: datetime.datetime) -> Scanned:
    """Mark the student by a scanned token that arrives now.

    :raises Refused: one of the refusals above
    """
    with _refusals_logged(student):
        session, step = find_by_token(token, at=at)
        fresh = tokens.is_fresh(step=step, at=at)
        return _mark(_Scan(session, arrived_at=at, method=Method.QR, is_fresh=fresh), student)


def mark_by_code(*, public_id: str, code: str, student: Student, at: datetime.datetime) -> Scanned:
    """Mark the student by the digits typed from the screen of a session.

    :raises Refused: one of the refusals above
    :raises TooOften: after five tries within a minute
    """
    with _refusals_logged(student, public_id):
        CODES.allow(f"{student.pk}:{public_id.upper()}")
        session = _find_session(public_id.upper())
        if not session.code_enabled:
            raise TokenInvalid(_("Your teacher has switched typed codes off. Scan the code on the screen."))
        fresh = True
        try:
            tokens.check_code(code, public_id=session.public_id, secret=session.secret, at=at)
        except TokenExpired:
            fresh = False
        return _mark(_Scan(session, arrived_at=at, method=Method.CODE, is_fresh=fresh), student)


def mark_by_claim(*, claim: str, user: User, student: Student, at: datetime.datetime) -> Scanned:
    """Mark the student by a claim, with the moment at which its token arrived.

    :raises Refused: one of the refusals above
    """
    with _refusals_logged(student):
        read = claims.read(claim, user=user)
        session = _find_session(read.public_id)
        method = Method.CLAIM if read.before_sign_in else Method.QR
        fresh = read.is_fresh(at=at)
        return _mark(_Scan(session, read.arrived_at, method, fresh, is_claim=True, nonce=read.nonce), student)


def arrive(*, token: str, user: User, student: Student, at: datetime.datetime) -> str | None:
    """Look at a token whose address the student opened. Opening an address never marks.

    :returns: a claim that marks with this moment, or None where the token is expired and the student is marked
    :raises Refused: what a mark would be refused for, where the token is invalid or expired
    """
    with _refusals_logged(student):
        session, step = find_by_token(token, at=at)
        if tokens.is_fresh(step=step, at=at):
            return claims.issue(public_id=session.public_id, arrived_at=at, user=user)
        entry = marking.find_on_roster(meeting=session.meeting, student=student)
        if _standing_mark(entry.record):
            return None
        _check_active(session, _Scan(session, arrived_at=at, method=Method.QR))
        raise TokenExpired


def arrive_before_sign_in(*, token: str, at: datetime.datetime) -> str:
    """Look at a token whose address was opened by somebody who has not signed in.

    :returns: a claim for that browser
    :raises TokenInvalid: if it is none
    :raises TokenExpired: if it is not fresh
    """
    session, step = find_by_token(token, at=at)
    if not tokens.is_fresh(step=step, at=at):
        raise TokenExpired
    return claims.issue(public_id=session.public_id, arrived_at=at, user=None)


def find_by_token(token: str, *, at: datetime.datetime) -> tuple[QRSession, int]:
    """The session whose token this is, and the step it was made for: fresh, or expired.

    :raises TokenInvalid: if it is none
    """
    parsed = tokens.parse(token)
    session = _find_session(parsed.public_id)
    return session, tokens.step_of(parsed, secret=session.secret, since=session.created_at, at=at)


def _find_session(public_id: str) -> QRSession:
    session = QRSession.objects.with_names().filter(meeting__public_id=public_id).first()
    if session is None:
        raise TokenInvalid
    return session


def _mark(scan: _Scan, student: Student) -> Scanned:
    try:
        with transaction.atomic():
            locks.share([scan.session.meeting_id])
            session = QRSession.objects.with_names().get(pk=scan.session.pk)
            entry = marking.find_on_roster(meeting=session.meeting, student=student)
            if standing := _standing_mark(entry.record):
                return Scanned(session, standing)
            _check_active(session, scan)
            if not scan.is_fresh:
                raise TokenExpired
            joins = session.join_policy == JoinPolicy.OPEN
            if joins or (entry.record and entry.record.joined_at):
                marked = marking.mark_present(
                    entry=entry,
                    meeting=session.meeting,
                    student=student,
                    at=scan.arrived_at,
                    method=scan.method,
                    joins=joins,
                    replaces_end=scan.is_claim,
                    claim_nonce=scan.nonce,
                )
                return Scanned(session, marked)
            # Kept in this transaction, refused after it.
            RefusedScan.objects.get_or_create(
                session=session,
                student=student,
                defaults={"scanned_at": scan.arrived_at, "method": scan.method},
            )
    except IntegrityError as error:
        # The only rule left to break is the nonce's: the claim has marked somebody else.
        raise TokenInvalid from error
    raise NotJoined(session=session.public_id)


def _standing_mark(record: AttendanceRecord | None) -> Marked | None:
    """The mark that a scan leaves as it is; the absence that the end recorded is none."""
    if record is None or record.status is None or record.marked_at is None or record.method == Method.END:
        return None
    return Marked(status=record.status, marked_at=record.marked_at, created=False)  # type: ignore[arg-type]


def _check_active(session: QRSession, scan: _Scan) -> None:
    """A scan needs an active session; a claim, one that was active when its token arrived."""
    active = session.status == SessionStatus.ACTIVE
    if scan.is_claim and session.status == SessionStatus.ENDED and session.started_at and session.ended_at:
        active = session.started_at <= scan.arrived_at <= session.ended_at
    if not active:
        raise NotActive(session=session.public_id, status=session.status)


@contextmanager
def _refusals_logged(student: Student, session: str = "") -> Iterator[None]:
    """One line for every refused mark: why, who, and where; never the token."""
    try:
        yield
    except Refused as refusal:
        where = refusal.extra.get("session") or session
        logger.info(
            "mark_refused", extra={"reason": refusal.code, "student": student.student_id, "session": where}
        )
        raise


# --- Scans that were refused for want of a join -----------------------------------------------------------


def waiting_scans(session: QRSession) -> list[RefusedScan]:
    """The refused scans that the teacher may still admit, the earliest first."""
    marked = RosterEntry.objects.filter(meeting=session.meeting_id).exclude(record__status=None)
    marked = marked.exclude(record__method=Method.END)
    return list(
        session.refused_scans.select_related("student").exclude(student__in=marked.values("student_id"))
    )


def admit(*, session: QRSession, student_ids: list[str] | None, by: User, at: datetime.datetime) -> int:
    """Join and mark the students whose scans were refused, with the moment of each scan; kept as the teacher's change.

    :param student_ids: whom to admit, or ``None`` for all
    :returns: how many were marked
    """
    with transaction.atomic():
        locks.share([session.meeting_id])
        session = QRSession.objects.with_names().get(pk=session.pk)
        admitted = 0
        for scan in waiting_scans(session):
            if student_ids is None or scan.student.student_id in student_ids:
                entry = marking.find_on_roster(meeting=session.meeting, student=scan.student)
                marked = marking.mark_present(
                    entry=entry,
                    meeting=session.meeting,
                    student=scan.student,
                    at=scan.scanned_at,
                    method=Method(scan.method),
                    joins=True,
                    replaces_end=True,
                    admitted_by=(by, at),
                )
                admitted += marked.created
                scan.delete()
    return admitted
