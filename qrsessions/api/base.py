"""What the views of the API share."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attendance.api.permissions import IsStudent, IsTeacher, signed_in, student_of
from attendance.lib.refusals import Refused
from attendance.models import Meeting, Student
from qrsessions.codes.devices import give_device
from qrsessions.models import GroupSession, QRSession, SessionOrGroup
from qrsessions.queries.access import (
    check_may_correct,
    check_may_manage,
    check_may_run,
    find_group,
    find_register,
    find_session,
)

CONFLICT = OpenApiResponse(OpenApiTypes.OBJECT, description="Refused; `code` says why.")
# Pages send the user they were made for, because somebody else may have signed in since in another tab.
PAGE_OF_HEADER = "X-Rollcall-User"
# The same in ``request.META``.
PAGE_OF = f"HTTP_{PAGE_OF_HEADER.upper().replace('-', '_')}"

Method = TypeVar("Method", bound=Callable[..., Any])
Found = TypeVar("Found", QRSession, GroupSession, Meeting)


class OtherUser(Refused):
    code = "other_user"
    detail = _("Someone else has signed in on this phone. Reload the page.")


class StudentView(APIView):
    """For users who are students. ``gives_device``: a browser without a device cookie gets one with the answer."""

    permission_classes = (IsStudent,)
    gives_device = False

    def student(self, request: Request) -> Student:
        """The student who is signed in.

        :raises OtherUser: if the page that asks was made for somebody else
        """
        user = signed_in(request)
        if request.META.get(PAGE_OF, str(user.pk)) != str(user.pk):
            raise OtherUser
        return cast("Student", student_of(user))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if self.gives_device:
            give_device(request, response)
        return super().finalize_response(request, response, *args, **kwargs)


class TeacherView(APIView):
    """For teachers and admins. Methods that change something also need the right to run what they change.

    ``corrects``: they change marks by hand, and need only the right to correct. ``manages``: they change the plan, and
    need the right to manage.
    """

    permission_classes = (IsTeacher,)
    corrects = False
    manages = False

    def session(self, request: Request, public_id: str) -> QRSession:
        """The session, if the user may do with it what the request asks."""
        return self._allowed(request, find_session(signed_in(request), public_id, on=timezone.localdate()))

    def meeting(self, request: Request, public_id: str) -> Meeting:
        """The meeting, which need not have a session, likewise."""
        return self._allowed(request, find_register(signed_in(request), public_id, on=timezone.localdate()))

    def group(self, request: Request, public_id: str) -> GroupSession:
        """The group session, likewise."""
        return self._allowed(request, find_group(signed_in(request), public_id, on=timezone.localdate()))

    def _allowed(self, request: Request, found: Found) -> Found:
        if request.method not in SAFE_METHODS:
            if self.manages:
                check_may_manage(found)
            elif self.corrects:
                check_may_correct(found)
            else:
                check_may_run(found)
        return found


def answers(
    *, session: dict[int, Any], group: dict[int, Any], **documented: Any
) -> Callable[[Method], Method]:
    """``extend_schema`` for a method that answers differently for a session and for a group session."""

    def decorate(method: Method) -> Method:
        method.answers = {False: session, True: group}  # type: ignore[attr-defined]
        return extend_schema(**documented)(method)

    return decorate


class _SessionOrGroupSchema(AutoSchema):
    def get_response_serializers(self) -> Any:
        method = getattr(self.view, self.method.lower())
        if hasattr(method, "answers"):
            return method.answers[cast("SessionOrGroupView", self.view).is_group]
        return super().get_response_serializers()


class SessionOrGroupView(TeacherView):
    """One view for ``sessions/{id}/…`` and, with ``is_group``, for ``group-sessions/{id}/…``."""

    is_group = False
    schema = _SessionOrGroupSchema()

    def session_or_group(self, request: Request, public_id: str) -> SessionOrGroup:
        """The session or group session, if the user may do with it what the request asks."""
        find = self.group if self.is_group else self.session
        return find(request, public_id)
