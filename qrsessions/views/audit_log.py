"""The teacher's page with the audit log of a session."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from attendance.models import MeetingState
from qrsessions.forms.teachers import StudentForm
from qrsessions.models import Action, QRSession, SessionEvent
from qrsessions.queries import audit_log
from qrsessions.queries.access import find_meeting
from qrsessions.views.access import teacher_page
from qrsessions.views.student_list import student_row

ENTRIES_PER_PAGE = 200


@teacher_page
@require_safe
def audit_log_page(request: HttpRequest, public_id: str) -> HttpResponse:
    """Who changed the session and its records, and when; for one student if the address names one."""
    meeting = find_meeting(signed_in(request), public_id, on=timezone.localdate())
    # None if it was discarded, or if the register was typed.
    session: QRSession | None = getattr(meeting, "session", None)
    entry = None
    if request.GET.get("student"):
        form = StudentForm(request.GET)
        if not form.is_valid():
            raise Http404
        roster = meeting.roster.with_labels().select_related("student")
        entry = get_object_or_404(roster, student__student_id=form.cleaned_data["student"])
    entries = audit_log.entries(meeting, entry.student if entry else None)
    page = Paginator(entries, ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    changed = audit_log.students_with_changes(meeting)
    if entry and all(one.student_id != entry.student_id for one in changed):
        changed = [entry, *changed]
    context = {
        "meeting": meeting,
        "is_discarded": meeting.state == MeetingState.DISCARDED,
        "section": meeting.section,
        "entry": entry,
        "row": student_row(session, entry) if session and entry else None,
        "page": page,
        "lines": [(line, words_of(line.event) if line.event else "") for line in page],
        "changed": changed,
    }
    return render(request, "qrsessions/history.html", context)


def words_of(event: SessionEvent) -> str:
    """What was done, in words for the page."""
    match Action(event.action):
        case Action.ADMIT if event.detail.isdecimal():
            number = int(event.detail)
            return ngettext("%(count)d scan admitted", "%(count)d scans admitted", number) % {"count": number}
        case Action.SETTINGS:
            return ", ".join(_setting_words(part) for part in event.detail.split(", "))
        case Action.MOVE:
            return f"{event.get_action_display()} {event.detail}"
        case (
            Action.JOIN_GROUP
            | Action.LEAVE_GROUP
            | Action.BULK
            | Action.OPEN
            | Action.DISCARD
            | Action.CANCEL
        ) if event.detail:
            return f"{event.get_action_display()} ({event.detail})"
        case _:
            return event.get_action_display()


def _setting_words(part: str) -> str:
    name, _equals, value = part.partition("=")
    words = {
        "code_enabled=on": _("typed code turned on"),
        "code_enabled=off": _("typed code turned off"),
        "names_on_screen=on": _("names on the screen turned on"),
        "names_on_screen=off": _("names on the screen turned off"),
        "late_after_minutes=off": _("late rule turned off"),
    }
    if name == "late_after_minutes" and value.isdecimal():
        minutes = int(value)
        return ngettext("late after %(count)d minute", "late after %(count)d minutes", minutes) % {
            "count": minutes
        }
    return words.get(part, part)
