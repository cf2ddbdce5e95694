"""``manage.py end_forgotten_sessions``: end or discard sessions that were left open (``SESSION_ENDS_AFTER_HOURS``)."""

from typing import Any

from django.utils import timezone

from attendance.lib import advisory_locks
from attendance.management.looping import LoopingCommand
from attendance.models import MeetingState
from qrsessions.services import auto_end, used_nonces


class Command(LoopingCommand):
    help = (
        "Ends sessions in which nothing has happened for SESSION_ENDS_AFTER_HOURS and completes their registers. "
        "If nobody was marked, nobody is recorded as absent; if nobody joined, the session is discarded. "
        "Teachers are shown the ended sessions and can reopen them."
    )
    lock = advisory_locks.END_FORGOTTEN
    # Several machines may run the loop; if one stops, another takes over.
    waits_for_lock = True

    def work(self, **options: Any) -> None:
        used_nonces.delete_expired(at=timezone.now())
        after = auto_end.ends_after()
        if after is None:
            self.stdout.write("SESSION_ENDS_AFTER_HOURS is 0: no session is ended automatically.")
            return
        for session in auto_end.end_forgotten(at=timezone.now(), after=after):
            done = "discarded" if session.meeting.state == MeetingState.DISCARDED else "ended"
            self.stdout.write(f"{session.public_id} ({session.meeting.section}) {done} automatically.")
