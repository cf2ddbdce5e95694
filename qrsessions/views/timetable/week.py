"""The teacher's week, and the registers that were not taken."""

import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from qrsessions.queries.timetable import WEEK, not_taken, week_of
from qrsessions.views.access import teacher_page


@teacher_page
@require_safe
def week(request: HttpRequest) -> HttpResponse:
    """The seven days of a week with their meetings; this week, unless another day is asked for."""
    at = timezone.now()
    today = timezone.localdate(at)
    date = _date_in(request.GET.get("day", ""), today)
    days = week_of(signed_in(request), date, at=at)
    monday = days[0].date
    context = {
        "days": days,
        "last_day": days[-1].date,
        "before": monday - WEEK,
        "after": monday + WEEK,
        "is_this_week": monday <= today < monday + WEEK,
    }
    return render(request, "qrsessions/timetable/week.html", context)


@teacher_page
@require_safe
def registers_not_taken(request: HttpRequest) -> HttpResponse:
    """Planned meetings that are over and whose attendance nobody took; those of past terms in a fold."""
    at = timezone.now()
    found = not_taken(signed_in(request), at=at, also_past=True)
    past = [one for one in found if one.section.term and one.section.term.is_past(timezone.localdate(at))]
    context = {"meetings": [one for one in found if one not in past], "in_past_terms": past}
    return render(request, "qrsessions/timetable/not_taken.html", context)


def _date_in(text: str, today: datetime.date) -> datetime.date:
    """The day asked for; today if it is no day, or one too far away to have a week."""
    try:
        date = parse_date(text) or today
    except ValueError:
        return today
    return date if abs(date - today) < datetime.timedelta(days=10_000) else today
