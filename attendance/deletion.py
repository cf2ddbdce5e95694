"""What goes with a meeting that is deleted: its live sets."""

from typing import Any

from django.db import transaction

from attendance import stats
from attendance.models import Meeting


def delete_sets(instance: Meeting, **kwargs: Any) -> None:
    """Called after every deletion of a meeting, of one or of many at once. Where Redis is away, the keys stay until
    ``reconcile_counts`` finds that nobody owns them."""
    transaction.on_commit(lambda: stats.delete_sets([instance.public_id]), robust=True)
