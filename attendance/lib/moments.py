"""Moments as JSON has them."""

import datetime

from django.utils import timezone


def moment_json(at: datetime.datetime | None) -> str | None:
    """As a ``DateTimeField`` writes it, in a tenth of the time: a group's stats have hundreds of moments."""
    if at is None:
        return None
    text = timezone.localtime(at).isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
