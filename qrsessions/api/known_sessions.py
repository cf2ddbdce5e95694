"""Sessions that a whole hall is told of in the same seconds: read once by each process, not for each student.

What was read under the stamp of a session's section is good as long as that stands, and for a few seconds at most.
What this may lose: everything, at any time.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from attendance import stamps
from qrsessions.models import QRSession
from qrsessions.own_sessions import FindSessions, read_sessions

# With these, too, an answer is no older than a minute where a renewal of the stamp was lost.
KEPT_SECONDS = 5.0
MOST_SESSIONS = 1000


@dataclass(frozen=True)
class _Known:
    session: QRSession
    stamp: str
    until: float


_known: dict[int, _Known] = {}


def finding(stood: Mapping[str, str] | None) -> FindSessions:
    """What finds sessions as they are under these stamps, which were read before; None where nobody vouches."""
    if stood is None:
        return read_sessions

    def find(sections: Mapping[int, int]) -> dict[int, QRSession]:
        now = time.monotonic()
        found = {}
        missing = {}
        for pk, section in sections.items():
            stamp, known = stood.get(stamps.of_section(section)), _known.get(pk)
            if known and known.stamp == stamp and now < known.until:
                found[pk] = known.session
            else:
                missing[pk] = section
        if not missing:
            return found
        if len(_known) >= MOST_SESSIONS:
            _known.clear()
        for pk, session in read_sessions(missing).items():
            found[pk] = session
            if stamp := stood.get(stamps.of_section(missing[pk])):
                _known[pk] = _Known(session, stamp, now + KEPT_SECONDS)
        return found

    return find
