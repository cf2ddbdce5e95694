"""Unlocking a register that has locked some days after its meeting."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from qrsessions.queries.access import find_register
from qrsessions.services import meetings
from qrsessions.views.access import teacher_page


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def unlock_register(request: HttpRequest, public_id: str) -> HttpResponse:
    """Let the register be changed for some days again. Only administrators may."""
    user, at = signed_in(request), timezone.now()
    meeting = find_register(user, public_id, on=timezone.localdate(at))
    if request.method == "POST":
        try:
            meetings.unlock_register(meeting=meeting, by=user, at=at)
        except meetings.NotLocked as refused:
            messages.info(request, refused.detail)
        else:
            messages.success(request, _("The register is unlocked."))
    return redirect("qrsessions:meeting", public_id)
