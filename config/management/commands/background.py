"""``manage.py background``: what happens by itself. ``make run`` and ``compose.yml`` run it in a loop."""

import time
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from attendance.lib import advisory_locks
from attendance.management.looping import LoopingCommand
from config.accounts.expired_sign_ins import delete_expired
from qrsessions.services import auto_end

CLEAN_UP_SECONDS = 3600


class Command(LoopingCommand):
    help = "Ends forgotten sessions, and deletes expired sign-ins (once an hour with --loop)."
    lock = advisory_locks.BACKGROUND
    # Several machines may run the loop; if one stops, another takes over.
    waits_for_lock = True
    _cleaned_up = float("-inf")

    def work(self, **options: Any) -> None:
        if time.monotonic() >= self._cleaned_up + CLEAN_UP_SECONDS:
            delete_expired(at=timezone.now())
            self._cleaned_up = time.monotonic()
        if auto_end.ends_after() is not None:
            call_command("end_forgotten_sessions", stdout=self.stdout, stderr=self.stderr)
