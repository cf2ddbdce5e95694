"""Middleware of the whole site."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404

from config.answering import HEADERS, language_of, match_of, speaking
from config.errors import database_failed, unavailable


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
            match = request.resolver_match = match_of(request.path_info, settings.ROOT_URLCONF)
        except Resolver404:
            return self._get_response(request)
        language = language_of(request)
        with speaking(language):
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        for name, value in HEADERS.items():
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
