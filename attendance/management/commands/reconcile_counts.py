"""``manage.py reconcile_counts``: compare the Redis sets of all open sessions with the database and repair them."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from attendance import stats
from attendance.lib import advisory_locks
from attendance.management.looping import LoopingCommand


class Command(LoopingCommand):
    help = (
        "Compares the live counts of all open sessions with the database and repairs them; "
        "removes the Redis keys of sessions that do not exist. Optional: counts are also repaired when they are read."
    )
    lock = advisory_locks.RECONCILE

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="report differences without repairing them"
        )

    def work(self, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        try:
            found = stats.reconcile(dry_run=dry_run)
        except stats.RedisAway as error:
            raise CommandError(
                "Redis is unavailable. Until it is back, counts come from the database."
            ) from error
        for difference in found.differences:
            self.stdout.write(_line(difference))
        for public_id in found.orphans:
            self.stdout.write(
                f"{ascii(public_id)[1:-1]}: no such session, {'kept' if dry_run else 'keys removed'}"
            )
        summary = f"{found.compared} open sessions compared, {len(found.differences)} "
        summary += "differ" if dry_run else "repaired"
        if found.skipped:
            summary += f", {found.skipped} being repaired by another process"
        if found.foreign:
            summary += f"; {found.foreign} session:… keys do not belong to Rollcall"
        self.stdout.write(summary + ".")


def _line(difference: stats.Difference) -> str:
    parts = [
        f"{name} +{len(missing)} -{len(extra)}"
        for name, missing, extra in (
            ("joined", difference.joined_missing, difference.joined_extra),
            ("present", difference.attended_missing, difference.attended_extra),
        )
    ]
    if difference.wrong_type:
        parts.append(f"not a set: {', '.join(difference.wrong_type)}")
    return f"{difference.meeting.public_id}: {', '.join(parts)}"
