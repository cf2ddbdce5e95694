"""Scanning: from a token, a typed code or a claim to the student's mark.

The refusals are decided in one order, so that a phone that repeats a request whose answer was lost hears the truth:
token_invalid, not_enrolled, already marked (no refusal), not_active, token_expired, not_joined.
"""

import datetime
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.marking import Marked
from attendance.metrics import CountedMark, mark_counted
from attendance.models import AttendanceRecord, Method, Student, User
from attendance.models.public_ids import names_a_group
from attendance.ratelimit import Limit
from attendance.refusals import Refused
from attendance.stats import Stats, meeting_stats
from attendance.together import Together
from qrsessions import claims, tokens
from qrsessions.models import GroupSession, JoinPolicy, QRSession, RefusedScan, SessionStatus
from qrsessions.places import (
    Place,
    PlacedMark,
    Source,
    mark_places,
    share_all_places,
    share_places,
    source_of,
)
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


class ScanKept(Refused):
    """``extra["claim"]`` marks with the moment of this arrival, as soon as the database is back."""

    code = "unavailable"
    status = 503
    detail = _("The database is away for a moment. Your scan is kept and counts from now.")
    headers = {"Retry-After": "2"}


@dataclass(frozen=True)
class Scanned:
    """The student's own session, the mark that stands there, and the counts after it."""

    session: QRSession
    marked: Marked
    stats: Stats


@dataclass(frozen=True)
class _Scan:
    """What arrived of whom: a good token or code of a session or group session, when, and whether it was fresh then."""

    source: Source
    student: Student
    arrived_at: datetime.datetime
    method: Method
    is_fresh: bool = True
    is_claim: bool = False
    nonce: str | None = None
    device: str = ""


# Where the student counts, and the mark that stands there.
_Mark = tuple[QRSession, Marked]


def mark_by_token(*, token: str, student: Student, at: datetime.datetime, device: str = "") -> Scanned:
    """Mark the student by a scanned token that arrives now.

    :param device: the phone that sent it (``devices.device_of``); empty where that is not known
    :raises Refused: one of the refusals above
    :raises ScanKept: if the database went away after the token was found to be good
    """
    with _refusals_logged(student), mark_counted(Method.QR) as counted:
        source, step = find_by_token(token, at=at)
        fresh = tokens.is_fresh(step=step, at=at)
        scan = _Scan(source, student, at, Method.QR, is_fresh=fresh, device=device)
        try:
            return _mark(scan, counted)
        except (OperationalError, InterfaceError) as error:
            if not fresh:
                raise
            claim = claims.issue(public_id=source.public_id, arrived_at=at, user_id=student.user_id)
            raise ScanKept(claim=claim) from error


