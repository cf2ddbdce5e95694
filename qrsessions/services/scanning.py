"""Scanning: from a token, a typed code or a claim to the student's mark.

Scans that arrive together are decided in one batch and one transaction. The refusals come in this order, so that a phone
that repeats a request whose answer was lost hears the truth: token_invalid (malformed or of no session), not_enrolled,
already marked (no refusal), not_active, token_invalid (wrong, or a claim that was used), token_expired, not_joined.
"""

import datetime
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.lib.batching import Batcher
from attendance.lib.rate_limits import Limit
from attendance.lib.refusals import Refused
from attendance.metrics import mark_counted
from attendance.models import SCAN_METHODS, AttendanceRecord, Method, RecordChange, Status, Student, User
from attendance.records.scans import Marked
from attendance.stats import Stats
from qrsessions.codes import claims, tokens
from qrsessions.models import JoinPolicy, QRSession, RefusedScan, SessionOrGroup, SessionStatus
from qrsessions.queries import lookup
from qrsessions.queries.groups import any_session_of
from qrsessions.queries.student_places import (
    Place,
    lock_places,
    lock_places_of_all,
    not_enrolled,
    not_enrolled_then,
    sessions_to_be_added_to,
)
from qrsessions.refusals import NotActive, NotJoined, ProgramsRefused, ScanUsed, TokenExpired, TokenInvalid
from qrsessions.services import used_nonces
from qrsessions.services.batches import Decided, decide_batch
from qrsessions.services.marking import MarkAtPlaces, count_again, seal_marks, write_marks_at_places

logger = logging.getLogger("rollcall.marks")

# A phone that retries is let through; a script that guesses is not.
MARKS = Limit("mark", times=60, per_seconds=60)
# Eight digits resist guessing only if few may be tried.
CODES = Limit("code", times=5, per_seconds=60)
# Opening the address of a token, counted before the token is looked at.
ARRIVALS = Limit("scan-address", times=60, per_seconds=60)
# The same before sign-in, by address. 600 students in a hall behind one address scan within a minute, some repeatedly.
ARRIVALS_BEFORE_SIGN_IN = Limit("scan-before-sign-in", times=3000, per_seconds=60)


@dataclass(frozen=True)
class Scanned:
    """The student's own session (also in a group), the mark that counts there, and the live counts after it."""

    session: QRSession
    marked: Marked
    stats: Stats


@dataclass(frozen=True)
class Scan:
    """A student's scan that arrived.

    :param is_fresh: tells for the session or group session whether the code was fresh when it arrived;
        raises TokenInvalid if the code is wrong
    :param device: hash of the phone's device cookie; empty if unknown
    :param by_program: a program sent it with an API token
    """

    public_id: str
    is_fresh: Callable[[SessionOrGroup], bool]
    student: Student
    arrived_at: datetime.datetime
    method: Method
    nonce: str | None = None
    device: str = ""
    by_program: bool = False

    @property
    def is_claim(self) -> bool:
        return self.nonce is not None


def mark_by_token(
    *, token: str, student: Student, at: datetime.datetime, device: str = "", by_program: bool = False
) -> Scanned:
    """Mark the student by a scanned token that arrives now.

    :param device: hash of the phone's device cookie; empty if unknown
    :param by_program: a program sent it with an API token
    :raises Refused: one of the refusals above
    :raises TooOften: if the student has tried too often
    """
    with _refusals_logged(student):
        with _guesses_limited(student):
            parsed = tokens.parse(token)
        return _mark(
            Scan(
                parsed.public_id,
                _token_check(parsed, at),
                student,
                at,
                Method.QR,
                device=device,
                by_program=by_program,
            )
        )


def mark_by_code(
    *,
    public_id: str,
    code: str,
    student: Student,
    at: datetime.datetime,
    device: str = "",
    by_program: bool = False,
) -> Scanned:
    """Mark the student by the digits typed from the screen.

    :param public_id: the id of the student's session, or of the group session that it is run with
    :raises Refused: one of the refusals above
    :raises TooOften: after five tries within a minute
    """
    with _refusals_logged(student, public_id):
        # The id of the group, whichever of its sessions is named: they all have one code.
        found = lookup.find(public_id.upper())
        CODES.allow(f"{student.pk}:{found.run_as.public_id if found else ''}")
        return _mark(
            Scan(
                public_id.upper(),
                _code_check(code, at),
                student,
                at,
                Method.CODE,
                device=device,
                by_program=by_program,
            )
        )


