"""The API of who is taught and who was there."""

from typing import cast

from allauth.account.adapter import get_adapter
from django.contrib.auth import authenticate
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attendance.history import own_sections
from attendance.known_users import student_of
from attendance.models import Meeting, Section, Student, User
from attendance.permissions import IsStudent, IsTeacher, signed_in
from attendance.ratelimit import count_sign_in
from attendance.serializers import OwnSectionSerializer, SectionSerializer, SignInSerializer, TokenSerializer


class SignIn(APIView):
    # It needs no sign-in; the class is here for the WWW-Authenticate header that makes a refusal 401.
    authentication_classes = (TokenAuthentication,)
    permission_classes = ()

    @extend_schema(request=SignInSerializer, responses=TokenSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """Exchange a user name (or e-mail) and a password for a token: `Authorization: Token <token>`."""
        credentials = SignInSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        account, password = credentials.validated_data["username"], credentials.validated_data["password"]
        attempt = count_sign_in(account=account, address=get_adapter().get_client_ip(request))
        user = authenticate(request._request, username=account, password=password)
        if not isinstance(user, User):
            raise exceptions.AuthenticationFailed(_("The user name or the password is wrong."))
        attempt.succeeded()
        token, _created = Token.objects.get_or_create(user=user)
        return Response({"token": token.key, "role": user.role})


class SectionList(APIView):
    permission_classes = (IsTeacher,)

    @extend_schema(responses=SectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The sections that you teach."""
        return Response(SectionSerializer(sections_of(signed_in(request)), many=True).data)


class OwnRecords(APIView):
    permission_classes = (IsStudent,)

    @extend_schema(responses=OwnSectionSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Your own attendance per section, with percentages."""
        student = cast("Student", student_of(signed_in(request)))
        return Response(OwnSectionSerializer(own_sections(student), many=True).data)


def sections_of(user: User) -> QuerySet[Section]:
    """The sections that the user teaches, each with ``total_students`` now and its ``open_session``."""
    running = Meeting.objects.filter(section=OuterRef("pk")).open().values("public_id")[:1]
    sections = Section.objects.visible_to(user).with_total_students(timezone.localdate())
    sections = sections.annotate(open_session=Subquery(running)).select_related("course")
    return sections.order_by("course__code", "name", "-term")
