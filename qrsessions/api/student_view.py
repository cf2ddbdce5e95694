"""The view of what students ask: a whole hall at once, so it is as lean as a view of Django REST framework can be."""

from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import SimpleCookie
from inspect import iscoroutine
from typing import Any, NamedTuple, cast

from django.http import HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import json
from rest_framework.views import APIView

from attendance.known_users import student_of
from attendance.models import Student
from attendance.permissions import IsStudent, signed_in
from attendance.together import finished
from qrsessions.api.base import PAGE_OF, OtherUser
from qrsessions.devices import lacks_device, new_device

JSON = "application/json"

_RENDERER = JSONRenderer()


class Answer(NamedTuple):
    """What a method of a view answers; ``data`` as DRF renders it, None for nothing at all."""

    data: Any
    status: int = 200
    headers: Mapping[str, str] = {}


class Content(NamedTuple):
    """A whole answer, but for what every answer of the API says (``config/answering.py``)."""

    content: bytes
    status: int
    headers: Mapping[str, str]
    cookies: SimpleCookie | None = None


class StudentView(APIView):
    """For users who are taught. It signs in and refuses as DRF does, but has nothing to negotiate: JSON in, JSON out.

    Its methods get Django's own request, with the ``user`` and ``auth`` that DRF's would have; ``body_of`` is its ``data``.
    They may be coroutines, which wait for nothing but what is done together (``attendance.together``).
    """

    permission_classes = (IsStudent,)
    # Answered from what the process knows, where that is enough (config/event_loop.py).
    is_quick = True
    # It runs its coroutines itself, unless somebody else runs ``answer``.
    view_is_async = False
    gives_device = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return response_of(finished(self.answer(request, *args, **kwargs)))

    async def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Content:
        """What is answered, in the language of the thread, which has to be the request's each time that this goes on."""
        asked = self.request = cast("Request", request)
        content = _content(await self._answer(asked, *args, **kwargs))
        if self.gives_device and lacks_device(request):
            content = content._replace(cookies=new_device())
        return content

    def student(self, request: Request) -> Student:
        """The student who is signed in.

        :raises OtherUser: if the page that asks was made for somebody else
        """
        user = signed_in(request)
        if request.META.get(PAGE_OF, str(user.pk)) != str(user.pk):
            raise OtherUser
        return cast("Student", student_of(user))

    async def _answer(self, asked: Request, *args: Any, **kwargs: Any) -> Answer:
        try:
            await self._sign_in(asked)
            name = (asked.method or "").lower()
            handler = getattr(self, name, None) if name in self.http_method_names else None
            answer: Any = (handler or self.http_method_not_allowed)(asked, *args, **kwargs)
            if iscoroutine(answer):
                answer = await answer
        except Exception as error:  # noqa: BLE001 - raised again there if it is no refusal
            return self._refusal(error)
        # OPTIONS is answered by DRF's own view.
        return answer if isinstance(answer, Answer) else _as_answer(answer)

    def _refusal(self, error: Exception) -> Answer:
        response = self.handle_exception(error)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(self.allowed_methods)
        return _as_answer(response)

    async def _sign_in(self, request: Request) -> None:
        authenticators: Any = self.get_authenticators()
        for authenticator in authenticators:
            found = await authenticator.signs_in(request)
            if found:
                request.user, request.auth = found
                break
        else:
            raise exceptions.NotAuthenticated
        for permission in self.get_permissions():
            if not permission.has_permission(request, self):
                # As ``permission_denied`` of DRF, which needs its own request.
                raise exceptions.PermissionDenied(
                    getattr(permission, "message", None), getattr(permission, "code", None)
                )


def body_of(request: Request) -> bytes:
    """The body, which says that it is JSON; empty where nothing was sent.

    :raises UnsupportedMediaType: if it says otherwise
    :raises RequestDataTooBig: if it is larger than anything that is sent here
    """
    body: bytes = request.body
    if body and request.content_type != JSON:
        raise exceptions.UnsupportedMediaType(request.content_type)
    return body


def read_json(body: bytes) -> Any:
    """What was sent, as DRF's JSONParser reads it.

    :raises ParseError: if it is no JSON that can be read
    """
    if not body:
        return {}
    try:
        return json.loads(body)  # type: ignore[arg-type]  # as the standard library's, bytes as well
    except (ValueError, RecursionError) as error:
        raise exceptions.ParseError(f"JSON parse error - {error}") from error


def _as_answer(response: Response) -> Answer:
    headers = {name: value for name, value in response.items() if name != "Content-Type"}
    return Answer(response.data, response.status_code, headers)


def _content(answer: Answer) -> Content:
    content = b"" if answer.data is None else _RENDERER.render(answer.data)
    return Content(content, answer.status, {"Content-Type": JSON, **answer.headers})


def response_of(content: Content) -> HttpResponse:
    """The same as a response of Django's."""
    response = HttpResponse(content.content, status=content.status, headers=content.headers)
    if content.cookies:
        response.cookies.update(content.cookies)
    if content.status == HTTPStatus.TOO_MANY_REQUESTS:
        # As Django marks what it has logged: a line for each would be more work than the refusal saves.
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response
