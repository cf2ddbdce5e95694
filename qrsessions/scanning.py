"""Scanning: from a token, a typed code or a claim to the student's mark.

What the token, code or claim itself is refused for (token_invalid) is decided here; the rest in ``deciding``, for all that
arrive together.
"""

import datetime
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from attendance.metrics import CountedMark, mark_counted
from attendance.models import Method, Student, User
from attendance.ratelimit import Limit
from attendance.refusals import Refused
from attendance.together import finished
from qrsessions import claims, sources, tokens
from qrsessions.deciding import Scan, Scanned, check_active, decide, standing_mark
from qrsessions.limits import MARKS
from qrsessions.models import QRSession
from qrsessions.places import share_places
from qrsessions.sources import Source, is_in_group, source_of
from qrsessions.tokens import TokenExpired, TokenInvalid

logger = logging.getLogger("rollcall.marks")

# Eight digits hold against guessing only if few may be tried.
CODES = Limit("code", times=5, per_seconds=60)


class ScanKept(Refused):
    """``extra["claim"]`` marks with the moment of this arrival, as soon as the database is back."""

    code = "unavailable"
    status = 503
    detail = _("The database is away for a moment. Your scan is kept and counts from now.")
    headers = {"Retry-After": "2"}


async def mark_by_token(*, token: str, student: Student, at: datetime.datetime, device: str = "") -> Scanned:
    """Mark the student by a scanned token that arrives now.

    :param device: the phone that sent it (``devices.device_of``); empty where that is not known
    :raises Refused: one of the refusals above
    :raises ScanKept: if the database went away after the token was found to be good
    """
    with _refusals_logged(student), mark_counted(Method.QR) as counted:
        with _guesses_counted(student):
            source, step = await find_by_token(token, at=at)
        fresh = tokens.is_fresh(step=step, at=at)
        scan = Scan(source, student, at, Method.QR, is_fresh=fresh, device=device)
        try:
            return await _mark(scan, counted)
        except (OperationalError, InterfaceError) as error:
            if not fresh:
                raise
            claim = claims.issue(public_id=source.public_id, arrived_at=at, user_id=student.user_id)
            raise ScanKept(claim=claim) from error


async def mark_by_code(
    *, public_id: str, code: str, student: Student, at: datetime.datetime, device: str = ""
) -> Scanned:
    """Mark the student by the digits typed from the screen.

    :param public_id: the id of the student's session, or of the group session that it is run with
    :param device: as of ``mark_by_token``
    :raises Refused: one of the refusals above
    :raises TooOften: after five tries within a minute
    """
    with _refusals_logged(student, public_id), mark_counted(Method.CODE) as counted:
        CODES.allow(f"{student.pk}:{public_id.upper()}")
        fresh = True
        with _guesses_counted(student):
            source = _run_as(sources.read(public_id.upper()))
            if not source.code_enabled:
                raise TokenInvalid(
                    _("Your teacher has switched typed codes off. Scan the code on the screen.")
                )
            try:
                tokens.check_code(code, public_id=source.public_id, secret=source.secret, at=at)
            except TokenExpired:
                fresh = False
        scan = Scan(source, student, at, Method.CODE, is_fresh=fresh, device=device)
        return await _mark(scan, counted)


async def mark_by_claim(
    *, claim: str, user: User, student: Student, at: datetime.datetime, device: str = ""
) -> Scanned:
    """Mark the student by a claim, with the moment at which its token arrived.

    :param device: as of ``mark_by_token``
    :raises Refused: one of the refusals above
    """
    with _refusals_logged(student), mark_counted(Method.CLAIM) as counted:
        with _guesses_counted(student):
            read = claims.read(claim, user=user)
            source = _run_as(await sources.find(read.public_id))
        counted.method = method = Method.CLAIM if read.before_sign_in else Method.QR
        fresh = read.is_fresh(at=at)
        scan = Scan(
            source, student, read.arrived_at, method, fresh, is_claim=True, nonce=read.nonce, device=device
        )
        return await _mark(scan, counted)


def arrive(*, token: str, user: User, student: Student, at: datetime.datetime) -> str | None:
    """Look at a token whose address the student opened. Opening an address never marks.

    :returns: a claim that marks with this moment, or None where the token is expired and the student is marked
    :raises Refused: what a mark would be refused for, where the token is invalid or expired
    """
    with _refusals_logged(student):
        source, step = finished(find_by_token(token, at=at))
        if tokens.is_fresh(step=step, at=at):
            return claims.issue(public_id=source.public_id, arrived_at=at, user_id=user.pk)
        with transaction.atomic():
            own = share_places(source=source, student=student)[0]
        if standing_mark(own.entry.record):
            return None
        check_active(own.session, Scan(source, student, at, Method.QR))
        raise TokenExpired


def arrive_before_sign_in(*, token: str, at: datetime.datetime) -> str:
    """Look at a token whose address was opened by somebody who has not signed in.

    :returns: a claim for that browser
    :raises TokenInvalid: if it is none
    :raises TokenExpired: if it is not fresh
    """
    source, step = finished(find_by_token(token, at=at))
    if not tokens.is_fresh(step=step, at=at):
        raise TokenExpired
    return claims.issue(public_id=source.public_id, arrived_at=at, user_id=None)


async def find_by_token(token: str, *, at: datetime.datetime) -> tuple[Source, int]:
    """The session or group session whose token this is, and the step it was made for: fresh, or expired.

    :raises TokenInvalid: if it is none
    """
    parsed = tokens.parse(token)
    source = await sources.find(parsed.public_id)
    # A session that is run with its group gives no token of its own.
    if source is None or is_in_group(source):
        raise TokenInvalid
    return source, tokens.step_of(parsed, secret=source.secret, since=source.created_at, at=at)


def _run_as(source: Source | None) -> Source:
    """Whose code marks: the session, or the group session that it is run with.

    :raises TokenInvalid: if there is none
    """
    if source is None:
        raise TokenInvalid
    return source_of(source) if isinstance(source, QRSession) else source


async def _mark(scan: Scan, counted: CountedMark) -> Scanned:
    scanned = await decide(scan)
    counted.created = scanned.marked.created
    return scanned


@contextmanager
def _guesses_counted(student: Student) -> Iterator[None]:
    """A scan that is refused before it is decided with the others uses up the limit as well.

    :raises TooOften: instead of the refusal, where it is used up
    """
    try:
        yield
    except Refused:
        MARKS.allow(str(student.pk))
        raise


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
