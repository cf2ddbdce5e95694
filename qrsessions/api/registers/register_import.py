"""The API that imports old registers."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from attendance.api.permissions import signed_in
from attendance.registers.importing import DateOrder, Kind, Options, Report
from attendance.rosters.files import RosterFile
from qrsessions.api.base import CONFLICT, TeacherView
from qrsessions.queries.access import find_section_to_manage
from qrsessions.services.register_import import import_register_file

# More does nobody read; ``counts`` has all of them.
MAX_CHANGES = 1000


class MappingField(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except RecursionError:
            self.fail("invalid")


class RegisterFileSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(
        allow_empty_file=True,
        help_text="A CSV file: one row per student and a column per date, or one row for each.",
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Answer with what would change, and change nothing."
    )
    replace = serializers.BooleanField(
        default=False, help_text="Replace marks that are different in the file. Otherwise each is a problem."
    )
    date_order = serializers.ChoiceField(
        [order.value for order in DateOrder],
        required=False,
        help_text="What 03/04/2026 means. If it is left out, the other dates of the file decide.",
    )
    mapping = MappingField(
        default=dict,
        help_text="What words mean, as a JSON object: a status, the name of a label, `E:` and the code of a reason, an "
        "empty text for no status, or `not_enrolled`.",
    )

    def validate_mapping(self, mapping: Any) -> dict[str, str]:
        if not isinstance(mapping, dict) or not all(isinstance(meaning, str) for meaning in mapping.values()):
            raise serializers.ValidationError(_("Give a JSON object of texts."))
        try:
            "".join([*mapping, *mapping.values()]).encode()
        except UnicodeEncodeError as error:
            # Half of a surrogate pair.
            raise serializers.ValidationError(_("Give a JSON object of texts.")) from error
        return mapping


class ProblemSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(allow_null=True, help_text="null for the whole file")
    column = serializers.CharField(help_text="The heading; empty for the whole line.")
    reason = serializers.CharField()


class MarkChangeSerializer(serializers.Serializer[Any]):
    """A mark that is replaced."""

    student = serializers.CharField()
    held_on = serializers.CharField(help_text="The date, and the time if the file has it.")
    before = serializers.CharField()
    after = serializers.CharField()


class ImportReportSerializer(serializers.Serializer[Report]):
    """What the file changed, or would change."""

    dry_run = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    classes = serializers.ListField(
        child=serializers.CharField(),
        help_text="Those that are added, and planned ones whose register the file takes.",
    )
    changes = serializers.SerializerMethodField(help_text=f"The first {MAX_CHANGES}.")
    unknown_words = serializers.SerializerMethodField(help_text="To be mapped.")
    asks_date_order = serializers.BooleanField(source="asks_order")
    notes = serializers.ListField(child=serializers.CharField())
    problems = ProblemSerializer(many=True)

    def get_dry_run(self, report: Report) -> bool:
        return bool(self.context["dry_run"])

    def get_counts(self, report: Report) -> dict[str, int]:
        return {kind.value: report.counts[kind] for kind in Kind}

    @extend_schema_field(MarkChangeSerializer(many=True))
    def get_changes(self, report: Report) -> Any:
        return MarkChangeSerializer(report.changes[:MAX_CHANGES], many=True).data

    def get_unknown_words(self, report: Report) -> list[str]:
        return [use.word for use in report.unknown_words]


class RegisterImport(TeacherView):
    parser_classes = (MultiPartParser,)

    @extend_schema(request=RegisterFileSerializer, responses={200: ImportReportSerializer, 409: CONFLICT})
    def post(self, request: Request, section_id: int) -> Response:
        """Import an old register of the section, all of it or nothing. The same file again changes nothing.

        409 `register_refused`: with `problems` by line and column, and the `unknown_words` to map.
        """
        user, at = signed_in(request), timezone.now()
        section = find_section_to_manage(user, section_id, on=timezone.localdate(at))
        wanted = RegisterFileSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        to = wanted.validated_data
        order = to.get("date_order")
        report = import_register_file(
            section=section,
            file=RosterFile(to["file"].name, to["file"].read()),
            by=user,
            at=at,
            options=Options(
                order=DateOrder(order) if order else None, mapping=to["mapping"], replace=to["replace"]
            ),
            dry_run=to["dry_run"],
        )
        return Response(ImportReportSerializer(report, context=to).data)
