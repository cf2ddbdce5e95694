"""Middleware of the whole site."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils.translation import get_language, get_language_from_request, override

from attendance.waits import WouldWait
from config.errors import database_failed, unavailable
from qrsessions.api.base import PAGE_OF
from qrsessions.api.own_answers import headers_of
from qrsessions.api.waiting_room import waiting_room
from qrsessions.pacing import Busy, few_readers

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Vary": "Accept, Accept-Language, Authorization, Cookie",
}


class WaitingPhonesMiddleware:
    """Answers a phone that waits from what this process knows, before anything else is done for the request.

    Of the others that ask what is open for them, it lets a few in at a time: whoever joins or marks goes before them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._path = reverse("qrsessions:api-own-sessions")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != self._path or request.method != "GET":
            return self._get_response(request)
        known = self._known(request)
        if known is not None:
            return known
        try:
            with few_readers.place():
                return self._get_response(request)
        except Busy as busy:
            with override(get_language_from_request(request)):
                told = {"code": busy.code, "detail": str(busy.detail)}
            refusal = JsonResponse(told, status=busy.status, headers=busy.headers)
            # As Django marks what it has logged: a line for each would be more work than the refusal saves.
            refusal._has_been_logged = True  # type: ignore[attr-defined]
            return _with_length(refusal)

    def _known(self, request: HttpRequest) -> HttpResponse | None:
        etag = request.META.get("HTTP_IF_NONE_MATCH")
        if not etag or "HTTP_AUTHORIZATION" in request.META:
            return None
        cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if not cookie:
            return None
        known = waiting_room.answer(cookie, etag=etag, user_id=request.META.get(PAGE_OF))
        if known is None:
            return None
        if known.sessions is None:
            return HttpResponse(status=304, headers=headers_of(known.etag))
        told = {"sessions": known.sessions, "poll_after_ms": known.poll_after_ms}
        return _with_length(JsonResponse(told, headers=headers_of(known.etag)))


def _with_length(response: HttpResponse) -> HttpResponse:
    # Django's own middleware, which would say so, comes after this one.
    response.headers["Content-Length"] = str(len(response.content))
    return response


@lru_cache(maxsize=1024)
def _match(path: str, urlconf: str) -> ResolverMatch:
    return resolve(path, urlconf)


class ApiMiddleware:
    """Runs the API without what only pages need. Its views sign in and check CSRF by themselves, and answer errors."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self._get_response(request)
        # Refuses a host that is none of the site's.
        request.get_host()
        try:
            match = request.resolver_match = _match(request.path_info, settings.ROOT_URLCONF)
        except Resolver404:
            return self._get_response(request)
        language = request.LANGUAGE_CODE = get_language_from_request(request)
        # To switch takes longer than to look, and most read the language of the site.
        with nullcontext() if language == get_language() else override(language):
            try:
                response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            except SynchronousOnlyOperation as error:
                # On an event loop, where a query was about to be made.
                raise WouldWait from error
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        for name, value in _HEADERS.items():
            response.headers[name] = value
        response.headers["Content-Language"] = language
        if not response.streaming:
            response.headers["Content-Length"] = str(len(response.content))
        return response


class DatabaseAwayMiddleware:
    """Answers 503 where a page's view lost PostgreSQL, without the traceback that a mistake of ours would get."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return unavailable(request) if database_failed(error) else None
