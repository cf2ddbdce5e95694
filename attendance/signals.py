"""What is deleted with a meeting: its live sets, and its group if that has no other meeting."""

from typing import Any

from django.db import transaction

from attendance import stats
from attendance.models import Meeting, MeetingGroup


def delete_sets(instance: Meeting, **kwargs: Any) -> None:
    """Called after a meeting is deleted. If Redis is away, the keys stay until ``reconcile_counts`` finds them."""
    transaction.on_commit(lambda: stats.delete_sets([instance.public_id]), robust=True)


def delete_empty_group(instance: Meeting, **kwargs: Any) -> None:
    """Called after a meeting is deleted. A group without meetings would belong to nobody."""
    if instance.group_id is None:
        return
    # Of two transactions that delete the last two meetings, the second waits here until the first is over.
    group = MeetingGroup.objects.select_for_update().filter(pk=instance.group_id).first()
    if group and not group.meetings.exists():
        group.delete()
