"""Group sessions: several sessions run as one. Every action applies to all of them in one transaction, or to none.

A change locks the row of the group session first, so that no section is added or removed meanwhile, and then its meetings
in the order of their ids.
"""

import datetime
from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance import stats
from attendance.lib import advisory_locks
from attendance.lib.refusals import Refused
from attendance.models import GroupSeat, MeetingGroup, Section, User
from attendance.records import added_section
from attendance.records.fixed_rosters import seat_everybody
from qrsessions.models import SESSION_SETTINGS, Action, GroupSession, JoinPolicy, QRSession, SessionStatus
from qrsessions.refusals import SessionGone
from qrsessions.services import audit_log
from qrsessions.services.lifecycle import (
    STEPS,
    SessionOpen,
    apply_step,
    create_sessions,
    open_or_refuse,
    refuse_if_taken,
)


class ListedTwice(Refused):
    """``extra["section"]`` is the section's id."""

    code = "listed_twice"
    status = 400
    detail = _("A section can be in a group only once. Remove the duplicate.")


class GroupEnded(Refused):
    code = "wrong_state"
    detail = _("The group session has ended. Reopen it to change its sections.")


class LastSection(Refused):
    code = "last_section"
    detail = _("This is the only section left in the group. End the group session instead.")


class NotInGroup(Refused):
    code = "not_in_group"
    detail = _("This session is not part of a group.")


def open_group(
    *,
    sections: Sequence[Section],
    by: User,
    at: datetime.datetime,
    join_policy: JoinPolicy = JoinPolicy.STRICT,
    title: str = "",
) -> GroupSession:
    """Open sessions for all of the sections, to be run as one.

    :raises ListedTwice: if a section is named more than once
    :raises SessionOpen: if sections have sessions that have not ended; ``extra["sections"]`` lists them, with who opened each and when
    """
    for section, times in Counter(sections).items():
        if times > 1:
            raise ListedTwice(_("%(section)s is listed twice.") % {"section": section}, section=section.pk)

    def open_all() -> GroupSession:
        advisory_locks.hold_sections(section.pk for section in sections)
        group = MeetingGroup.objects.create(title=title, created_at=at)
        create_sessions(sections, group=group, by=by, at=at, join_policy=join_policy)
        return GroupSession.objects.create(group=group, opened_by=by, created_at=at, join_policy=join_policy)

    return open_or_refuse(open_all, lambda: _session_open(sections))


def take_group_step(
    *,
    group_session: GroupSession,
    step: str,
    by: User,
    at: datetime.datetime,
    seen_at: datetime.datetime | None = None,
) -> GroupSession:
    """Lock, unlock, start, end or reopen all sessions of the group.

    :param step: one of ``lifecycle.STEPS``
    :param seen_at: when the page was made on which the step was chosen
    :raises WrongState: if the step is not possible in the status of a session
    :raises StepTaken: if it was taken after ``seen_at``
    :raises SessionOpen: on reopening, if a section has another session that has not ended
    :raises RegisterLocked: on reopening, if the register of one of them is locked
    """
    with transaction.atomic():
        members = lock_members(group_session)
        refuse_if_taken(members, STEPS[step], since=seen_at)
        apply_step(members, STEPS[step], by=by, at=at)
    return group_session