def mark_by_claim(
    *,
    claim: str,
    user: User,
    student: Student,
    at: datetime.datetime,
    device: str = "",
    credential: str = "",
    by_program: bool = False,
) -> Scanned:
    """Mark the student by a claim, with the moment at which its token arrived.

    :param credential: the session cookie or ``Authorization`` header of the request
    :raises Refused: one of the refusals above
    :raises TooOften: if the student has tried too often
    """
    with _refusals_logged(student):
        with _guesses_limited(student):
            read = claims.read(claim, user=user, device=device, credential=credential)
        scanned = _mark(
            Scan(
                read.public_id,
                _claim_check(read, at),
                student,
                read.arrived_at,
                Method.CLAIM if read.before_sign_in else Method.QR,
                read.nonce,
                device,
                by_program,
            )
        )
        if read.before_sign_in:
            claims.let_go(read, device=device)
        return scanned


def keep(*, token: str, credential: str, at: datetime.datetime) -> str:
    """A claim for a token that can't be checked now because the database is away. It is checked when it marks.

    :raises TokenInvalid: if the token is malformed
    """
    parsed = tokens.parse(token)
    return claims.issue(
        public_id=parsed.public_id,
        arrived_at=at,
        held_by=claims.held_by_credential(credential),
        mac=parsed.mac,
    )


def arrive(*, token: str, user: User, student: Student, at: datetime.datetime) -> str | None:
    """Check a token whose address the student opened. Opening an address never marks.

    :returns: a claim that marks with this moment; None if the token has expired and the student is marked already
    :raises Refused: what a mark would be refused for, if the token is invalid or expired
    """
    with _refusals_logged(student):
        parsed = tokens.parse(token)
        ARRIVALS.allow(str(student.pk))
        session_or_group = _run_as(parsed)
        if not _is_shown(parsed, session_or_group, at):
            with transaction.atomic():
                own = lock_places(session_or_group=session_or_group, student=student)[0]
            if mark_of(own.entry.record):
                return None
            _check_active(own.session)
            if not _token_check(parsed, at)(session_or_group):
                raise TokenExpired
        holder = claims.held_by_user(user)
        return claims.issue(public_id=session_or_group.public_id, arrived_at=at, held_by=holder)


def arrive_before_sign_in(*, token: str, device: str, address: str, at: datetime.datetime) -> str | None:
    """Check a token whose address was opened by somebody who is not signed in.

    :param device: hash of the browser's device cookie
    :param address: the client's IP address
    :returns: a claim for that browser; None if it already holds as many as it may
    :raises Refused: token_invalid, not_active or token_expired
    :raises TooOften: if there were too many attempts from the address
    """
    parsed = tokens.parse(token)
    ARRIVALS_BEFORE_SIGN_IN.allow(address)
    session_or_group = _run_as(parsed)
    _check_active(any_session_of(session_or_group), at)
    if not _token_check(parsed, at)(session_or_group):
        raise TokenExpired
    return claims.issue_before_sign_in(public_id=session_or_group.public_id, arrived_at=at, device=device)


def _run_as(token: tokens.ParsedToken) -> SessionOrGroup:
    """The session or group session that the token names.

    :raises TokenInvalid: if there is none
    """
    found = lookup.find(token.public_id)
    if found is None:
        raise TokenInvalid
    return found.run_as


def _is_shown(token: tokens.ParsedToken, session_or_group: SessionOrGroup, at: datetime.datetime) -> bool:
    """Whether the screen showed the token a moment ago: true for nearly all, at the cost of at most two HMACs."""
    return (
        session_or_group.public_id == token.public_id
        and _is_active(any_session_of(session_or_group), at)
        and tokens.is_shown(token, secret=session_or_group.secret, at=at)
    )


def _token_check(token: tokens.ParsedToken, at: datetime.datetime) -> Callable[[SessionOrGroup], bool]:
    def is_fresh(session_or_group: SessionOrGroup) -> bool:
        # A session that is run with a group shows no token of its own.
        if session_or_group.public_id != token.public_id:
            raise TokenInvalid
        step = tokens.step_of(token, secret=session_or_group.secret, since=session_or_group.created_at, at=at)
        return tokens.is_fresh(step=step, at=at)

    return is_fresh


def _code_check(code: str, at: datetime.datetime) -> Callable[[SessionOrGroup], bool]:
    def is_fresh(session_or_group: SessionOrGroup) -> bool:
        if not session_or_group.code_enabled:
            raise TokenInvalid(_("Your teacher has turned off typed codes. Scan the code on the screen."))
        try:
            tokens.check_code(
                code, public_id=session_or_group.public_id, secret=session_or_group.secret, at=at
            )
        except TokenExpired:
            return False
        return True

    return is_fresh


