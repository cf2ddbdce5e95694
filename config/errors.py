"""Every error of the API becomes HTTP here."""

from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from attendance.refusals import Refused

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
    if isinstance(error, Refused):
        body = {"code": error.code, "detail": str(error.detail), **error.extra}
        return Response(body, status=error.status, headers=error.headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    code = CODES.get(type(error)) or str(error.get_codes())
    if isinstance(error, exceptions.ValidationError):
        response.data = {"code": code, "detail": _first_message(error.detail), "errors": error.detail}
    else:
        response.data = {"code": code, "detail": str(error.detail)}
    return response


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
