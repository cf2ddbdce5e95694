"""Deciding scans: what comes of those that arrived together, and the marks that they make.

The refusals are decided in one order, so that a phone that repeats a request whose answer was lost hears the truth:
not_enrolled, already marked (no refusal), not_active, token_expired, not_joined.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.crowds import Counted, Marked
from attendance.models import AttendanceRecord, Method, Student
from attendance.refusals import Refused
from attendance.stats import Stats, meeting_stats
from attendance.together import Together
from qrsessions.limits import MARKS
from qrsessions.models import JoinPolicy, QRSession, RefusedScan, SessionStatus
from qrsessions.places import Place, PlacedMark, count_again, mark_places, share_all_places
from qrsessions.sources import Source
from qrsessions.tokens import TokenExpired, TokenInvalid


class NotActive(Refused):
    code = "not_active"
    detail = _("Attendance is not being taken now.")


class NotJoined(Refused):
    code = "not_joined"
    detail = _("You had not joined before joining was locked. Your teacher sees your scan and can admit you.")


@dataclass(frozen=True)
class Scanned:
    """The student's own session, the mark that stands there, and the counts after it."""

    session: QRSession
    marked: Marked
    stats: Stats


@dataclass(frozen=True)
class Scan:
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


def _decide_all(scans: Sequence[Scan]) -> list[Scanned | Exception]:
    """What comes of each of the scans, which are of different students."""
    refusals = MARKS.allow_each([str(scan.student.pk) for scan in scans])
    allowed = [scan for scan, refusal in zip(scans, refusals, strict=True) if not refusal]
    decided = iter(_decide(allowed) if allowed else ())
    return [refusal or next(decided) for refusal in refusals]


def _decide(scans: Sequence[Scan]) -> list[Scanned | Exception]:
    """In one transaction, or else each in its own."""
    counted: Counted = {}
    try:
        outcomes = _decide_together(scans, counted)
    except IntegrityError:
        if len(scans) == 1:
            # The only rule left to break is the nonce's: the claim has marked somebody else.
            return [TokenInvalid()]
        return [_decide([scan])[0] for scan in scans]
    sessions = {session.pk: session for session, _marked in _accepted(outcomes)}
    meetings = [session.meeting for session in sessions.values()]
    stats = meeting_stats(meetings, at=timezone.now(), known=counted)
    return [one if isinstance(one, Refused) else Scanned(*one, stats[one[0].pk]) for one in outcomes]


def _accepted(outcomes: Sequence[_Mark | Refused]) -> Iterator[_Mark]:
    return (one for one in outcomes if not isinstance(one, Refused))


def _decide_together(scans: Sequence[Scan], counted: Counted) -> list[_Mark | Refused]:
    outcomes: dict[int, _Mark | Refused] = {}
    marks: dict[int, PlacedMark] = {}
    refused: list[RefusedScan] = []
    standing: list[tuple[Place, Student]] = []
    with transaction.atomic():
        placed = share_all_places([(scan.source, scan.student) for scan in scans])
        for number, (scan, places) in enumerate(zip(scans, placed, strict=True)):
            try:
                decided = _decide_one(scan, places)
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
                    assert not isinstance(places, Refused)  # noqa: S101 - who has no place has no mark
                    standing.append((places[0], scan.student))
        RefusedScan.objects.bulk_create(refused, ignore_conflicts=True)
        count_again(standing, counted=counted)
        made = mark_places(list(marks.values()), counted=counted, is_last=True)
        for number, marked in zip(marks, made, strict=True):
            outcomes[number] = marks[number].places[0].session, marked
    return [outcomes[number] for number in range(len(scans))]


def _decide_one(scan: Scan, places: list[Place] | Refused) -> _Mark | PlacedMark:
    """The mark that stands, or the one to be made.

    :raises Refused: one of the refusals above
    """
    if isinstance(places, Refused):
        raise places
    own = places[0]
    if standing := standing_mark(own.entry.record):
        return own.session, standing
    check_active(own.session, scan)
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


def _refused_scan(scan: Scan, places: list[Place] | Refused) -> RefusedScan:
    assert not isinstance(places, Refused)  # noqa: S101 - who has no place has not been asked whether joined
    return RefusedScan(
        session=places[0].session,
        student=scan.student,
        scanned_at=scan.arrived_at,
        method=scan.method,
        device=scan.device,
    )


def standing_mark(record: AttendanceRecord | None) -> Marked | None:
    """The mark that a scan leaves as it is; the absence that the end recorded is none."""
    if record is None or record.status is None or record.marked_at is None or record.method == Method.END:
        return None
    return Marked(status=record.status, marked_at=record.marked_at, created=False)  # type: ignore[arg-type]


def check_active(session: QRSession, scan: Scan) -> None:
    """A scan needs an active session; a claim, one that was active when its token arrived."""
    active = session.status == SessionStatus.ACTIVE
    if scan.is_claim and session.status == SessionStatus.ENDED and session.started_at and session.ended_at:
        active = session.started_at <= scan.arrived_at <= session.ended_at
    if not active:
        raise NotActive(session=session.public_id, status=session.status)


# The phones of a hall press at once: what arrives while a transaction runs goes into the next one, together.
_scans: Together[Scan, Scanned] = Together(_decide_all, key=lambda scan: scan.student.pk)


async def decide(scan: Scan) -> Scanned:
    """Mark the student of the scan, together with those of the scans that arrive at the same moment.

    :raises Refused: one of the refusals above
    :raises TooOften: if the student has tried too often
    """
    return await _scans.do(scan)
