"""Responses that pages share: redirects and error pages."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from attendance.lib.rate_limits import TooOften
from attendance.lib.refusals import Refused


class SeeOther(HttpResponseRedirect):
    """A redirect after a POST, which every browser follows by GET."""

    status_code = 303


def to_student_home() -> SeeOther:
    """Redirect to the student's home page, which shows the current state."""
    return SeeOther(reverse("qrsessions:student"))


def not_a_student_page(request: HttpRequest, *, status: int, session_url: str | None = None) -> HttpResponse:
    """A friendly page for a user who is not a student.

    :param session_url: the teacher's page of the session whose code was scanned
    """
    return render(request, "qrsessions/for_students.html", {"session_url": session_url}, status=status)


def refusal_page(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The page of a refusal, such as of a scan, with what to do next, and the refusal's HTTP status."""
    request.is_logged = refused.is_logged  # type: ignore[attr-defined]
    template = "429.html" if isinstance(refused, TooOften) else "qrsessions/refused.html"
    response = render(request, template, {"refused": refused}, status=refused.status)
    for name, value in refused.headers.items():
        response[name] = value
    return response
