"""The days that a request is about."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from attendance.registers.dates import DateRange
from qrsessions.serializers.meetings import PeriodSerializer


class DateRangeSerializer(PeriodSerializer):
    """The days that the numbers are about, both included: all if they are left out."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first, last = attrs.get("from"), attrs.get("to")
        if first and last and last < first:
            raise serializers.ValidationError({"to": _("The last day cannot be before the first.")})
        return attrs

    @property
    def dates(self) -> DateRange:
        return DateRange(self.validated_data.get("from"), self.validated_data.get("to"))
