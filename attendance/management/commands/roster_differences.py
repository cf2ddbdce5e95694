"""``manage.py roster_differences``: which numbers of ended sessions changed with the upgrade that fixed their rosters."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from attendance.lib.csv_cells import csv_text
from attendance.models import Meeting
from attendance.queries.roster_differences import Difference, roster_differences
from attendance.rules.percentage import percentage

COLUMNS = ["id", "kind", "name", "date", "number", "before", "after", "no_longer_listed"]


class Command(BaseCommand):
    help = (
        "Prints as CSV every number of an ended session or group that changed when ended registers stopped following later "
        "enrolments. Run it right after that upgrade: later it also lists what enrolments since then would have changed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [row for difference in roster_differences() for row in _rows(difference)]
        self.stdout.write(csv_text(COLUMNS, rows), ending="")
        self.stderr.write(f"{len(rows)} numbers differ.")


def _rows(difference: Difference) -> Iterator[dict[str, object]]:
    of, before, after = difference.of, difference.before, difference.after
    if isinstance(of, Meeting):
        about = {"kind": "session", "name": str(of.section), "date": of.date}
    else:
        about = {"kind": "group", "name": str(of), "date": timezone.localdate(of.created_at)}
    numbers = {
        "students listed": (before.register, after.register),
        "students": (before.total, after.total),
        "joined": (before.joined, after.joined),
        "present": (before.present, after.present),
        "present in per cent": (
            percentage(before.present, before.total),
            percentage(after.present, after.total),
        ),
    }
    for number, (old, new) in numbers.items():
        if old != new:
            left = " ".join(difference.left) if number == "students listed" else ""
            yield {
                "id": of.public_id,
                **about,
                "number": number,
                "before": old,
                "after": new,
                "no_longer_listed": left,
            }
