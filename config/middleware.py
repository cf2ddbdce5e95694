"""Middleware of the whole site."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.errors import database_failed, unavailable


class DatabaseAwayMiddleware:
    """Answers 503 where a page's view lost PostgreSQL, without the traceback that a mistake of ours would get."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return unavailable(request) if database_failed(error) else None
