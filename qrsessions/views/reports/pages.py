"""The teacher's reports: the figures of all sections, students at risk, and one section with its charts."""

from functools import wraps
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from attendance.lib.rate_limits import TooOften
from attendance.models import Meeting
from attendance.reports.at_risk import students_at_risk
from attendance.reports.charts import distribution_chart, hour_chart, presence_chart
from attendance.reports.presence import presence_by_class, presence_by_hour
from attendance.reports.sections import by_department, section_reports, total
from attendance.reports.size import TooMuch, check_size
from attendance.reports.words import reasons_explained
from attendance.rules.risk import ABSENCES_IN_A_ROW
from qrsessions.forms.date_range import DateRangeForm
from qrsessions.forms.reports import AtRiskForm, ReportForm
from qrsessions.queries.access import find_whole_section
from qrsessions.queries.arrivals import latest_arrivals
from qrsessions.queries.reports.selection import REPORTS, choices_of, chosen_sections
from qrsessions.views.access import View, teacher_page
from qrsessions.views.responses import refusal_page

STUDENTS_PER_PAGE = 50
# On the page of a section; the rest is one click away.
AT_RISK_SHOWN = 10


def report_page(view: View) -> View:
    """A page for teachers and admins whose numbers cost much."""

    @teacher_page
    @require_safe
    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            REPORTS.allow(str(signed_in(request).pk))
        except TooOften as refused:
            return refusal_page(request, refused)
        return view(request, *args, **kwargs)

    return limited


@report_page
def reports(request: HttpRequest) -> HttpResponse:
    """The figures of the user's sections, by department and course, with their sums."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    form = ReportForm(request.GET, choices=choices_of(user, on=today))
    if not form.is_valid():
        return render(request, "qrsessions/reports/reports.html", {"form": form}, status=400)
    sections = chosen_sections(user, form.wanted, on=today)
    try:
        check_size(sections, form.dates)
    except TooMuch as refused:
        context = {"form": form, "refused": refused}
        return render(request, "qrsessions/reports/reports.html", context, status=refused.status)
    found = section_reports(sections, today=today, at=at, dates=form.dates)
    figures = total(found)
    rules = {tuple(one.rule_words): one.rule for one in found}
    has_one_rule = len(rules) == 1
    minimum = next(iter(rules.values())).minimum_percentage if has_one_rule else 0
    context = {
        "form": form,
        "departments": by_department(found),
        "number": len(found),
        "figures": figures,
        # In words; beside each section if the sections have different ones.
        "one_rule": next(iter(rules)) if has_one_rule else None,
        "distribution": distribution_chart(figures, minimum=minimum),
        "hours": hour_chart(presence_by_hour(presence_by_class(sections, dates=form.dates))),
        "days": form.days,
    }
    return render(request, "qrsessions/reports/reports.html", context)


@report_page
def at_risk(request: HttpRequest) -> HttpResponse:
    """The students at risk in the user's sections, and why."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    form = AtRiskForm(request.GET, choices=choices_of(user, on=today))
    if not form.is_valid():
        return render(request, "qrsessions/reports/at_risk.html", {"form": form}, status=400)
    sections = chosen_sections(user, form.wanted, on=today)
    try:
        check_size(sections, form.dates)
    except TooMuch as refused:
        context = {"form": form, "refused": refused}
        return render(request, "qrsessions/reports/at_risk.html", context, status=refused.status)
    absences = form.absences_in_a_row
    found = students_at_risk(sections, today=today, dates=form.dates, absences=absences)
    rules = {tuple(one.rule_words) for one in found}
    context = {
        "form": form,
        "one_rule": rules.pop() if len(rules) == 1 else None,
        "number_of_sections": len(sections),
        "section": sections[0] if form.wanted.section and sections else None,
        "page": Paginator(found, STUDENTS_PER_PAGE).get_page(request.GET.get("page", 1)),
        "reasons": reasons_explained(absences=absences),
        "days": form.days,
    }
    return render(request, "qrsessions/reports/at_risk.html", context)


@report_page
def section_report(request: HttpRequest, section_id: int) -> HttpResponse:
    """One section: its figures, charts, students at risk and registers that were not taken."""
    user, at = signed_in(request), timezone.now()
    today = timezone.localdate(at)
    section = find_whole_section(user, section_id, on=today)
    form = DateRangeForm(request.GET)
    context: dict[str, Any] = {"section": section, "form": form}
    if not form.is_valid():
        return render(request, "qrsessions/reports/section.html", context, status=400)
    dates = form.dates
    (report,) = section_reports([section], today=today, at=at, dates=dates)
    classes = presence_by_class([section], dates=dates)
    listed = students_at_risk([section], today=today, dates=dates)
    missing = Meeting.objects.filter(section=section).not_taken(at).with_rights(user, on=today)
    context |= {
        "report": report,
        "presence": presence_chart(classes),
        "distribution": distribution_chart(report.figures, minimum=report.rule.minimum_percentage),
        "hours": hour_chart(presence_by_hour(classes)),
        "arrivals": latest_arrivals(section, dates=dates),
        "at_risk": listed[:AT_RISK_SHOWN],
        "at_risk_total": len(listed),
        "reasons": reasons_explained(absences=ABSENCES_IN_A_ROW),
        "not_taken": dates.limit(missing).select_related("section__course").order_by("-starts_at", "pk"),
        "days": form.days,
    }
    return render(request, "qrsessions/reports/section.html", context)
