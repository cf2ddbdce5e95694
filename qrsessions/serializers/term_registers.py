"""The JSON of the register of a term, and what may be asked of it; see docs/api.md."""

from typing import Any

from rest_framework import serializers

from attendance.api.fields import IdField
from attendance.exports.paper import PaperSize
from attendance.exports.registers.files import MAX_SECTIONS, FileType
from attendance.exports.registers.table import Column
from attendance.models import MeetingState, Status
from attendance.rules.standing import Standing
from qrsessions.serializers.date_range import DateRangeSerializer
from qrsessions.serializers.standings import RuleFieldsSerializer


class RegisterFileFilterSerializer(DateRangeSerializer):
    """``columns`` of the validated data are in the order of the file."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | {
            "columns": serializers.MultipleChoiceField(
                choices=Column.choices,
                required=False,
                help_text="Repeat it for each column. All columns by default.",
            ),
            "bom": serializers.BooleanField(
                default=True, help_text="Whether CSV files begin with a byte order mark, which Excel needs."
            ),
            "size": serializers.ChoiceField(
                choices=PaperSize.values,
                default=PaperSize.A4.value,
                help_text="The paper of PDF files.",
            ),
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        chosen = attrs.get("columns") or Column.values
        attrs["columns"] = [column for column in Column if column in chosen]
        return attrs


class MarksFilterSerializer(DateRangeSerializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | {
            "platform": serializers.ChoiceField(
                choices=[FileType.MOODLE.value, FileType.CANVAS.value], default=FileType.MOODLE.value
            )
        }


class ZipFilterSerializer(RegisterFileFilterSerializer):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return super().get_fields() | {
            "section": serializers.ListField(
                child=IdField(),
                min_length=1,
                max_length=MAX_SECTIONS,
                help_text="Repeat it for each section.",
            ),
            "type": serializers.ChoiceField(choices=FileType.choices, default=FileType.XLSX),
        }


class RuleInForceSerializer(RuleFieldsSerializer):
    """The rule at the end of the range of days."""

    words = serializers.ListField(child=serializers.CharField())


class RegisterMeetingSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    date = serializers.DateField()
    starts_at = serializers.DateTimeField()
    state = serializers.ChoiceField(MeetingState.choices, help_text="Never `discarded`.")


class RegisterCellSerializer(serializers.Serializer[Any]):
    """``status`` is null where no status stands: held, and neither attended nor missed."""

    meeting = serializers.CharField()
    status = serializers.ChoiceField(Status.choices, allow_null=True)
    label = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="The name of the institution's own label."
    )
    excused_reason = serializers.CharField(allow_null=True, help_text="The code of the reason.")


class RegisterStudentSerializer(serializers.Serializer[Any]):
    student_id = serializers.CharField()
    roll_number = serializers.CharField()
    name = serializers.CharField()
    attended = serializers.FloatField(help_text="What the classes that count add up to.")
    held = serializers.IntegerField(help_text="Classes that count.")
    percentage = serializers.FloatField(
        allow_null=True, help_text="Never rounded across the minimum; null if no class counts."
    )
    standing = serializers.ChoiceField(list(Standing))
    may_miss = serializers.IntegerField(allow_null=True)
    must_attend = serializers.IntegerField(allow_null=True)
    cells = serializers.ListField(
        child=RegisterCellSerializer(allow_null=True),
        help_text="One for each meeting; null where the student was not on its roster.",
    )


class TermRegisterSerializer(serializers.Serializer[Any]):
    """Only a description: ``attendance.exports.registers.json`` writes it, because a register has tens of thousands of cells."""

    section = serializers.IntegerField()
    course = serializers.CharField()
    name = serializers.CharField()
    term = serializers.CharField()
    rule = RuleInForceSerializer()
    meetings = RegisterMeetingSerializer(many=True)
    students = RegisterStudentSerializer(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        days = {name: serializers.DateField(allow_null=True) for name in ("from", "to")}
        return super().get_fields() | days


class RegisterDataStudentSerializer(RegisterStudentSerializer):
    """Only the chosen columns."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class RegisterDataSerializer(TermRegisterSerializer):
    """The same as a file, which has no id of this site."""

    students = RegisterDataStudentSerializer(many=True)
    code = serializers.CharField(
        required=False, help_text="The code under which the sealed register can be verified."
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        del fields["section"]
        return fields
