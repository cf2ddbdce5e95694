"""The session, group session or section that an address names, if the user may see it; 404 otherwise.

What is found says what the user may do with it: ``may_run`` and ``may_correct``. The rules are in
``attendance.models.visibility``.
"""

import datetime

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingState, Section, User
from attendance.models.public_ids import names_a_group
from qrsessions.models import GroupSession, QRSession, SessionOrGroup


class NoLongerTaught(Refused):
    code = "no_longer_taught"
    status = 403
    detail = _(
        "You no longer teach this section. You can read its classes from your time, but not change them."
    )


def find_section(user: User, section_id: int, *, on: datetime.date) -> Section:
    visible = Section.objects.visible_to(user, on=on).with_rights(user, on=on)
    return get_object_or_404(visible.select_related("course", "term"), pk=section_id)


def find_session(user: User, public_id: str, *, on: datetime.date) -> QRSession:
    visible = QRSession.objects.visible_to(user, on=on).with_rights(user, on=on)
    return get_object_or_404(visible.with_names(), meeting__public_id=public_id)


def find_meeting(user: User, public_id: str, *, on: datetime.date) -> Meeting:
    """The meeting of a session, also of one that was discarded."""
    visible = Meeting.objects.visible_to(user, on=on).with_rights(user, on=on)
    return get_object_or_404(
        visible.select_related("section__course", "section__term", "session"), public_id=public_id
    )


def find_register(user: User, public_id: str, *, on: datetime.date) -> Meeting:
    """A meeting that has a register: with a session by phone or without, but not discarded."""
    meeting = find_meeting(user, public_id, on=on)
    if meeting.state == MeetingState.DISCARDED:
        raise Http404
    return meeting


def find_group(user: User, public_id: str, *, on: datetime.date) -> GroupSession:
    """A group session without sessions is 404, for an admin as well."""
    visible = GroupSession.objects.visible_to(user, on=on).filter(group__meetings__isnull=False)
    with_rights = visible.with_rights(user, on=on).with_names()
    return get_object_or_404(with_rights.distinct(), group__public_id=public_id)


def find_session_or_group(user: User, public_id: str, *, on: datetime.date) -> SessionOrGroup:
    find = find_group if names_a_group(public_id) else find_session
    return find(user, public_id, on=on)


def check_may_run(found: SessionOrGroup | Section | Meeting) -> None:
    """
    :raises NoLongerTaught: if the user whom it was found for may only read it
    """
    if not found.may_run:
        raise NoLongerTaught


def check_may_correct(found: SessionOrGroup | Meeting) -> None:
    """
    :raises NoLongerTaught: if the user whom it was found for may not change its marks by hand
    """
    if not found.may_correct:
        raise NoLongerTaught
