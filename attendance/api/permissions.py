"""Who may call what in the API. What a call then finds is limited by ``visible_to`` of each QuerySet."""

from typing import TYPE_CHECKING, cast

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from attendance.models import Role, Student, User

if TYPE_CHECKING:
    from django.http import HttpRequest


class IsTeacher(BasePermission):
    """Teachers, and admins."""

    code = "wrong_role"
    message = _("Only teachers can do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) and request.user.role in (Role.TEACHER, Role.ADMIN)


class IsAdmin(IsTeacher):
    message = _("Only administrators can do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and signed_in(request).role is Role.ADMIN


class IsStudent(BasePermission):
    """Users who are taught; a teacher who is taught as well is one of them."""

    code = "wrong_role"
    message = _("Only students can do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) and student_of(request.user) is not None


def signed_in(request: "Request | HttpRequest") -> User:
    """The user of a request that its view's permissions have let through."""
    return cast("User", request.user)


def student_of(user: User) -> Student | None:
    """The student that this user is, if any."""
    return getattr(user, "student", None)
