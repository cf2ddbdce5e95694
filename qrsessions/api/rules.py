"""The API of what counts as attendance in a section."""

import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.models import AttendanceRule, ExcusedCounts, Section, StatusLabel
from attendance.models.rules import FIELDS
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.queries.access import find_section, find_section_to_manage
from qrsessions.serializers.standings import SimulationSerializer
from qrsessions.services.settings import set_attendance_rule, simulate_attendance_rule


class RuleVersionSerializer(serializers.ModelSerializer[AttendanceRule]):
    """What the institution, the course or the section says from a day on; null is left to the wider scope."""

    scope = serializers.SerializerMethodField()
    label_counts = serializers.SerializerMethodField()
    excused = serializers.SerializerMethodField()

    class Meta:
        model = AttendanceRule
        fields = ["scope", "valid_from", *FIELDS, "label_counts"]

    def get_scope(self, rule: AttendanceRule) -> str:
        """`institution`, `course` or `section`"""
        if rule.section_id:
            return "section"
        return "course" if rule.course_id else "institution"

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_label_counts(self, rule: AttendanceRule) -> dict[str, int]:
        """What labels count, in per cent of a class, by their names; other labels count as their status does"""
        names: dict[int, str] = self.context["label_names"]
        return {names[label]: counts for label, counts in sorted(rule.label_counts.items())}

    def get_excused(self, rule: AttendanceRule) -> str | None:
        """`neutral` or `attended`"""
        return rule.excused or None


class SetRuleSerializer(serializers.Serializer[Any]):
    """Fields that are left out stay as they are. null leaves the field to the course or the institution."""

    valid_from = serializers.DateField(required=False, help_text="The first day; today if it is left out.")
    changes_past = serializers.BooleanField(
        default=False, help_text="Allow a first day before today, which changes numbers that have been shown."
    )
    minimum_percentage = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="0 for no minimum."
    )
    warn_below = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="0 for no warning."
    )
    late_counts = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="In per cent of a class."
    )
    lates_per_absence = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=100, help_text="0 for never."
    )
    excused = serializers.ChoiceField(ExcusedCounts.choices, required=False, allow_null=True)
    drop_lowest = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=100)
    forecast_counts_planned = serializers.BooleanField(required=False, allow_null=True)

    label_counts = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=100, allow_null=True),
        required=False,
        help_text="What labels count, in per cent of a class, by their names; null for as much as the label's status.",
    )

    def validate_label_counts(self, counts: dict[str, int | None]) -> dict[int, int | None]:
        """The same by the keys of the labels."""
        keys = dict(StatusLabel.objects.values_list("name", "pk"))
        if unknown := sorted(counts.keys() - keys):
            raise serializers.ValidationError(_("There is no label “%(name)s”.") % {"name": unknown[0]})
        return {keys[name]: value for name, value in counts.items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.keys().isdisjoint((*FIELDS, "label_counts")):
            raise serializers.ValidationError(_("Name at least one part of the rule."))
        return attrs

    @property
    def to(self) -> dict[str, Any]:
        """The parts that are named, as ``set_for_section`` takes them."""
        return {
            name: value for name, value in self.validated_data.items() if name in (*FIELDS, "label_counts")
        }

    def first_day(self, *, today: datetime.date) -> datetime.date:
        valid_from: datetime.date = self.validated_data.get("valid_from", today)
        return valid_from


class SectionRule(TeacherView):
    @extend_schema(responses=RuleVersionSerializer(many=True))
    def get(self, request: Request, section_id: int) -> Response:
        """Every version that concerns the section: of the institution, then of the course, then of the section.

        On a day, the latest version of each scope that has begun holds. What the section leaves open, the course decides,
        then the institution.
        """
        return Response(_json(find_section(signed_in(request), section_id, on=timezone.localdate())))

    @extend_schema(
        request=SetRuleSerializer, responses={200: RuleVersionSerializer(many=True), 409: CONFLICT}
    )
    def put(self, request: Request, section_id: int) -> Response:
        """Let the section say this from a day on. Later versions that only repeat what is changed follow it.

        409 `changes_past`: the day is before today, and `changes_past` is not true.
        """
        at = timezone.now()
        user, today = signed_in(request), timezone.localdate(at)
        section = find_section_to_manage(user, section_id, on=today)
        wanted = SetRuleSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        set_attendance_rule(
            section=section,
            to=wanted.to,
            valid_from=wanted.first_day(today=today),
            changes_past=wanted.validated_data["changes_past"],
            by=user,
            at=at,
        )
        return Response(_json(section))


class SimulateRule(TeacherView):
    @extend_schema(request=SetRuleSerializer, responses=SimulationSerializer)
    def post(self, request: Request, section_id: int) -> Response:
        """Who would stand elsewhere if the section said this: the same fields as for `PUT`. Nothing is written."""
        user, today = signed_in(request), timezone.localdate()
        section = find_section_to_manage(user, section_id, on=today)
        wanted = SetRuleSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = simulate_attendance_rule(
            section=section,
            to=wanted.to,
            valid_from=wanted.first_day(today=today),
            by=user,
            today=today,
        )
        return Response(SimulationSerializer(found).data)


def _json(section: Section) -> Any:
    (scopes,) = AttendanceRule.objects.by_section([section]).values()
    rules = [rule for versions in scopes for rule in versions]
    context = {"label_names": dict(StatusLabel.objects.values_list("pk", "name"))}
    return RuleVersionSerializer(rules, many=True, context=context).data