def add_section(
    *, group_session: GroupSession, section: Section, by: User, at: datetime.datetime
) -> QRSession:
    """Open a session for one more section, with the status of the group.

    :raises GroupEnded: if the group has ended
    :raises ListedTwice: if the section is in the group
    :raises SessionOpen: if the section has a session that has not ended
    """
    with transaction.atomic():
        members = lock_members(group_session)
        first = members[0]
        if first.status == SessionStatus.ENDED:
            raise GroupEnded(group=group_session.public_id)
        if any(member.meeting.section_id == section.pk for member in members):
            raise ListedTwice(
                _("%(section)s is already in this group.") % {"section": section}, section=section.pk
            )
        policy = JoinPolicy(group_session.join_policy)
        (added,) = open_or_refuse(
            lambda: create_sessions([section], group=first.meeting.group, by=by, at=at, join_policy=policy),
            lambda: _session_open([section]),
        )
        added.status = first.status
        added.locked_at = at if first.locked_at else None
        added.started_at = at if first.started_at else None
        added.save(update_fields=["status", "locked_at", "started_at"])
        audit_log.record(
            session=added, action=Action.JOIN_GROUP, by=by, at=at, detail=group_session.group.title
        )
        # Students of the new section who were marked in another one are not absent here.
        added_section.copy_marks(to=added.meeting, others=[member.meeting for member in members])
        # Students may count in another section now.
        stats.forget_verified_on_commit([member.meeting for member in [*members, added]])
    return added


def leave_group(*, session: QRSession, by: User, at: datetime.datetime) -> QRSession:
    """Take a session out of its group; it continues by itself with its joins, marks, settings and a code of its own.

    :raises NotInGroup: if it is in no group
    :raises GroupEnded: if the group has ended
    :raises LastSection: if no other section is left in the group
    """
    with transaction.atomic():
        group_session = GroupSession.objects.filter(group__meetings=session.meeting_id).with_names().first()
        if group_session is None:
            raise NotInGroup(session=session.public_id)
        members = lock_members(group_session)
        leaving = next((member for member in members if member.pk == session.pk), None)
        if leaving is None:
            raise NotInGroup(session=session.public_id)
        if leaving.status == SessionStatus.ENDED:
            raise GroupEnded(group=group_session.public_id)
        if len(members) == 1:
            raise LastSection(group=group_session.public_id)
        GroupSeat.objects.filter(group=group_session.group_id, meeting=leaving.meeting).delete()
        leaving.meeting.group = None
        leaving.meeting.save(update_fields=["group"])
        seat_everybody([member.meeting for member in members if member is not leaving])
        # They may have changed before the group was locked.
        group_session.refresh_from_db(fields=SESSION_SETTINGS)
        for name in SESSION_SETTINGS:
            setattr(leaving, name, getattr(group_session, name))
        leaving.save(update_fields=SESSION_SETTINGS)
        title = group_session.group.title
        audit_log.record(session=leaving, action=Action.LEAVE_GROUP, by=by, at=at, detail=title)
        # Students may count in another section now.
        stats.forget_verified_on_commit([member.meeting for member in members])
    return leaving


def lock_members(group_session: GroupSession) -> list[QRSession]:
    """Lock the group and all its sessions until the transaction ends, then read the sessions.

    :raises SessionGone: if the group was discarded meanwhile
    """
    lock_group(group_session)
    members = (
        QRSession.objects.filter(meeting__group=group_session.group_id).with_names().order_by("meeting_id")
    )
    advisory_locks.hold(members.values_list("meeting_id", flat=True))
    return list(members.all())


def lock_group(group_session: GroupSession) -> None:
    """Keep sections from being added or removed until the transaction ends.

    :raises SessionGone: if the group was discarded meanwhile
    """
    if not GroupSession.objects.select_for_update().filter(pk=group_session.pk):
        raise SessionGone(group=group_session.public_id)


def _session_open(sections: Sequence[Section]) -> SessionOpen | None:
    running = list(QRSession.objects.open().with_names().filter(meeting__section__in=sections))
    if not running:
        return None
    named = [
        {
            "section": session.meeting.section_id,
            "session": session.public_id,
            "opened_by": session.opened_by.display_name,
            "since": session.created_at,
        }
        for session in running
    ]
    words = ", ".join(
        _("%(section)s (opened by %(teacher)s, %(time)s)")
        % {
            "section": session.meeting.section,
            "teacher": session.opened_by.display_name,
            "time": timezone.localtime(session.created_at).strftime("%H:%M"),
        }
        for session in running
    )
    return SessionOpen(
        _("These sections already have an open session: %(sections)s.") % {"sections": words},
        sections=named,
    )
