"""How the API answers what a whole hall asks at once (views that say ``is_quick``), without Django's handler and middleware.

To go through those takes as long as such a view itself, on the event loop (``config/event_loop.py``). So what they do for the API
is done here, each thing once: the host is looked at, the language chosen, and every answer says the same beside what it
says. The rest of the API, and all of it under another server, comes through ``config.middleware.ApiMiddleware``, which
takes the same from here.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.exception import response_for_exception
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils.datastructures import MultiValueDict
from django.utils.log import log_response
from django.utils.translation import get_language, get_language_from_request, override

from attendance.together import Waiting
from attendance.waits import WouldWait, may_wait
from qrsessions.api.student_view import JSON, Content, StudentView, response_of

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Vary": "Accept, Accept-Language, Authorization, Cookie",
}

SHORT_BYTES = 10_000

_NO_FORM = QueryDict()
_NO_FILES: MultiValueDict[str, Any] = MultiValueDict()


class QuickRequest(WSGIRequest):
    """A request to a quick view."""

    _host = ""

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__(environ)
        if self.content_type == JSON:
            # As Django would find when the check for CSRF looks for a form.
            self._post, self._files = _NO_FORM, _NO_FILES
        if isinstance(whole := environ["wsgi.input"], BytesIO) and len(whole.getbuffer()) < SHORT_BYTES:
            # Not read as a stream.
            self._body = whole.getvalue()

    def get_host(self) -> str:
        # Once: the check for CSRF asks again.
        self._host = self._host or super().get_host()
        return self._host


class Answering:
    """A request on its way to its answer: ``go_on`` until ``content`` is there, each time after ``waiting`` is done.

    Nobody has started what it waits for.
    """

    content: Content | None = None
    waiting: Waiting[Any, Any]

    def __init__(self, request: QuickRequest, match: ResolverMatch) -> None:
        self._request, self._match = request, match
        request.resolver_match = match
        self._language = language_of(request)
        self._work = self._answer()

    @classmethod
    def of(cls, environ: dict[str, Any]) -> "Answering | None":
        """How a request with this environment (PEP 3333) is answered here; None where Django's handler does."""
        match = _quick_match(environ["PATH_INFO"])
        if match is None:
            return None
        request = QuickRequest(environ)
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            # It is sent on, by Django's middleware.
            return None
        return cls(request, match)

    def anew(self) -> "Answering":
        """The same request, of which nothing has been done."""
        environ = self._request.environ
        environ["wsgi.input"].seek(0)
        return Answering(QuickRequest(environ), self._match)

    def go_on(self) -> None:
        """
        :raises WouldWait: where nobody may wait, and it has to: nothing has been done, it may be begun ``anew``
        """
        refusal: HttpResponse | None = None
        try:
            with speaking(self._language):
                self.waiting = self._work.send(None)
        except StopIteration as end:
            self.content = content = end.value
            if content.status >= 400:
                refusal = response_of(content)
        except Exception as error:
            if isinstance(error, SynchronousOnlyOperation) and not may_wait():
                # A query was about to be made on an event loop.
                raise WouldWait from error
            refusal = response_for_exception(self._request, error)
            self.content = _content_of(refusal)
        if refusal:
            # As Django's handler does, unless it has.
            log_response(
                "%s: %s",
                refusal.reason_phrase,
                self._request.path,
                response=refusal,
                request=self._request,
            )

    def headers(self) -> list[tuple[str, str]]:
        """Those of the answer."""
        assert self.content is not None  # noqa: S101 - whoever sends it has it
        headers = [
            *_said_by_all(self._language, is_secure=self._request.is_secure()),
            *self.content.headers.items(),
            ("Content-Length", str(len(self.content.content))),
        ]
        if self.content.cookies:
            headers += [("Set-Cookie", morsel.OutputString()) for morsel in self.content.cookies.values()]
        return headers

    async def _answer(self) -> Content:
        # Refuses a host that is none of the site's.
        self._request.get_host()
        args, kwargs = self._match.args, self._match.kwargs
        view: Any = self._match.func
        if not issubclass(view.view_class, StudentView):
            return _content_of(view(self._request, *args, **kwargs))
        of_student: StudentView = view.view_class(**view.view_initkwargs)
        of_student.setup(self._request, *args, **kwargs)
        return await of_student.answer(self._request, *args, **kwargs)


@lru_cache(maxsize=1024)
def match_of(path: str, urlconf: str) -> ResolverMatch:
    """
    :raises Resolver404: if nothing has this path
    """
    return resolve(path, urlconf)


def _quick_match(path: str) -> ResolverMatch | None:
    if not path.startswith("/api/"):
        return None
    try:
        match = match_of(path, settings.ROOT_URLCONF)
    except Resolver404:
        return None
    return match if getattr(getattr(match.func, "view_class", None), "is_quick", False) else None


def language_of(request: HttpRequest) -> str:
    """The language in which the request is answered; it is kept there as well."""
    language = request.LANGUAGE_CODE = _language(
        request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME), request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    )
    return language


@lru_cache(maxsize=256)
def _language(cookie: str | None, accepted: str) -> str:
    cookies = {settings.LANGUAGE_COOKIE_NAME: cookie} if cookie else {}
    asked = SimpleNamespace(COOKIES=cookies, META={"HTTP_ACCEPT_LANGUAGE": accepted})
    return get_language_from_request(cast("HttpRequest", asked))


def speaking(language: str) -> AbstractContextManager[None]:
    """This thread speaks the language. To switch takes longer than to look, and most read the language of the site."""
    return nullcontext() if language == get_language() else override(language)


@lru_cache(maxsize=256)
def _said_by_all(language: str, *, is_secure: bool) -> list[tuple[str, str]]:
    response = HttpResponse(headers={**HEADERS, "Content-Language": language})
    del response.headers["Content-Type"]
    asked = cast("HttpRequest", SimpleNamespace(is_secure=lambda: is_secure))
    middleware = SecurityMiddleware(
        cast("Callable[[HttpRequest], HttpResponseBase]", lambda request: response)
    )
    return list(middleware.process_response(asked, response).items())


def _content_of(response: HttpResponseBase) -> Content:
    if isinstance(response, SimpleTemplateResponse):
        response.render()
    assert isinstance(response, HttpResponse)  # noqa: S101 - a quick view streams nothing
    headers = {name: value for name, value in response.items() if name not in HEADERS}
    return Content(response.content, response.status_code, headers, response.cookies or None)
