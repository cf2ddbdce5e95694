"""The API of one section and its rules."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.api.serializers import SectionSerializer
from attendance.api.views import with_numbers
from attendance.models import Section
from qrsessions.api.base import TeacherView
from qrsessions.forms.teachers import MAX_MINUTES
from qrsessions.queries.access import find_section_to_manage
from qrsessions.services.settings import set_section_rules


class SectionRulesSerializer(serializers.Serializer[Any]):
    """Fields that are left out stay the same. null turns a rule off."""

    minimum_percentage = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=100,
        help_text="Minimum share of the classes held, in per cent.",
    )
    late_after_minutes = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_MINUTES,
        help_text="Scans this many minutes after attendance starts are late.",
    )


class SectionDetail(TeacherView):
    @extend_schema(responses=SectionSerializer)
    def get(self, request: Request, section_id: int) -> Response:
        """One section that you teach or have taught."""
        return self._answer(request, section_id)

    @extend_schema(request=SectionRulesSerializer, responses=SectionSerializer)
    def patch(self, request: Request, section_id: int) -> Response:
        """Set the section's rules. Existing marks stay the same."""
        user = signed_in(request)
        section = find_section_to_manage(user, section_id, on=timezone.localdate())
        wanted = SectionRulesSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        set_section_rules(section=section, to=wanted.validated_data, by=user, at=timezone.now())
        return self._answer(request, section_id)

    def _answer(self, request: Request, section_id: int) -> Response:
        today = timezone.localdate()
        visible = Section.objects.visible_to(signed_in(request), on=today)
        section = get_object_or_404(with_numbers(visible, on=today), pk=section_id)
        (answer,) = SectionSerializer.many_as_json([section], on=today)
        return Response(answer)
