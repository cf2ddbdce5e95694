"""The planned meetings at which a session may be opened now."""

import datetime
from collections import defaultdict
from collections.abc import Collection

from django.conf import settings
from django.db.models import Exists, OuterRef

from attendance.models import AttendanceRecord, Meeting, MeetingState, Section


def candidates(sections: Collection[Section], *, at: datetime.datetime) -> dict[int, list[Meeting]]:
    """The planned meetings without a register that are now, by section; those whose start is nearest come first.

    A meeting is now from ``OPEN_BEFORE_MINUTES`` before its start until its end.
    """
    before = datetime.timedelta(minutes=settings.OPEN_BEFORE_MINUTES)
    day = datetime.timedelta(days=1)
    records = AttendanceRecord.objects.filter(meeting=OuterRef("pk"))
    found = Meeting.objects.filter(
        ~Exists(records),
        section__in=sections,
        state=MeetingState.PLANNED,
        # No meeting is longer than a day. The date has an index of planned meetings.
        date__range=((at - 2 * day).date(), (at + 2 * day).date()),
        starts_at__lte=at + before,
        ends_at__gte=at,
    )
    by_section: defaultdict[int, list[Meeting]] = defaultdict(list)
    for meeting in sorted(found, key=lambda meeting: (abs(meeting.starts_at - at), meeting.pk)):
        by_section[meeting.section_id].append(meeting)
    return dict(by_section)


def lock_nearest(
    sections: Collection[Section], *, at: datetime.datetime, chosen: Meeting | None = None
) -> dict[int, Meeting]:
    """The planned meeting of each section that is now, if there is one. Its row is locked until the transaction ends.

    :param chosen: the one to take for its section, whether it is now or not
    """
    nearest = [meetings[0].pk for meetings in candidates(sections, at=at).values()]
    if chosen:
        nearest = [chosen.pk]
    if not nearest:
        return {}
    # The timetable may have changed, or somebody typed or cancelled it, between finding and locking it.
    locked = Meeting.objects.select_for_update().filter(pk__in=nearest, state=MeetingState.PLANNED)
    return {meeting.section_id: meeting for meeting in locked.order_by("pk")}
