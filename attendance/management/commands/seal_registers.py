"""``manage.py seal_registers``: seal the registers that were held before there were seals."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from attendance.lib import advisory_locks
from attendance.models import Meeting
from attendance.records.seals import seal

BATCH_SIZE = 20


class Command(BaseCommand):
    help = (
        "Seals every register that has ended and has no seal, as it is now. Run it once after upgrading from a version "
        "without seals; if it is stopped, run it again. Later it finds nothing, because ending a class seals its register."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        made, last = 0, 0
        while meetings := _unsealed(after=last):
            with transaction.atomic():
                advisory_locks.share(meeting.pk for meeting in meetings)
                made += seal(meetings, at=timezone.now())
            last = meetings[-1].pk
        self.stdout.write(f"{made} registers sealed.")


def _unsealed(*, after: int) -> list[Meeting]:
    found = Meeting.objects.filter(pk__gt=after, ended_at__isnull=False, seals=None)
    return list(found.order_by("pk")[:BATCH_SIZE])