def _claim_check(claim: claims.Claim, at: datetime.datetime) -> Callable[[SessionOrGroup], bool]:
    def is_fresh(session_or_group: SessionOrGroup) -> bool:
        if claim.mac:
            token = tokens.ParsedToken(claim.public_id, claim.mac)
            if not _token_check(token, claim.arrived_at)(session_or_group):
                return False
        return claim.is_fresh(at=at)

    return is_fresh


def _mark(scan: Scan) -> Scanned:
    if scan.by_program and not settings.MARKS_BY_PROGRAMS:
        raise ProgramsRefused
    with mark_counted(scan.method) as counted:
        scanned = _batches.run(scan)
        counted.created = scanned.marked.created
        return scanned


def _mark_batch(scans: Sequence[Scan]) -> list[Scanned | Exception]:
    outcomes = decide_batch(scans, limit=MARKS, decide=_decide_together)
    return [one if isinstance(one, Exception) else Scanned(*one) for one in outcomes]


_batches: Batcher[Scan, Scanned] = Batcher(_mark_batch, key=lambda scan: scan.student.pk)


def _decide_together(scans: Sequence[Scan]) -> list[Decided[Marked] | Refused]:
    found = lookup.find_all({scan.public_id for scan in scans})
    by_id = {public_id: session_or_group.run_as for public_id, session_or_group in found.items()}
    known = [scan for scan in scans if scan.public_id in by_id]
    locked = lock_places_of_all([(by_id[scan.public_id], scan.student) for scan in known])
    places = dict(zip((scan.student.pk for scan in known), locked, strict=True))
    replaced_at = _scans_replaced_at([places[scan.student.pk] for scan in known if scan.is_claim])

    decided: list[MarkAtPlaces | Decided[Marked] | Refused] = []
    for scan in scans:
        try:
            decided.append(
                _decide(scan, by_id.get(scan.public_id), places.get(scan.student.pk, []), replaced_at)
            )
        except Refused as refusal:
            decided.append(refusal)
    repeated = _use_up_claims(scans, decided)
    refused = _not_enrolled_then([scan for scan in known if not places[scan.student.pk]], by_id)
    marked_before: list[tuple[Place, Student]] = []
    for index, (scan, one) in enumerate(zip(scans, decided, strict=True)):
        if isinstance(one, NotJoined) and scan not in repeated:
            refused[scan] = places[scan.student.pk][0].session
        elif scan in refused:
            decided[index] = not_enrolled_then(refused[scan])
        elif isinstance(one, MarkAtPlaces) and scan in repeated:
            decided[index] = _mark_meanwhile(one) or ScanUsed()
        elif not isinstance(one, MarkAtPlaces | Refused):
            marked_before.append((places[scan.student.pk][0], scan.student))

    # The teacher sees these and may admit them.
    RefusedScan.objects.bulk_create(
        [_refused_scan(scan, session) for scan, session in refused.items()], ignore_conflicts=True
    )
    count_again(marked_before)
    marks = [one for one in decided if isinstance(one, MarkAtPlaces)]
    written = iter(write_marks_at_places(marks))
    # A claim may mark after the end.
    seal_marks(marks, at=timezone.now())
    return [
        (one.places[0].session, next(written)) if isinstance(one, MarkAtPlaces) else one for one in decided
    ]


def _not_enrolled_then(scans: Sequence[Scan], by_id: Mapping[str, SessionOrGroup]) -> dict[Scan, QRSession]:
    """Those of the scans, by students on no roster, that a teacher may admit, with the session where the student may be added."""
    sessions = sessions_to_be_added_to([(by_id[scan.public_id], scan.student) for scan in scans])
    found = {}
    for scan in scans:
        session = sessions.get(scan.student.pk)
        if session and _is_active(session, scan.arrived_at if scan.is_claim else None):
            with suppress(Refused):
                if scan.is_fresh(by_id[scan.public_id]):
                    found[scan] = session
    return found


def _use_up_claims(
    scans: Sequence[Scan], decided: Sequence[MarkAtPlaces | Decided[Marked] | Refused]
) -> list[Scan]:
    """Use up the claims that mark, or whose scan waits for the teacher. Returns those that were used before."""
    using = [
        scan
        for scan, one in zip(scans, decided, strict=True)
        if scan.nonce and isinstance(one, MarkAtPlaces | NotJoined)
    ]
    unused = used_nonces.use({scan.nonce: scan.arrived_at for scan in using if scan.nonce})
    repeated = []
    for scan in using:
        if scan.nonce in unused:
            # Of two students who send one claim together, the first gets the mark.
            unused.discard(scan.nonce)
        else:
            repeated.append(scan)
    return repeated


