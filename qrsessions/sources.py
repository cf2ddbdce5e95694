"""From a public id to the session or group session that has it."""

import itertools
from collections.abc import Sequence

from attendance.models.public_ids import names_a_group
from attendance.together import Together
from attendance.waits import about_to_wait
from qrsessions.models import GroupSession, QRSession

Source = QRSession | GroupSession

MOST_KNOWN = 500

_known: dict[str, Source] = {}


def read(public_id: str) -> Source | None:
    """The session or group session as it is now; None where there is none."""
    about_to_wait()
    if names_a_group(public_id):
        return GroupSession.objects.with_names().filter(group__public_id=public_id).first()
    return QRSession.objects.with_names().filter(meeting__public_id=public_id).first()


async def find(public_id: str) -> Source | None:
    """As ``read``, mostly without a query: good only for what never changes, its keys, secret and beginning.

    A session that is not run with a group never will be; one that is may leave it, so it is not remembered.
    """
    return _known.get(public_id) or (await _unknown.do(public_id))[0]


def _find_all(public_ids: Sequence[str]) -> list[tuple[Source | None]]:
    """Those that were unknown. (In a tuple each: nothing is no answer.)"""
    wanted = set(public_ids)
    groups = GroupSession.objects.with_names().filter(group__public_id__in=filter(names_a_group, wanted))
    sessions = QRSession.objects.with_names().filter(
        meeting__public_id__in=itertools.filterfalse(names_a_group, wanted)
    )
    found: dict[str, Source] = {source.public_id: source for source in (*groups, *sessions)}
    if len(_known) + len(found) > MOST_KNOWN:
        _known.clear()
    _known.update({public_id: source for public_id, source in found.items() if not is_in_group(source)})
    return [(found.get(public_id),) for public_id in public_ids]


# A hall scans at once what no process has met yet.
_unknown = Together(_find_all)


def is_in_group(source: Source) -> bool:
    """Whether it is a session that is run with a group."""
    return isinstance(source, QRSession) and source.meeting.group_id is not None


def source_of(session: QRSession) -> Source:
    """What the session is run as: itself, or the group session that it belongs to."""
    if session.meeting.group_id is None:
        return session
    return GroupSession.objects.with_names().get(group=session.meeting.group_id)
