"""What the views of the API share."""

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from attendance.models import Student
from attendance.permissions import IsStudent, IsTeacher, signed_in
from qrsessions.models import QRSession

CONFLICT = OpenApiResponse(OpenApiTypes.OBJECT, description="Refused in the present state; see `code`.")


class TeacherView(APIView):
    permission_classes = (IsTeacher,)

    def session(self, request: Request, public_id: str) -> QRSession:
        """The session, if the user may see it."""
        visible = QRSession.objects.visible_to(signed_in(request)).with_names()
        return get_object_or_404(visible, meeting__public_id=public_id)


class StudentView(APIView):
    permission_classes = (IsStudent,)

    def student(self, request: Request) -> Student:
        return Student.objects.get(user=signed_in(request))
