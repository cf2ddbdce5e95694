"""Fields and widgets that several forms share."""

from typing import Any

from django import forms
from django.db.models import BigIntegerField


class DateInput(forms.DateInput):
    """The browser's own picker of days. It needs ISO dates in any language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    """The browser's own picker of times, without seconds."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class IdField(forms.IntegerField):
    """The primary key of a row, in the range that the database can compare."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=BigIntegerField.MAX_BIGINT, **kwargs)
