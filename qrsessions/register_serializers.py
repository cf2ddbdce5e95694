"""The JSON of registers and of changes to them; see docs/api.md."""

from typing import Any, ClassVar

from rest_framework import serializers

from attendance.models import Status
from attendance.serializers import RecordSerializer
from qrsessions.arrivals import Arrivals
from qrsessions.bulk_marks import Of
from qrsessions.serializers import GroupStatsSerializer, StatsSerializer


class RegisterChangesSerializer(serializers.Serializer[Any]):
    """What changed of a register since the cursor that was sent."""

    cursor = serializers.CharField(help_text="To be sent as `since` the next time.")
    whole = serializers.BooleanField(
        help_text="The records are all of the register: at first, after a long time, and when the roster changed."
    )
    records = RecordSerializer(many=True)


class GroupRecordSerializer(RecordSerializer):
    session = serializers.CharField(help_text="Where the student counts, and is corrected.")


class GroupRegisterChangesSerializer(RegisterChangesSerializer):
    records = GroupRecordSerializer(many=True)


class UndoSerializer(serializers.Serializer[Any]):
    change = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, help_text="As the correction told it."
    )


class BulkMarkSerializer(serializers.Serializer[Any]):
    """Of those who have no mark: those who joined, or all of them."""

    of = serializers.ChoiceField(Of.choices)
    status = serializers.ChoiceField(Status.choices)

    @property
    def chosen(self) -> dict[str, Any]:
        return {"of": Of(self.validated_data["of"]), "status": Status(self.validated_data["status"])}


class BulkMarkedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many students were marked.")
    stats = StatsSerializer()


class GroupBulkMarkedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many students were marked.")
    stats = GroupStatsSerializer()


class ArrivalCurveSerializer(serializers.Serializer[Arrivals]):
    """Cumulative counts at evenly spaced moments from `began` to `until`, the last arrival so far."""

    nobody: ClassVar[dict[str, Any]] = {"began": None, "until": None, "joined": [], "present": []}

    began = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    joined = serializers.ListField(child=serializers.IntegerField())
    present = serializers.ListField(child=serializers.IntegerField())
