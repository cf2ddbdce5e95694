"""One mark by hand for many students at once: for all who joined, or for the rest of the roster."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from attendance import hand_marks, locks, stamps
from attendance.models import Meeting, RosterEntry, Status, User
from qrsessions import events
from qrsessions.correcting import mark_of
from qrsessions.models import Action, GroupSession, QRSession
from qrsessions.sources import source_of


class Of(models.TextChoices):
    """Whom a bulk mark is for. An absence that the end of the session recorded counts as no mark."""

    JOINED = "joined", gettext_lazy("joined, without a mark")
    UNMARKED = "unmarked", gettext_lazy("without a mark")


@dataclass(frozen=True)
class Unmarked:
    """Who has no mark: the primary keys of the students, and all of their entries to write to.

    In a group, a student's other registers follow where they have no mark either, as with single marks.
    """

    chosen: frozenset[int]
    entries: Sequence[RosterEntry]


def unmarked(source: QRSession | GroupSession, of: Of) -> Unmarked:
    """Whom a bulk mark would be for."""
    hall = RosterEntry.objects.filter(meeting__in=_hall(source)).select_related("student", "record")
    free = [entry for entry in hall.order_by("meeting_id", "student_id") if mark_of(entry.record) is None]
    chosen = frozenset(
        entry.student_id
        for entry in free
        if (entry.counts if isinstance(source, GroupSession) else entry.meeting_id == source.meeting_id)
        and (of is Of.UNMARKED or (entry.record and entry.record.joined_at))
    )
    return Unmarked(chosen, [entry for entry in free if entry.student_id in chosen])


def mark_many(
    *, source: QRSession | GroupSession, of: Of, status: Status, by: User, at: datetime.datetime
) -> int:
    """Enter the status for everybody of the source who has no mark, in one transaction.

    :param source: one session, also one of a group, or a whole group session
    :returns: how many students were marked
    """
    with transaction.atomic():
        _hold(source)
        free = unmarked(source, of)
        count = len(free.chosen)
        if count:
            hand_marks.mark_many(free.entries, status=status, by=by, at=at, note=_("several at once"))
            detail = ngettext("%(count)d student: %(status)s", "%(count)d students: %(status)s", count)
            words = {"count": count, "status": status.label}
            events.record_all(_shown(source), action=Action.BULK, by=by, at=at, detail=detail % words)
            stamps.renew_on_commit(stamps.of_student(pk) for pk in free.chosen)
    return count


def _hold(source: QRSession | GroupSession) -> None:
    """Take the whole hall alone: no join or mark is in flight meanwhile."""
    run_as = source if isinstance(source, GroupSession) else source_of(source)
    if isinstance(run_as, GroupSession):
        GroupSession.objects.select_for_update().get(pk=run_as.pk)
    locks.hold(_hall(source).values_list("pk", flat=True))


def _hall(source: QRSession | GroupSession) -> models.QuerySet[Meeting]:
    """The meetings of the source, and of the group that it is run with."""
    group = source.group_id if isinstance(source, GroupSession) else source.meeting.group_id
    return Meeting.objects.filter(group=group) if group else Meeting.objects.filter(session=source.pk)


def _shown(source: QRSession | GroupSession) -> models.QuerySet[QRSession]:
    if isinstance(source, GroupSession):
        return QRSession.objects.filter(meeting__group=source.group_id)
    return QRSession.objects.filter(pk=source.pk)
