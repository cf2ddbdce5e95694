"""Base class for the commands that import files."""

from collections.abc import Iterable

from django.core.management.base import BaseCommand

# More lines would scroll the outcome out of sight; --verbosity 2 prints all.
MAX_LINES = 200


class ImportCommand(BaseCommand):
    def write_lines(self, lines: Iterable[object], *, show_all: bool) -> None:
        """Print a list, cut off if it is long."""
        found = list(lines)
        shown = found if show_all else found[:MAX_LINES]
        for line in shown:
            self.stdout.write(str(line))
        if len(found) > len(shown):
            self.stdout.write(f"… and {len(found) - len(shown)} more (--verbosity 2 shows all)")
