"""The API of one section: its rules, which its teachers set."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api import sections_of
from attendance.models import Section
from attendance.permissions import signed_in
from attendance.serializers import SectionSerializer
from qrsessions.api.base import TeacherView
from qrsessions.forms import MOST_MINUTES
from qrsessions.section_rules import set_rules


class SectionRulesSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is; null is no such rule."""

    minimum_percentage = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="Of the classes held."
    )
    late_after_minutes = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MOST_MINUTES,
        help_text="A scan that comes so long after attendance was started is late.",
    )


class SectionDetail(TeacherView):
    @extend_schema(responses=SectionSerializer)
    def get(self, request: Request, section_id: int) -> Response:
        """One section that you teach."""
        return self._answer(request, section_id)

    @extend_schema(request=SectionRulesSerializer, responses=SectionSerializer)
    def patch(self, request: Request, section_id: int) -> Response:
        """Set the section's rules. Marks that were made stay as they are."""
        user = signed_in(request)
        section = get_object_or_404(Section.objects.visible_to(user), pk=section_id)
        wanted = SectionRulesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        set_rules(section=section, to=wanted.validated_data, by=user, at=timezone.now())
        return self._answer(request, section_id)

    def _answer(self, request: Request, section_id: int) -> Response:
        section = get_object_or_404(sections_of(signed_in(request)), pk=section_id)
        return Response(SectionSerializer(section).data)
