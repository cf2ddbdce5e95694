"""The teacher's page to mark students who show their personal QR codes, or say their numbers, at the desk."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from attendance.models import Status
from attendance.permissions import signed_in
from attendance.refusals import Refused
from attendance.stats import meeting_stats, sum_of
from qrsessions import desk_scan as marking_at_desk
from qrsessions import groups
from qrsessions.forms import NumberForm
from qrsessions.group_overview import title_of
from qrsessions.models import GroupSession, QRSession
from qrsessions.views.access import find_source, teacher_page
from qrsessions.views.scanner_policy import with_scanner

# Stands in the links of the templates that the script fills.
BLANK_SESSION = "00000000"


@teacher_page
@with_scanner
@require_http_methods(["GET", "HEAD", "POST"])
def desk_scan(request: HttpRequest, public_id: str) -> HttpResponse:
    """The page with scanner, field and list; by POST, without a script, a mark by number."""
    source = find_source(request, public_id)
    is_group = isinstance(source, GroupSession)
    page = f"qrsessions:{'group-' if is_group else ''}desk-scan"
    if request.method == "POST":
        _mark_by_number(request, source)
        return redirect(page, public_id)
    members = groups.members_of(source) if isinstance(source, GroupSession) else [source]
    stats = meeting_stats([member.meeting for member in members], at=timezone.now())
    sessions = {member.meeting_id: member.public_id for member in members}
    recent = marking_at_desk.recent_marks(source, by=signed_in(request))
    context = {
        "title": _title(source, members),
        "page_url": reverse(page, args=[public_id]),
        "back_url": reverse(f"qrsessions:{'group' if is_group else 'session'}", args=[public_id]),
        "api_url": reverse(f"qrsessions:api-{'group-' if is_group else ''}personal-codes", args=[public_id]),
        "stats": sum_of(list(stats.values())),
        "marks": [(sessions[entry.meeting_id], entry) for entry in recent],
        "statuses": [Status.PRESENT, Status.LATE],
        "blank_session": BLANK_SESSION,
    }
    return render(request, "qrsessions/desk_scan.html", context)


def _mark_by_number(request: HttpRequest, source: QRSession | GroupSession) -> None:
    form = NumberForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form["number"].errors))
        return
    number, by, at = form.cleaned_data["number"], signed_in(request), timezone.now()
    try:
        marked = marking_at_desk.mark_by_number(source=source, number=number, by=by, at=at)
    except Refused as refused:
        messages.error(request, str(refused.detail))
        return
    text = _("%(name)s is present.") if marked.created else _("%(name)s was marked before.")
    messages.success(request, text % {"name": marked.entry.student.name})


def _title(source: QRSession | GroupSession, members: list[QRSession]) -> str:
    if isinstance(source, GroupSession):
        return source.group.title or title_of([member.meeting.section for member in members])
    return str(source.meeting.section)
