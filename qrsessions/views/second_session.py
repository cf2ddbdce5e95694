"""Asking before a second session of a section is opened on one day. The API does not ask."""

import datetime
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from attendance.api.permissions import signed_in
from attendance.models import Meeting, Section
from attendance.timetable import planned_now
from qrsessions.forms.teachers import AgainForm
from qrsessions.queries.access import check_may_open_unplanned
from qrsessions.queries.dashboard import met_today


def ask_if_again(
    request: HttpRequest, sections: Sequence[Section], form: AgainForm, *, at: datetime.datetime
) -> HttpResponse | None:
    """The page that asks, with all that was sent; None if there is nothing to ask.

    Nor is there if a section has an open session: opening another is refused.

    :raises NotGiven: if the user was given only single meetings of a section, and none of them can be opened
    """
    if form.cleaned_data["again"] or Meeting.objects.filter(section__in=sections).open().exists():
        return None
    # Two meetings that are planned on one day are two.
    user, today = signed_in(request), timezone.localdate(at)
    planned = planned_now.candidates(sections, by=user, at=at)
    not_planned = [section for section in sections if section.pk not in planned]
    check_may_open_unplanned(user, not_planned, at=at)
    met = met_today(not_planned, today=today)
    if not met:
        return None
    sent = [(name, value) for name, values in request.POST.lists() for value in values]
    context = {
        "met": met,
        "action": request.path,
        "sent": [(name, value) for name, value in sent if name != "csrfmiddlewaretoken"],
    }
    return render(request, "qrsessions/second_session.html", context)