def mark_by_code(
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
        source = _find_source(public_id.upper())
        if not source.code_enabled:
            raise TokenInvalid(_("Your teacher has switched typed codes off. Scan the code on the screen."))
        fresh = True
        try:
            tokens.check_code(code, public_id=source.public_id, secret=source.secret, at=at)
        except TokenExpired:
            fresh = False
        scan = _Scan(source, student, at, Method.CODE, is_fresh=fresh, device=device)
        return _mark(scan, counted)


def mark_by_claim(
    *, claim: str, user: User, student: Student, at: datetime.datetime, device: str = ""
) -> Scanned:
    """Mark the student by a claim, with the moment at which its token arrived.

    :param device: as of ``mark_by_token``
    :raises Refused: one of the refusals above
    """
    with _refusals_logged(student), mark_counted(Method.CLAIM) as counted:
        read = claims.read(claim, user=user)
        counted.method = method = Method.CLAIM if read.before_sign_in else Method.QR
        source = _find_source(read.public_id)
        fresh = read.is_fresh(at=at)
        scan = _Scan(
            source, student, read.arrived_at, method, fresh, is_claim=True, nonce=read.nonce, device=device
        )
        return _mark(scan, counted)


def arrive(*, token: str, user: User, student: Student, at: datetime.datetime) -> str | None:
    """Look at a token whose address the student opened. Opening an address never marks.

    :returns: a claim that marks with this moment, or None where the token is expired and the student is marked
    :raises Refused: what a mark would be refused for, where the token is invalid or expired
    """
    with _refusals_logged(student):
        source, step = find_by_token(token, at=at)
        if tokens.is_fresh(step=step, at=at):
            return claims.issue(public_id=source.public_id, arrived_at=at, user_id=user.pk)
        with transaction.atomic():
            own = share_places(source=source, student=student)[0]
        if _standing_mark(own.entry.record):
            return None
        _check_active(own.session, _Scan(source, student, at, Method.QR))
        raise TokenExpired


def arrive_before_sign_in(*, token: str, at: datetime.datetime) -> str:
    """Look at a token whose address was opened by somebody who has not signed in.

    :returns: a claim for that browser
    :raises TokenInvalid: if it is none
    :raises TokenExpired: if it is not fresh
    """
    source, step = find_by_token(token, at=at)
    if not tokens.is_fresh(step=step, at=at):
        raise TokenExpired
    return claims.issue(public_id=source.public_id, arrived_at=at, user_id=None)


def find_by_token(token: str, *, at: datetime.datetime) -> tuple[QRSession | GroupSession, int]:
    """The session or group session whose token this is, and the step it was made for: fresh, or expired.

    :raises TokenInvalid: if it is none
    """
    parsed = tokens.parse(token)
    source = _known_sources.get(parsed.public_id)
    if source is None:
        source = _find_source(parsed.public_id)
    if source.public_id != parsed.public_id:
        # A session that is run with its group gives no token of its own.
        raise TokenInvalid
    _known_sources.keep(parsed.public_id, source)
    return source, tokens.step_of(parsed, secret=source.secret, since=source.created_at, at=at)


class _KnownSources:
    """The sources whose tokens came here lately. Their ids, secrets and beginnings never change, a session that is not
    run with a group never will be, and all else is read anew under the lock."""

    most = 500

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def get(self, public_id: str) -> Source | None:
        return self._sources.get(public_id)

    def keep(self, public_id: str, source: Source) -> None:
        if len(self._sources) >= self.most:
            self._sources.clear()
        self._sources[public_id] = source


_known_sources = _KnownSources()


def _find_source(public_id: str) -> QRSession | GroupSession:
    """Whose code marks: the session with this id, or the group session that it is or belongs to."""
    source: QRSession | GroupSession | None
    if names_a_group(public_id):
        source = GroupSession.objects.with_names().filter(group__public_id=public_id).first()
    else:
        session = QRSession.objects.with_names().filter(meeting__public_id=public_id).first()
        source = source_of(session) if session else None
    if source is None:
        raise TokenInvalid
    return source


def _mark(scan: _Scan, counted: CountedMark) -> Scanned:
    scanned = _scans.do(scan)
    counted.created = scanned.marked.created
    return scanned


def _decide_all(scans: Sequence[_Scan]) -> list[Scanned | Exception]:
    """What comes of each of the scans, which are of different students: in one transaction, or else each in its own."""
    try:
        outcomes = _decide_together(scans)
    except IntegrityError:
        if len(scans) == 1:
            # The only rule left to break is the nonce's: the claim has marked somebody else.
            return [TokenInvalid()]
        return [_decide_all([scan])[0] for scan in scans]
    sessions = {session.pk: session for session, _marked in _accepted(outcomes)}
    stats = meeting_stats([session.meeting for session in sessions.values()], at=timezone.now())
    return [one if isinstance(one, Refused) else Scanned(*one, stats[one[0].pk]) for one in outcomes]


def _accepted(outcomes: Sequence[_Mark | Refused]) -> Iterator[_Mark]:
    return (one for one in outcomes if not isinstance(one, Refused))


def _decide_together(scans: Sequence[_Scan]) -> list[_Mark | Refused]:
    outcomes: dict[int, _Mark | Refused] = {}
    marks: dict[int, PlacedMark] = {}
    refused: list[RefusedScan] = []
    with transaction.atomic():
        placed = share_all_places([(scan.source, scan.student) for scan in scans])
        for number, (scan, places) in enumerate(zip(scans, placed, strict=True)):
            try:
                decided = _decide(scan, places)
            except Refused as refusal:
                outcomes[number] = refusal
                if isinstance(refusal, NotJoined):
                    # Kept in this transaction, refused after it.
                    refused.append(_refused_scan(scan, places))
            else:
                if isinstance(decided, PlacedMark):
                    marks[number] = decided
                else:
                    outcomes[number] = decided
        for number, marked in zip(marks, mark_places(list(marks.values())), strict=True):
            outcomes[number] = marks[number].places[0].session, marked
        RefusedScan.objects.bulk_create(refused, ignore_conflicts=True)
    return [outcomes[number] for number in range(len(scans))]


def _decide(scan: _Scan, places: list[Place] | Refused) -> _Mark | PlacedMark:
    """The mark that stands, or the one to be made.

    :raises Refused: one of the refusals above
    """
    if isinstance(places, Refused):
        raise places
    own = places[0]
    if standing := _standing_mark(own.entry.record):
        return own.session, standing
    _check_active(own.session, scan)
    if not scan.is_fresh:
        raise TokenExpired
    joins = own.session.join_policy == JoinPolicy.OPEN
    if not joins and not any(place.joined_at for place in places):
        raise NotJoined(session=own.session.public_id)
    return PlacedMark(
        places,
        scan.student,
        at=scan.arrived_at,
        method=scan.method,
        joins=joins,
        claim_nonce=scan.nonce,
        device=scan.device,
    )


def _refused_scan(scan: _Scan, places: list[Place] | Refused) -> RefusedScan:
    assert not isinstance(places, Refused)  # noqa: S101 - who has no place has not been asked whether joined
    return RefusedScan(
        session=places[0].session,
        student=scan.student,
        scanned_at=scan.arrived_at,
        method=scan.method,
        device=scan.device,
    )


# The phones of a hall press at once: what arrives while a transaction runs goes into the next one, together.
_scans: Together[_Scan, Scanned] = Together(_decide_all, key=lambda scan: scan.student.pk)


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
