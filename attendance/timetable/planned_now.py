"""The planned meetings at which a session may be opened now."""

import datetime
from collections import defaultdict
from collections.abc import Collection

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from attendance.lib import advisory_locks
from attendance.models import (
    AttendanceRecord,
    Meeting,
    MeetingState,
    Section,
    Status,
    TeachingAssignment,
    User,
)
from attendance.models.meetings import MeetingQuerySet


def candidates(sections: Collection[Section], *, by: User, at: datetime.datetime) -> dict[int, list[Meeting]]:
    """The planned meetings without a register that are now, by section; those whose start is nearest come first.

    A meeting is now from ``OPEN_BEFORE_MINUTES`` before its start until its end. If ``by`` was given only single meetings
    of a section, the others are left out.
    """
    by_section: defaultdict[int, list[Meeting]] = defaultdict(list)
    found = _without_register(by, at).filter(section__in=sections)
    for meeting in sorted(found, key=lambda meeting: (abs(meeting.starts_at - at), meeting.pk)):
        by_section[meeting.section_id].append(meeting)
    return dict(by_section)


def _without_register(by: User, at: datetime.datetime) -> MeetingQuerySet:
    before = datetime.timedelta(minutes=settings.OPEN_BEFORE_MINUTES)
    day = datetime.timedelta(days=1)
    # Excuses are entered before the class. They do not begin its register.
    entries = AttendanceRecord.objects.filter(meeting=OuterRef("pk"), status__isnull=False)
    given = TeachingAssignment.objects.in_force().filter(meeting=OuterRef("pk"), user=by)
    singly = Section.objects.given_singly_to(by, on=timezone.localdate(at))
    return Meeting.objects.filter(
        ~Exists(entries.exclude(status=Status.EXCUSED)),
        ~Q(section__in=singly) | Exists(given),
        state=MeetingState.PLANNED,
        starts_at__lte=at + before,
        ends_at__gte=at,
        # No meeting is longer than a day. The date has an index of planned meetings.
        date__range=((at - 2 * day).date(), (at + 2 * day).date()),
    )


def lock_nearest(
    sections: Collection[Section], *, by: User, at: datetime.datetime, chosen: Meeting | None = None
) -> dict[int, Meeting]:
    """The planned meeting of each section that is now for ``by``, if there is one. It is locked until the transaction ends.

    :param chosen: the one to take for its section, whether it is now or not
    """
    nearest = [meetings[0].pk for meetings in candidates(sections, by=by, at=at).values()]
    if chosen:
        nearest = [chosen.pk]
    if not nearest:
        return {}
    # Wait for those who type its register, cancel or move it. Then look again, and lock the row: the timetable may have
    # changed as well.
    advisory_locks.hold(nearest)
    still = Meeting.objects.filter(state=MeetingState.PLANNED) if chosen else _without_register(by, at)
    locked = still.select_for_update().filter(pk__in=nearest)
    return {meeting.section_id: meeting for meeting in locked.order_by("pk")}
