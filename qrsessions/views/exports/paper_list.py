"""Attendance on paper: a roster with boxes to tick, as a page to print and as a PDF file."""

import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from attendance.api.permissions import signed_in
from attendance.exports.paper import PaperSize
from attendance.models import Meeting, Section, Status
from attendance.queries.paper_lists import PaperList, list_of_date, list_of_meeting
from qrsessions.queries.access import check_may_run, find_register, find_section
from qrsessions.views.access import teacher_page


@teacher_page
@require_safe
def meeting_list(request: HttpRequest, public_id: str) -> HttpResponse:
    """The roster of a meeting, with or without a session by phone."""
    found = list_of_meeting(_meeting(request, public_id))
    return _page(request, found, pdf=reverse("qrsessions:meeting-list-pdf", args=[public_id]))


@teacher_page
@require_safe
def meeting_list_pdf(request: HttpRequest, public_id: str) -> HttpResponse:
    return _pdf(request, list_of_meeting(_meeting(request, public_id)))


@teacher_page
@require_safe
def section_list(request: HttpRequest, section_id: int) -> HttpResponse:
    """The roster of a section on a date, for a class that is not planned."""
    found = list_of_date(_section(request, section_id), _date(request))
    return _page(
        request, found, pdf=reverse("qrsessions:section-list-pdf", args=[section_id]), asks_date=True
    )


@teacher_page
@require_safe
def section_list_pdf(request: HttpRequest, section_id: int) -> HttpResponse:
    return _pdf(request, list_of_date(_section(request, section_id), _date(request)))


def _meeting(request: HttpRequest, public_id: str) -> Meeting:
    return find_register(signed_in(request), public_id, on=timezone.localdate())


def _section(request: HttpRequest, section_id: int) -> Section:
    """A section that the user teaches now: the dates of a former teacher are those of the meetings."""
    section = find_section(signed_in(request), section_id, on=timezone.localdate())
    check_may_run(section)
    return section


def _date(request: HttpRequest) -> datetime.date:
    """The date in the address, else today."""
    try:
        date = parse_date(request.GET.get("date", ""))
    except ValueError:
        # Well formed, but no date: the 31st of June.
        date = None
    return date or timezone.localdate()


def _page(request: HttpRequest, paper_list: PaperList, *, pdf: str, asks_date: bool = False) -> HttpResponse:
    from attendance.exports import paper_list as exported  # noqa: PLC0415 - see attendance/exports/pdf.py

    context = {
        "list": paper_list,
        "pages": exported.pages_of(paper_list.students) or [[]],
        "heading": paper_list.section.full_name,
        "details": exported.details_of(paper_list),
        "instructions": exported.instructions(),
        "statuses": Status,
        "pdf": pdf,
        "sizes": PaperSize.choices,
        "asks_date": asks_date,
    }
    return render(request, "qrsessions/paper_list.html", context)


def _pdf(request: HttpRequest, paper_list: PaperList) -> HttpResponse:
    from attendance.exports.paper_list import paper_list_pdf  # noqa: PLC0415 - see attendance/exports/pdf.py

    size = PaperSize.LETTER if request.GET.get("size") == PaperSize.LETTER else PaperSize.A4
    section = paper_list.section
    name = f"{section.course.code} {section.name} {paper_list.date}.pdf"
    headers = {"Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or ""}
    content = paper_list_pdf(paper_list, size=size)
    return HttpResponse(content, content_type="application/pdf", headers=headers)
