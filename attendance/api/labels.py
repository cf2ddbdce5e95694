"""The API of the institution's own labels and its reasons for excuses."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from attendance.api.permissions import IsTeacher
from attendance.models import ExcuseReason, StatusLabel


class LabelSerializer(serializers.ModelSerializer[StatusLabel]):
    class Meta:
        model = StatusLabel
        fields = ["name", "letter", "colour", "meaning"]


class ReasonSerializer(serializers.ModelSerializer[ExcuseReason]):
    class Meta:
        model = ExcuseReason
        fields = ["code", "name"]


class LabelList(APIView):
    permission_classes = (IsTeacher,)

    @extend_schema(responses=LabelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The institution's own labels that can be chosen, by name. Each is a kind of one of the four statuses."""
        return Response(LabelSerializer(StatusLabel.objects.active(), many=True).data)


class ReasonList(APIView):
    permission_classes = (IsTeacher,)

    @extend_schema(responses=ReasonSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The reasons for excuses that can be chosen, by name."""
        return Response(ReasonSerializer(ExcuseReason.objects.active(), many=True).data)
