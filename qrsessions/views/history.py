"""The teacher's page of what happened to a session and its register."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from qrsessions import audit_trail
from qrsessions.forms import StudentForm
from qrsessions.models import Action, SessionEvent
from qrsessions.views.access import find_session, teacher_page
from qrsessions.views.rows import student_row

LINES_ON_A_PAGE = 200


@teacher_page
@require_safe
def history(request: HttpRequest, public_id: str) -> HttpResponse:
    """Who did what to the session and its records, and when; of one student where the address names one."""
    session = find_session(request, public_id)
    entry = None
    if request.GET.get("student"):
        form = StudentForm(request.GET)
        if not form.is_valid():
            raise Http404
        roster = session.meeting.roster.select_related("student", "record")
        entry = get_object_or_404(roster, student__student_id=form.cleaned_data["student"])
    lines = audit_trail.time_line(session, entry.student if entry else None)
    page = Paginator(lines, LINES_ON_A_PAGE).get_page(request.GET.get("page"))
    changed = audit_trail.students_with_changes(session)
    if entry and all(one.student_id != entry.student_id for one in changed):
        changed = [entry, *changed]
    context = {
        "session": session,
        "section": session.meeting.section,
        "row": student_row(session, entry) if entry else None,
        "page": page,
        "lines": [(line, words_of(line.event) if line.event else "") for line in page],
        "changed": changed,
    }
    return render(request, "qrsessions/history.html", context)


def words_of(event: SessionEvent) -> str:
    """What was done, in words."""
    match Action(event.action):
        case Action.ADMIT if event.detail.isdecimal():
            number = int(event.detail)
            return ngettext("%(count)d scan admitted", "%(count)d scans admitted", number) % {"count": number}
        case Action.SETTINGS:
            return ", ".join(_setting_words(part) for part in event.detail.split(", "))
        case Action.JOIN_GROUP | Action.LEAVE_GROUP | Action.BULK | Action.OPEN if event.detail:
            return f"{event.get_action_display()} ({event.detail})"
        case _:
            return event.get_action_display()


def _setting_words(part: str) -> str:
    name, _equals, value = part.partition("=")
    words = {
        "code_enabled=on": _("typed code switched on"),
        "code_enabled=off": _("typed code switched off"),
        "names_on_screen=on": _("names on the screen switched on"),
        "names_on_screen=off": _("names on the screen switched off"),
        "late_after_minutes=off": _("late rule switched off"),
    }
    if name == "late_after_minutes" and value.isdecimal():
        minutes = int(value)
        return ngettext("late after %(count)d minute", "late after %(count)d minutes", minutes) % {
            "count": minutes
        }
    return words.get(part, part)
