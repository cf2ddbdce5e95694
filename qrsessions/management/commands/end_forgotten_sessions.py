"""``manage.py end_forgotten_sessions``: end the sessions that were left open, as their settings say."""

from typing import Any

from django.utils import timezone

from attendance import locks
from attendance.management.looping import LoopingCommand
from qrsessions import closing


class Command(LoopingCommand):
    help = (
        "Ends the sessions in which nothing has happened for SESSION_ENDS_AFTER_HOURS, with a register; "
        "their teachers see it and can reopen them."
    )
    lock = locks.END_FORGOTTEN
    # Several machines may each run a loop: when one is gone, another goes on.
    takes_turns = True

    def work(self, **options: Any) -> None:
        after = closing.ends_after()
        if after is None:
            self.stdout.write("SESSION_ENDS_AFTER_HOURS is 0: no session ends by itself.")
            return
        for session in closing.end_forgotten(at=timezone.now(), after=after):
            self.stdout.write(f"{session.public_id} ({session.meeting.section}) ended by itself.")
