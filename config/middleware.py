"""Middleware of the whole site."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, resolve
from django.utils.translation import get_language_from_request, override

from attendance.lib.refusals import Busy
from config.errors import busy, database_failed, is_api, unavailable

HIGHEST_PORT = 65535


class NoStoreMiddleware:
    """No browser or proxy keeps an answer, unless its view says so: nearly all of them are about people."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response.setdefault("Cache-Control", "no-store")
        return response


class HostMiddleware:
    """Refuses a host that is not the site's, or has an impossible port, before anything else is done."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = request.get_host()
        _domain, port = split_domain_port(host)
        # Django checks only the name.
        if port and (len(port) > len(str(HIGHEST_PORT)) or int(port) > HIGHEST_PORT):
            raise DisallowedHost(f"Invalid HTTP_HOST header: {host!r}. There is no such port.")
        return self._get_response(request)


class ApiMiddleware:
    """Calls the API's views without the middleware below it, which only pages need.

    The views sign in and check CSRF by themselves (``config.accounts.authentication``) and answer errors as JSON.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self._get_response(request)
        try:
            match = request.resolver_match = resolve(request.path_info, settings.ROOT_URLCONF)
        except Resolver404:
            return self._get_response(request)
        language = get_language_from_request(request)
        request.LANGUAGE_CODE = language
        with override(language):
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        response.headers["Content-Language"] = language
        response.headers["Vary"] = "Accept, Accept-Language, Authorization, Cookie"
        response.headers["X-Frame-Options"] = "DENY"
        if not response.streaming:
            response.headers["Content-Length"] = str(len(response.content))
        return response


class OverloadMiddleware:
    """Answers 503 if a page's view lost PostgreSQL, and 429 if the server is busy, without a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Busy):
            return busy(request)
        return unavailable(request) if database_failed(error, request) else None
