"""The API of who is taught and who was there."""

import datetime
from typing import cast

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attendance.api.permissions import IsStudent, IsTeacher, signed_in, student_of
from attendance.api.serializers import (
    OwnSectionSerializer,
    SectionSerializer,
    SignInSerializer,
    TokenSerializer,
)
from attendance.api.terms import TermFilterSerializer, in_wanted_terms
from attendance.lib.rate_limits import TooOften
from attendance.models import ApiToken, Meeting, Section, Student, User
from attendance.models.teaching import SectionQuerySet
from attendance.queries.student_history import own_sections


class NoSignIn(BaseAuthentication):
    """Signs nobody in. Its header makes a refusal 401 instead of 403."""

    def authenticate(self, request: Request) -> None:
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class SignIn(APIView):
    authentication_classes = (NoSignIn,)
    permission_classes = ()

    @extend_schema(request=SignInSerializer, responses=TokenSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Exchange a user name (or e-mail) and a password for a new token: `Authorization: Token <token>`.

        You hold at most ten tokens. An eleventh replaces the one unused for longest.
        """
        credentials = SignInSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        account, password = credentials.validated_data["username"], credentials.validated_data["password"]
        try:
            user = authenticate(request._request, username=account, password=password)
        except TooOften as refused:
            user_login_failed.send(
                sender=User,
                credentials={"username": account},
                request=request._request,
                reason=refused.code,
            )
            refused.is_logged = True
            raise
        if not isinstance(user, User):
            raise exceptions.AuthenticationFailed(_("Wrong user name or password."))
        key = ApiToken.objects.make(user=user, at=timezone.now())
        user_logged_in.send(sender=User, request=request._request, user=user)
        return Response({"token": key, "role": user.role})


class SectionList(APIView):
    permission_classes = (IsTeacher,)

    @extend_schema(parameters=[TermFilterSerializer], responses=SectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The sections that you teach. Those of past terms are left out, except while a session is open."""
        user, today = signed_in(request), timezone.localdate()
        running = Q(Exists(Meeting.objects.open().filter(section=OuterRef("pk"))))
        found = in_wanted_terms(sections_run_by(user, on=today), request, on=today, always=running)
        return Response(SectionSerializer.many_as_json(found, on=today))


class OwnRecords(APIView):
    permission_classes = (IsStudent,)

    @extend_schema(responses=OwnSectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your own attendance per section, with percentages, also of past terms."""
        student = cast("Student", student_of(signed_in(request)))
        return Response(OwnSectionSerializer(own_sections(student, on=timezone.localdate()), many=True).data)


def sections_run_by(user: User, *, on: datetime.date) -> SectionQuerySet:
    """The sections that the user teaches on the day, each with its ``total_students`` and ``open_session``."""
    sections = with_numbers(Section.objects.run_by(user, on=on), on=on)
    return sections.order_by("course__code", "name", "-term__first_day", "-term__name")


def with_numbers(sections: SectionQuerySet, *, on: datetime.date) -> SectionQuerySet:
    """With what the API shows of a section besides its fields."""
    running = Meeting.objects.filter(section=OuterRef("pk")).open().values("public_id")[:1]
    counted = sections.with_total_students(on).annotate(open_session=Subquery(running))
    return counted.select_related("course", "term")
