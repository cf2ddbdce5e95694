"""The teacher's page to mark students who show their personal QR code or say their number."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import Status
from attendance.stats import meeting_stats, sum_of_group
from qrsessions.forms.teachers import NumberForm
from qrsessions.models import GroupSession, QRSession, SessionOrGroup
from qrsessions.queries.groups import sessions_in, title_of
from qrsessions.queries.rosters import recent_marks
from qrsessions.services import desk_marks
from qrsessions.views.access import page_of, session_or_group_to_run, teacher_page, with_scanner

# A placeholder in the links of templates that the script fills.
BLANK_SESSION = "00000000"


@teacher_page
@with_scanner
@require_http_methods(["GET", "HEAD", "POST"])
def desk_scan(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page with the scanner, a field for numbers and the recent marks. POST marks by number, without scripts."""
    found = session_or_group_to_run(request, public_id)
    is_group = isinstance(found, GroupSession)
    page = f"qrsessions:{'group-' if is_group else ''}desk-scan"
    if request.method == "POST":
        _mark_by_number(request, found)
        return redirect(page, public_id)
    members = sessions_in(found)
    meetings = [member.meeting for member in members]
    sessions = {member.meeting_id: member.public_id for member in members}
    recent = recent_marks(found, by=signed_in(request))
    context = {
        "title": _title(found, members),
        "page_url": reverse(page, args=[public_id]),
        "back_url": reverse(page_of(found), args=[public_id]),
        "api_url": reverse(f"qrsessions:api-{'group-' if is_group else ''}personal-codes", args=[public_id]),
        "stats": sum_of_group(meetings, meeting_stats(meetings, at=timezone.now())),
        "marks": [(sessions[entry.meeting_id], entry) for entry in recent],
        "statuses": [Status.PRESENT, Status.LATE],
        "blank_session": BLANK_SESSION,
    }
    return render(request, "qrsessions/desk_scan.html", context)


def _mark_by_number(request: HttpRequest, found: SessionOrGroup) -> None:
    form = NumberForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form["number"].errors))
        return
    number, by, at = form.cleaned_data["number"], signed_in(request), timezone.now()
    try:
        marked = desk_marks.mark_by_number(session_or_group=found, number=number, by=by, at=at)
    except Refused as refused:
        messages.error(request, str(refused.detail))
        return
    text = _("%(name)s is present.") if marked.created else _("%(name)s was already marked.")
    messages.success(request, text % {"name": marked.entry.student.name})


def _title(found: SessionOrGroup, members: list[QRSession]) -> str:
    if isinstance(found, GroupSession):
        return found.group.title or title_of([member.meeting.section for member in members])
    return str(found.meeting.section)
