"""How many classes are still to come."""

import datetime
from collections import Counter
from collections.abc import Iterable

from django.db.models import Count

from attendance.models import Meeting, MeetingState, Section


def planned_after(date: datetime.date, sections: Iterable[Section]) -> Counter[int]:
    """How many meetings are planned in each section after the day, by the section's key."""
    planned = Meeting.objects.filter(state=MeetingState.PLANNED, date__gt=date, section__in=sections)
    return Counter(dict(planned.values_list("section").annotate(Count("pk")).order_by()))
