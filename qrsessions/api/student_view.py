"""The view of what students ask: a whole hall at once, so it is as lean as a view of Django REST framework can be."""

from http import HTTPStatus
from inspect import iscoroutine
from typing import Any, cast

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
from qrsessions.api.later import MAY_BE_LATER, Later

JSON = "application/json"

_RENDERER = JSONRenderer()


class StudentView(APIView):
    """For users who are taught. It signs in and refuses as DRF does, but has nothing to negotiate: JSON in, JSON out.

    Its methods get Django's own request, with the ``user`` and ``auth`` that DRF's would have; ``body_of`` is its ``data``.
    """

    permission_classes = (IsStudent,)
    # Answered from what the process knows, where that is enough (config/rsgi.py).
    is_quick = True
    # Its methods may be coroutines, which wait for nothing but what is done together; it runs them itself.
    view_is_async = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = self.request = cast("Request", request)
        work = self._answer(asked, *args, **kwargs)
        try:
            waiting = work.send(None)
        except StopIteration as end:
            answer: HttpResponse = end.value
            return answer
        if MAY_BE_LATER in request.META:
            return Later(request, work, waiting)
        waiting.wait()
        return finished(work)

    async def _answer(self, asked: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            self._sign_in(asked)
            name = (asked.method or "").lower()
            handler = getattr(self, name, None) if name in self.http_method_names else None
            response = (handler or self.http_method_not_allowed)(asked, *args, **kwargs)
            if iscoroutine(response):
                response = await response
        except Exception as error:  # noqa: BLE001 - raised again there if it is no refusal
            response = self.handle_exception(error)
            if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                response.headers["Allow"] = ", ".join(self.allowed_methods)
        return _rendered(response)

    def student(self, request: Request) -> Student:
        """The student who is signed in.

        :raises OtherUser: if the page that asks was made for somebody else
        """
        user = signed_in(request)
        if request.META.get(PAGE_OF, str(user.pk)) != str(user.pk):
            raise OtherUser
        return cast("Student", student_of(user))

    def _sign_in(self, request: Request) -> None:
        for authenticator in self.get_authenticators():
            found = authenticator.authenticate(request)
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


def body_of(request: Request) -> Any:
    """What was sent, as DRF's JSONParser reads it.

    :raises UnsupportedMediaType: if it is no JSON
    :raises ParseError: if it is none that can be read
    """
    body = request.body
    if not body:
        return {}
    if request.content_type != JSON:
        raise exceptions.UnsupportedMediaType(request.content_type)
    try:
        return json.loads(body)  # type: ignore[arg-type]  # as the standard library's, bytes as well
    except (ValueError, RecursionError) as error:
        raise exceptions.ParseError(f"JSON parse error - {error}") from error


def _rendered(response: Response) -> HttpResponse:
    content = b"" if response.data is None else _RENDERER.render(response.data)
    answer = HttpResponse(content, status=response.status_code, content_type=JSON)
    for name, value in response.headers.items():
        if name != "Content-Type":
            answer.headers[name] = value
    return answer
