"""Every error of the API becomes HTTP here, and for all of the site that of a database that is away.

PostgreSQL that restarts, fails over or has no connection left is no mistake of ours: 503, with the time after which
to try again. What became of a change that was being committed is not known then; every change may be sent twice.
"""

import logging
import sys
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from attendance.refusals import Refused

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
    """Every error of the API as ``{"code", "detail"}``, with ``errors`` by field where the input was wrong."""
    if database_failed(error):
        return Response(_unavailable_json(), status=503, headers=_retry_headers())
    if isinstance(error, Refused):
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


def database_failed(error: BaseException | None) -> bool:
    """Whether PostgreSQL could not do its work; then that is logged in one line."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    logger.warning("database_failed", extra={"error": type(error.__cause__ or error).__name__})
    return True


def unavailable(request: HttpRequest) -> HttpResponse:
    """503 as the API or a browser reads it. The page needs neither the database nor a user."""
    if request.path.startswith("/api/"):
        return JsonResponse(_unavailable_json(), status=503, headers=_retry_headers())
    return HttpResponse(render_to_string("503.html"), status=503, headers=_retry_headers())


def server_error(request: HttpRequest) -> HttpResponse:
    """The site's ``handler500``: 503 where a middleware met the database away, else Django's own."""
    return unavailable(request) if database_failed(sys.exception()) else defaults.server_error(request)


def _unavailable_json() -> dict[str, str]:
    return {"code": "unavailable", "detail": _("The database is away for a moment. Try again.")}


def _retry_headers() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_SECONDS)}


def _first_message(detail: Any) -> str:
    """The first thing that is wrong, for who reads only ``detail``."""
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
