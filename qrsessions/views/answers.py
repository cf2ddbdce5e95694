"""Answers that the students' pages share."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from attendance.ratelimit import TooOften
from attendance.refusals import Refused


class SeeOther(HttpResponseRedirect):
    """After a POST: the next page is fetched by GET, whatever the browser."""

    status_code = 303


def own_page() -> SeeOther:
    """On to the student's page, which says what is true now."""
    return SeeOther(reverse("qrsessions:student"))


def for_students_only(request: HttpRequest, *, status: int, session_url: str | None = None) -> HttpResponse:
    """A friendly word to somebody who is not taught.

    :param session_url: the teacher's own page of the session whose code was scanned
    """
    return render(request, "qrsessions/for_students.html", {"session_url": session_url}, status=status)


def refusal_page(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The refusal of a scan, with what to do next, under its HTTP status."""
    template = "429.html" if isinstance(refused, TooOften) else "qrsessions/refused.html"
    response = render(request, template, {"refused": refused}, status=refused.status)
    for name, value in refused.headers.items():
        response[name] = value
    return response
