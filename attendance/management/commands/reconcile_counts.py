"""``manage.py reconcile_counts``: compare the live sets of all open sessions with the database, and repair them."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from attendance import locks, stats
from attendance.management.looping import LoopingCommand


class Command(LoopingCommand):
    help = (
        "Compares the live sets of all open sessions with the database and repairs them, as a read does for one; "
        "removes the keys of sessions that do not exist. Nothing depends on it: sets that are read heal by themselves."
    )
    lock = locks.RECONCILE

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="report, and change nothing")

    def work(self, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        try:
            found = stats.reconcile(dry_run=dry_run)
        except stats.RedisAway as error:
            raise CommandError("Redis is away: counts come from the database meanwhile.") from error
        for difference in found.differences:
            self.stdout.write(_line(difference))
        for public_id in found.orphans:
            self.stdout.write(
                f"{ascii(public_id)[1:-1]}: no such session, {'kept' if dry_run else 'keys removed'}"
            )
        summary = f"{found.compared} open sessions compared, {len(found.differences)} "
        summary += "differ" if dry_run else "repaired"
        if found.skipped:
            summary += f", {found.skipped} left to another process"
        if found.foreign:
            summary += f"; {found.foreign} keys session:… are not Rollcall's"
        self.stdout.write(summary + ".")


def _line(difference: stats.Difference) -> str:
    parts = [
        f"{name} +{len(missing)} -{len(strange)}"
        for name, missing, strange in (
            ("joined", difference.joined_missing, difference.joined_strange),
            ("present", difference.attended_missing, difference.attended_strange),
        )
    ]
    if difference.wrong_type:
        parts.append(f"no set: {', '.join(difference.wrong_type)}")
    return f"{difference.meeting.public_id}: {', '.join(parts)}"