def _scans_replaced_at(places_of_claims: Sequence[Sequence[Place]]) -> dict[int, datetime.datetime]:
    """When a teacher last took back or changed a scan's mark, by the primary key of the record."""
    records = [each[0].entry.record_id for each in places_of_claims if each and each[0].entry.record_id]
    if not records:
        return {}
    replaced = RecordChange.objects.filter(record__in=records, from_method__in=SCAN_METHODS).order_by()
    return dict(
        replaced.values("record").annotate(Max("changed_at")).values_list("record", "changed_at__max")
    )


def _mark_meanwhile(mark: MarkAtPlaces) -> Decided[Marked] | None:
    """The mark that the same claim has just made in another process."""
    session = mark.places[0].session
    record = AttendanceRecord.objects.filter(meeting=session.meeting_id, student=mark.student).first()
    found = mark_of(record)
    return (session, found) if found else None


def _decide(
    scan: Scan,
    session_or_group: SessionOrGroup | None,
    places: Sequence[Place],
    replaced_at: Mapping[int, datetime.datetime],
) -> MarkAtPlaces | Decided[Marked]:
    """The mark to write, or the one that is there.

    :param replaced_at: when a teacher last replaced a scan's mark, by record; for claims
    :raises Refused: in the order that the module's docstring gives
    """
    if session_or_group is None:
        raise TokenInvalid
    if not places:
        raise not_enrolled(session_or_group)
    own = places[0]
    if mark := mark_of(own.entry.record):
        return own.session, mark
    _check_active(own.session, scan.arrived_at if scan.is_claim else None)
    taken_back_at = replaced_at.get(own.entry.record_id or 0)
    # A phone may send the same scan again, even as a new claim if it got no answer while the database was away.
    if scan.is_claim and taken_back_at and scan.arrived_at <= taken_back_at:
        raise ScanUsed
    if not scan.is_fresh(session_or_group):
        raise TokenExpired
    joins = own.session.join_policy == JoinPolicy.OPEN
    if not joins and not any(place.joined_at for place in places):
        raise NotJoined(session=own.session.public_id)
    return MarkAtPlaces(
        places,
        scan.student,
        at=scan.arrived_at,
        method=scan.method,
        joins=joins,
        device=scan.device,
        by_program=scan.by_program,
    )


def _refused_scan(scan: Scan, session: QRSession) -> RefusedScan:
    return RefusedScan(
        session=session,
        student=scan.student,
        scanned_at=scan.arrived_at,
        method=scan.method,
        device=scan.device,
        by_program=scan.by_program,
    )


def mark_of(record: AttendanceRecord | None) -> Marked | None:
    """The mark that a scan leaves as it is. An absence recorded at the end of the session does not count as a mark."""
    if record is None or record.status is None or record.marked_at is None or record.method == Method.END:
        return None
    return Marked(status=Status(record.status), marked_at=record.marked_at, created=False)


def _check_active(session: QRSession | None, arrived_at: datetime.datetime | None = None) -> None:
    """A scan needs an active session; a claim one that was active when its token arrived."""
    if session is None:
        raise TokenInvalid
    if not _is_active(session, arrived_at):
        raise NotActive(session=session.public_id, status=session.status)


def _is_active(session: QRSession | None, arrived_at: datetime.datetime | None) -> bool:
    """
    :param arrived_at: when the token arrived, if it counts although the session has ended meanwhile
    """
    if session is None:
        return False
    if arrived_at and session.started_at and session.ended_at:
        return session.started_at <= arrived_at <= session.ended_at
    return session.status == SessionStatus.ACTIVE


@contextmanager
def _guesses_limited(student: Student) -> Iterator[None]:
    """A scan that is refused before it reaches a batch uses up the limit too."""
    try:
        yield
    except Refused:
        MARKS.allow(str(student.pk))
        raise


@contextmanager
def _refusals_logged(student: Student, session: str = "") -> Iterator[None]:
    """Log one line for every refused mark: why, who and where. The token is never logged."""
    try:
        yield
    except Refused as refusal:
        where = refusal.extra.get("session") or session
        logger.info(
            "mark_refused", extra={"reason": refusal.code, "student": student.student_id, "session": where}
        )
        refusal.is_logged = True
        raise
