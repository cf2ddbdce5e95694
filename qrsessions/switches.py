"""What a teacher turns on and off, of a session or of a group session, in every state of it."""

import datetime
from collections.abc import Mapping

from django.db import transaction

from attendance import stamps
from attendance.models import User
from qrsessions import events
from qrsessions.groups import SWITCHES
from qrsessions.lifecycle import InGroup
from qrsessions.models import Action, GroupSession, QRSession


def turn(
    *, source: QRSession | GroupSession, to: Mapping[str, bool], by: User, at: datetime.datetime
) -> QRSession | GroupSession:
    """Turn switches of a session or group session on or off. What is as wanted already is no change.

    :param to: by the name of the switch (``groups.SWITCHES``), whether it is on
    :returns: the session or group session as it is now
    :raises InGroup: if the session is run with a group, whose switches hold for it
    """
    with transaction.atomic():
        turned: QRSession | GroupSession
        if isinstance(source, GroupSession):
            turned = GroupSession.objects.select_for_update(of=["self"]).with_names().get(pk=source.pk)
            sessions = list(QRSession.objects.with_names().filter(meeting__group=turned.group_id))
        else:
            turned = QRSession.objects.select_for_update(of=["self"]).with_names().get(pk=source.pk)
            if turned.meeting.group:
                raise InGroup(group=turned.meeting.group.public_id)
            sessions = [turned]
        changed = {name: to[name] for name in SWITCHES if name in to and getattr(turned, name) != to[name]}
        if changed:
            for name, is_on in changed.items():
                setattr(turned, name, is_on)
            turned.save(update_fields=list(changed))
            detail = ", ".join(f"{name}={'on' if is_on else 'off'}" for name, is_on in changed.items())
            events.record_all(sessions, action=Action.SETTINGS, by=by, at=at, detail=detail)
            stamps.renew_on_commit(stamps.of_section(session.meeting.section_id) for session in sessions)
    return turned
