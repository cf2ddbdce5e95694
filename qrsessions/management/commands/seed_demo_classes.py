"""``manage.py seed_demo_classes``: add past classes to the demo institution of ``seed_demo``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from attendance.demo.institution import NameTaken
from qrsessions.demo import add_past_classes


class Command(BaseCommand):
    help = (
        "Adds to the demo institution of seed_demo two more courses and classes of the last six weeks, with their "
        "registers. Does nothing if its sections have met before."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            held = add_past_classes(now=timezone.now())
        except NameTaken as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        self.stdout.write(f"{held} classes were added." if held else "The demo sections have met before.")
