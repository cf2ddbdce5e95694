"""The JSON of registers and of changes to them; see docs/api.md."""

from typing import Any, ClassVar

from rest_framework import serializers

from attendance.api.fields import IdField
from attendance.api.serializers import RecordSerializer
from attendance.models import Status
from qrsessions.queries.arrivals import Arrivals
from qrsessions.queries.rosters import BulkTarget
from qrsessions.serializers.sessions import GroupStatsSerializer, StatsSerializer


class RegisterChangesSerializer(serializers.Serializer[Any]):
    """What changed in a register since the cursor that was sent."""

    cursor = serializers.CharField(help_text="Send this as `since` next time.")
    whole = serializers.BooleanField(
        help_text="True if the records are the whole register: the first time, after a long time, and when the roster has changed."
    )
    records = RecordSerializer(many=True)


class GroupRecordSerializer(RecordSerializer):
    session = serializers.CharField(help_text="The session in which the student counts and is corrected.")


class GroupRegisterChangesSerializer(RegisterChangesSerializer):
    records = GroupRecordSerializer(many=True)


class UndoSerializer(serializers.Serializer[Any]):
    change = IdField(help_text="As the correction told it.")


class BulkMarkSerializer(serializers.Serializer[Any]):
    """Which students without a status to mark: those who joined, or all of them."""

    of = serializers.ChoiceField(BulkTarget.choices)
    status = serializers.ChoiceField(Status.choices)

    @property
    def chosen(self) -> dict[str, Any]:
        return {
            "target": BulkTarget(self.validated_data["of"]),
            "status": Status(self.validated_data["status"]),
        }


class BulkMarkedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many students were marked.")
    stats = StatsSerializer()


class GroupBulkMarkedSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many students were marked.")
    stats = GroupStatsSerializer()


class ArrivalCurveSerializer(serializers.Serializer[Arrivals]):
    """Cumulative counts at evenly spaced times from `began` to `until`, the last arrival so far."""

    nobody: ClassVar[dict[str, Any]] = {"began": None, "until": None, "joined": [], "present": []}

    began = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    joined = serializers.ListField(child=serializers.IntegerField())
    present = serializers.ListField(child=serializers.IntegerField())
