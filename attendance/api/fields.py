"""Fields that serializers of both apps share."""

from typing import Any

from django.db.models import BigIntegerField
from rest_framework import serializers


class IdField(serializers.IntegerField):
    """The primary key of a row, in the range that the database can compare."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=BigIntegerField.MAX_BIGINT, **kwargs)
