"""What counts as attendance in a section: the versions of its rule, and who would change under another one."""

from typing import cast

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from attendance.api.permissions import signed_in
from attendance.lib.refusals import Refused
from attendance.models import StatusLabel
from attendance.queries.section_rules import versions_of
from attendance.rules.words import in_words, values_in_words
from qrsessions.forms.rules import SectionRuleForm
from qrsessions.queries.access import check_may_manage, find_section
from qrsessions.services.settings import set_attendance_rule, simulate_attendance_rule
from qrsessions.views.access import teacher_page


@teacher_page
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, section_id: int) -> HttpResponse:
    """The rule of a section and all of its versions. POST saves a new one, or with ``simulate`` shows who would change."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    section = find_section(user, section_id, on=today)
    if request.method == "POST":
        check_may_manage(section)
    versions = versions_of(section)
    in_force = versions.rules.on(today)
    found = StatusLabel.objects.filter(Q(is_active=True) | Q(pk__in=in_force.label_counts))
    labels = cast("list[StatusLabel]", list(found))
    names = {label.pk: label.name for label in labels}
    is_simulated = "simulate" in request.POST
    form = SectionRuleForm(
        request.POST if request.method == "POST" else None,
        section=section,
        versions=versions,
        labels=labels,
        today=today,
        is_simulated=is_simulated,
    )
    simulation, status = None, 400 if form.is_bound else 200
    if form.is_valid():
        change = {
            "section": section,
            "to": form.to,
            "valid_from": form.cleaned_data["valid_from"],
            "by": user,
        }
        try:
            if not is_simulated:
                set_attendance_rule(**change, changes_past=form.cleaned_data["changes_past"], at=at)
                messages.success(request, _("Rule saved."))
                return redirect("qrsessions:section-rule", section_id)
            simulation, status = simulate_attendance_rule(**change, today=today), 200
        except Refused as refused:
            form.add_error(None, str(refused.detail))
            status = refused.status
    context = {
        "section": section,
        "words": in_words(in_force),
        "versions": [
            (version, values_in_words(version.values_with_labels, labels=names)) for version in versions.all
        ],
        "form": form,
        "simulation": simulation,
        "simulation_words": in_words(simulation.rule) if simulation else [],
    }
    return render(request, "qrsessions/registers/rule.html", context, status=status)
