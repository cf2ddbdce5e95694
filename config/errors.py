"""Turns errors of the API, and database outages anywhere on the site, into HTTP answers.

Errors that no view of the API sees, such as an unknown address, a wrong host or a bug, arrive at the
handlers of ``config.urls``. They answer JSON below ``/api/`` and Django's own pages elsewhere.

A PostgreSQL that restarts, fails over or has no connection left is answered with 503 and Retry-After. Whether a change
that was being committed took effect is unknown then, so every change may be sent twice.
"""

import logging
import sys
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from attendance.lib.rate_limits import TooOften
from attendance.lib.refusals import Busy, Refused

logger = logging.getLogger("rollcall.database")

# A server that was killed recovers within seconds.
RETRY_AFTER_SECONDS = 2

CODES = {
    exceptions.ValidationError: "invalid",
    exceptions.ParseError: "malformed",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
}


def api_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """An error of the API as ``{"code", "detail"}``, with ``errors`` by field if the input was wrong."""
    request = context["request"]._request
    if database_failed(error, request):
        return Response(_unavailable_json(), status=503, headers=_retry_headers())
    if isinstance(error, Refused):
        # For config.monitoring.logs.
        request.is_logged = error.is_logged
        body = {"code": error.code, "detail": str(error.detail), **error.extra}
        return Response(body, status=error.status, headers=error.headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = exceptions.ParseError("The body is too large.")
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    code = CODES.get(type(error)) or str(error.get_codes())
    if isinstance(error, exceptions.ValidationError):
        response.data = {"code": code, "detail": _first_message(error.detail), "errors": error.detail}
    else:
        response.data = {"code": code, "detail": str(error.detail)}
    return response


def database_failed(error: BaseException | None, request: HttpRequest) -> bool:
    """Whether the error means that PostgreSQL is away. If so, it is logged in one line."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    logger.warning("database_failed", extra={"error": type(error.__cause__ or error).__name__})
    request.is_logged = True  # type: ignore[attr-defined]
    return True


def unavailable(request: HttpRequest) -> HttpResponse:
    """503 as the API or a browser reads it. The page needs neither the database nor a user."""
    if is_api(request):
        return JsonResponse(_unavailable_json(), status=503, headers=_retry_headers())
    return HttpResponse(render_to_string("503.html"), status=503, headers=_retry_headers())


def busy(request: HttpRequest) -> HttpResponse:
    """429 as the API or a browser reads it. The page needs neither the database nor a user."""
    refused = Busy()
    if is_api(request):
        body = {"code": refused.code, "detail": str(refused.detail)}
        return JsonResponse(body, status=refused.status, headers=refused.headers)
    page = render_to_string("busy.html", {"is_get": request.method in ("GET", "HEAD")})
    return HttpResponse(page, status=refused.status, headers=refused.headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The site's ``handler400``. The answer does not repeat what was wrong: the host, for example, may be an attack."""
    if is_api(request):
        return _json(
            400, "malformed", _("The request is malformed, or was sent to a host this site doesn't know.")
        )
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The site's ``handler404``."""
    if is_api(request):
        return _json(404, "not_found", _("There is nothing at this address."))
    return defaults.page_not_found(request, exception)


def too_often(request: HttpRequest) -> HttpResponse:
    """allauth's ``handler429``. It does not say when to try again; its limits are by the minute."""
    refused = TooOften(60)
    response = render(request, "429.html", {"refused": refused}, status=refused.status)
    response["Retry-After"] = refused.retry_after_seconds
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """The site's ``handler500``: 503 if a middleware lost the database."""
    if database_failed(sys.exception(), request):
        return unavailable(request)
    if is_api(request):
        return _json(500, "server_error", _("Something went wrong on the server. Try again in a moment."))
    return defaults.server_error(request)


def is_api(request: HttpRequest) -> bool:
    """Whether the request is for the API, whose errors are JSON."""
    return request.path_info.startswith("/api/")


def _json(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail}, status=status)


def _unavailable_json() -> dict[str, str]:
    return {
        "code": "unavailable",
        "detail": _("The database is temporarily unavailable. Try again in a moment."),
    }


def _retry_headers() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_SECONDS)}


def _first_message(detail: Any) -> str:
    """The first message, for clients that show only ``detail``."""
    if isinstance(detail, dict):
        field, messages = next(iter(detail.items()))
        return (
            f"{field}: {_first_message(messages)}"
            if field != "non_field_errors"
            else _first_message(messages)
        )
    if isinstance(detail, list):
        return _first_message(detail[0]) if detail else ""
    return str(detail)
