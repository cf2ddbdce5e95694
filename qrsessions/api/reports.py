"""The API of reports: the figures of sections, and students at risk."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.fields import IdField
from attendance.api.permissions import signed_in
from attendance.models import Section
from attendance.reports.at_risk import AtRisk, students_at_risk
from attendance.reports.sections import SectionReport, section_reports
from attendance.reports.size import check_size
from attendance.rules.risk import ABSENCES_IN_A_ROW, Risk
from attendance.rules.standing import Standing
from qrsessions.api.base import TeacherView
from qrsessions.queries.reports.selection import REPORTS, Wanted, chosen_sections
from qrsessions.serializers.date_range import DateRangeSerializer


class ReportPages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100


class ReportFilterSerializer(DateRangeSerializer):
    """What a report is about. Sections of past terms are left out, unless one of them or their term is asked for."""

    section = IdField(required=False)
    course = serializers.CharField(required=False, help_text="The code of a course.")
    department = serializers.CharField(required=False, help_text="The department of courses.")
    term = IdField(required=False, help_text="The id of a term.")
    page = serializers.IntegerField(required=False, min_value=1)
    page_size = serializers.IntegerField(
        required=False, min_value=1, help_text=f"At most {ReportPages.max_page_size}."
    )


class AtRiskFilterSerializer(ReportFilterSerializer):
    absences = serializers.IntegerField(
        required=False,
        min_value=2,
        max_value=50,
        help_text=f"How many absences in a row, up to the latest class, are a reason; {ABSENCES_IN_A_ROW} by default.",
    )


class OfSectionSerializer(serializers.Serializer[Any]):
    section = serializers.IntegerField(source="section.pk")
    course = serializers.CharField(source="section.course.code")
    course_title = serializers.CharField(source="section.course.title")
    department = serializers.CharField(source="section.course.department")
    name = serializers.CharField(source="section.name")
    term = serializers.CharField(source="section.term_name")
    rule = serializers.ListField(
        child=serializers.CharField(),
        source="rule_words",
        help_text="The rule in words, a sentence for each part.",
    )


class SectionReportSerializer(OfSectionSerializer):
    students = serializers.IntegerField(
        source="figures.students", help_text="Enrolled at the end of the range."
    )
    with_percentage = serializers.IntegerField(
        source="figures.with_percentage", help_text="Students for whom a class counts."
    )
    held = serializers.IntegerField(source="figures.held", help_text="Classes held.")
    not_taken = serializers.IntegerField(
        source="figures.not_taken", help_text="Planned classes at which nobody took attendance."
    )
    mean_percentage = serializers.FloatField(
        source="figures.mean_percentage",
        allow_null=True,
        help_text="The mean of the percentages of these students; null if nobody has one.",
    )
    at_risk = serializers.IntegerField(source="figures.at_risk", help_text="Students at risk for any reason.")
    standings = serializers.SerializerMethodField(help_text="How many students stand where.")

    def get_standings(self, report: SectionReport) -> dict[str, int]:
        return {standing.value: report.figures.standings[standing] for standing in Standing}


class AtRiskReasonSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(
        choices=list(Risk),
        help_text="`lost`: cannot reach the minimum any more. `below` the minimum. `absences` in a row. `falling`: attends much less than before.",
    )
    words = serializers.CharField()


class AtRiskSerializer(OfSectionSerializer):
    student_id = serializers.CharField(source="student.student_id")
    roll_number = serializers.CharField()
    student_name = serializers.CharField(source="student.name")
    attended = serializers.FloatField(help_text="What the classes that count add up to.")
    held = serializers.IntegerField(source="result.held", help_text="Classes that count.")
    percentage = serializers.FloatField(
        source="result.percentage",
        allow_null=True,
        help_text="`attended` of `held`; null if no class counts.",
    )
    standing = serializers.ChoiceField(source="result.standing", choices=list(Standing))
    may_miss = serializers.IntegerField(source="result.may_miss", allow_null=True)
    must_attend = serializers.IntegerField(source="result.must_attend", allow_null=True)
    remain = serializers.IntegerField(
        source="result.remain",
        allow_null=True,
        help_text="Planned classes; null if the rule does not count them.",
    )
    forecast = serializers.CharField(help_text="In words; empty without a minimum.")
    reasons = serializers.SerializerMethodField()

    @extend_schema_field(AtRiskReasonSerializer(many=True))
    def get_reasons(self, one: AtRisk) -> list[dict[str, str]]:
        return [
            {"code": reason.value, "words": words} for reason, words in zip(one.reasons, one.why, strict=True)
        ]


class _PageSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Of all pages.")
    next = serializers.URLField(allow_null=True, help_text="The address of the next page.")
    previous = serializers.URLField(allow_null=True)


class SectionReportPageSerializer(_PageSerializer):
    results = SectionReportSerializer(many=True)


class AtRiskPageSerializer(_PageSerializer):
    results = AtRiskSerializer(many=True)


class SectionReports(TeacherView):
    @extend_schema(parameters=[ReportFilterSerializer], responses=SectionReportPageSerializer)
    def get(self, request: Request) -> Response:
        """The figures of the sections of which you see every class, in order of departments, courses and names.

        400 `too_much`: the sections of the page have too many classes; ask for smaller pages or fewer days.
        """
        at = timezone.now()
        sections, given = _chosen(request, ReportFilterSerializer)
        pages = ReportPages()
        page: list[Section] = pages.paginate_queryset(sections, request) or []
        check_size(page, given["dates"])
        found = section_reports(page, today=timezone.localdate(at), at=at, dates=given["dates"])
        return pages.get_paginated_response(SectionReportSerializer(found, many=True).data)


class StudentsAtRisk(TeacherView):
    @extend_schema(parameters=[AtRiskFilterSerializer], responses=AtRiskPageSerializer)
    def get(self, request: Request) -> Response:
        """The students at risk in these sections, those with the most serious reason first.

        400 `too_much`: the sections have too many classes; choose a section, a course, a department or fewer days.
        """
        sections, given = _chosen(request, AtRiskFilterSerializer)
        check_size(sections, given["dates"])
        found = students_at_risk(
            sections,
            today=timezone.localdate(),
            dates=given["dates"],
            absences=given.get("absences", ABSENCES_IN_A_ROW),
        )
        pages = ReportPages()
        page = pages.paginate_queryset(found, request)
        return pages.get_paginated_response(AtRiskSerializer(page, many=True).data)


def _chosen(
    request: Request, serializer: type[ReportFilterSerializer]
) -> tuple[list[Section], dict[str, Any]]:
    """The sections that the request asks for, and all that it gives, with the ``dates``."""
    user = signed_in(request)
    REPORTS.allow(str(user.pk))
    wanted = serializer(data=request.query_params)
    wanted.is_valid(raise_exception=True)
    given = dict(wanted.validated_data)
    of = {name: given[name] for name in ("section", "course", "department", "term") if name in given}
    given["dates"] = wanted.dates
    return chosen_sections(user, Wanted(**of), on=timezone.localdate()), given
