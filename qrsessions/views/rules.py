"""What teachers set: the rules of a section, and the switches of a session or a group session."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from attendance.models import Section
from attendance.permissions import signed_in
from attendance.refusals import Refused
from qrsessions import switches
from qrsessions.forms import SectionRulesForm, SwitchesForm
from qrsessions.models import GroupSession, QRSession
from qrsessions.section_rules import RULES, set_rules
from qrsessions.views.access import find_source, teacher_action, teacher_page

SESSIONS_SHOWN = 20


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def section(request: HttpRequest, section_id: int) -> HttpResponse:
    """One section: its rules, and its sessions of late."""
    user = signed_in(request)
    visible = Section.objects.visible_to(user).with_total_students(timezone.localdate())
    taught = get_object_or_404(visible.select_related("course"), pk=section_id)
    rules = {name: getattr(taught, name) for name in RULES}
    form = SectionRulesForm(request.POST if request.method == "POST" else None, initial=rules)
    if form.is_valid():
        set_rules(section=taught, to=form.cleaned_data, by=user, at=timezone.now())
        messages.success(request, _("The rules of this section are saved."))
        return redirect("qrsessions:section", section_id)
    sessions = QRSession.objects.with_names().filter(meeting__section=taught)
    context = {"section": taught, "form": form, "sessions": sessions[:SESSIONS_SHOWN]}
    return render(request, "qrsessions/section.html", context, status=400 if form.is_bound else 200)


@teacher_action
def settings(request: HttpRequest, public_id: str) -> HttpResponse:
    """Set the switches of a session or a group session as the form has them."""
    source = find_source(request, public_id)
    form = SwitchesForm(request.POST)
    form.full_clean()
    try:
        switches.turn(source=source, to=form.cleaned_data, by=signed_in(request), at=timezone.now())
    except Refused as refused:
        messages.error(request, refused.detail)
    else:
        messages.success(request, _("The settings are saved."))
    page = "group" if isinstance(source, GroupSession) else "session"
    return redirect(f"qrsessions:{page}", public_id)
