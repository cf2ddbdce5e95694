"""The API that explains a percentage."""

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.queries.students import students_of
from attendance.registers.explanation import explain
from qrsessions.api.base import TeacherView
from qrsessions.queries.access import find_whole_section
from qrsessions.serializers.date_range import DateRangeSerializer
from qrsessions.serializers.standings import ExplanationSerializer


class Explain(TeacherView):
    @extend_schema(parameters=[DateRangeSerializer], responses=ExplanationSerializer)
    def get(self, request: Request, section_id: int, student_id: str) -> Response:
        """How a student's percentage in the section comes about: each meeting, the rule and the arithmetic.

        403 `not_whole`: you see only some of the section's classes.
        """
        today = timezone.localdate()
        section = find_whole_section(signed_in(request), section_id, on=today)
        student = get_object_or_404(students_of(section), student_id=student_id)
        wanted = DateRangeSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        return Response(
            ExplanationSerializer(explain(section, student, today=today, dates=wanted.dates)).data
        )
