"""The API of one student over all courses."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.registers.student_courses import student_courses
from qrsessions.api.base import TeacherView
from qrsessions.queries.access import find_student, whole_sections
from qrsessions.serializers.date_range import DateRangeSerializer
from qrsessions.serializers.standings import StudentCourseSerializer


class StudentCourses(TeacherView):
    @extend_schema(parameters=[DateRangeSerializer], responses=StudentCourseSerializer(many=True))
    def get(self, request: Request, student_id: str) -> Response:
        """A student's courses, the latest term first: the sections of which you see every class, with their numbers."""
        user, today = signed_in(request), timezone.localdate()
        student = find_student(user, student_id, on=today)
        wanted = DateRangeSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        sections = whole_sections(user, on=today)
        courses = student_courses(student, sections, today=today, dates=wanted.dates)
        return Response(StudentCourseSerializer(courses, many=True).data)
