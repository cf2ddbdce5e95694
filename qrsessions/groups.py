"""Group sessions: several sessions run as one. Every action applies to all of them in one transaction, or to none.

Whoever changes a group holds the row of its group session first, so that its sections stay the same meanwhile, and then
the locks of its meetings in the order of their ids.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance import locks, marking, stamps, stats
from attendance.models import GroupSeat, Meeting, MeetingGroup, Section, User
from attendance.refusals import Refused
from qrsessions import events
from qrsessions.lifecycle import STEPS, SessionOpen, apply_step, open_or_refuse
from qrsessions.models import Action, GroupSession, JoinPolicy, QRSession, SessionStatus

# What a teacher turns on and off, of a session or of a group session.
SWITCHES = ["code_enabled", "names_on_screen"]


class ListedTwice(Refused):
    """``extra["section"]`` is the section's id."""

    code = "listed_twice"
    status = 400
    detail = _("A section can be in a group once. Take the second one out.")


class GroupEnded(Refused):
    code = "wrong_state"
    detail = _("The group session has ended. Reopen it to change its sections.")


class LastSection(Refused):
    code = "last_section"
    detail = _("This is the last section of the group. End the group session instead.")


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
    :raises SessionOpen: if sections have sessions that have not ended; ``extra["sections"]`` says which, who opened each, and when
    """
    for section, times in Counter(sections).items():
        if times > 1:
            raise ListedTwice(_("%(section)s is listed twice.") % {"section": section}, section=section.pk)

    def open_all() -> GroupSession:
        locks.hold_sections(section.pk for section in sections)
        group = MeetingGroup.objects.create(title=title, created_at=at)
        for section in sections:
            _open_member(group, section, by=by, at=at, join_policy=join_policy)
        return GroupSession.objects.create(group=group, opened_by=by, created_at=at, join_policy=join_policy)

    return open_or_refuse(open_all, lambda: _what_runs(sections))


def take_group_step(
    *, group_session: GroupSession, step: str, by: User, at: datetime.datetime
) -> GroupSession:
    """Take a step of the life of all sessions of the group.

    :param step: one of ``lifecycle.STEPS``
    :raises WrongState: if a session is in none of the states that the step leads from
    :raises SessionOpen: on reopening, if a section has another session that has not ended
    """
    with transaction.atomic():
        members = hold_members(group_session)
        apply_step(members, STEPS[step], by=by, at=at)
    return group_session


def add_section(
    *, group_session: GroupSession, section: Section, by: User, at: datetime.datetime
) -> QRSession:
    """Open a session for one more section, in the state in which the group is.

    :raises GroupEnded: if the group has ended
    :raises ListedTwice: if the section is in the group
    :raises SessionOpen: if the section has a session that has not ended
    """
    with transaction.atomic():
        members = hold_members(group_session)
        first = members[0]
        if first.status == SessionStatus.ENDED:
            raise GroupEnded(group=group_session.public_id)
        if any(member.meeting.section_id == section.pk for member in members):
            raise ListedTwice(
                _("%(section)s is in this group already.") % {"section": section}, section=section.pk
            )
        policy = JoinPolicy(group_session.join_policy)
        added = open_or_refuse(
            lambda: _open_member(first.meeting.group, section, by=by, at=at, join_policy=policy),
            lambda: _what_runs([section]),
        )
        added.status = first.status
        added.locked_at = at if first.locked_at else None
        added.started_at = at if first.started_at else None
        added.save(update_fields=["status", "locked_at", "started_at"])
        events.record(session=added, action=Action.JOIN_GROUP, by=by, at=at, detail=group_session.group.title)
        # So that no register calls absent who sits in the hall and was marked before.
        marking.carry_marks(to=added.meeting, others=[member.meeting for member in members])
        _recount([*members, added])
    return added


def leave_group(*, session: QRSession, by: User, at: datetime.datetime) -> QRSession:
    """Take a session out of its group; it goes on by itself, with its joins and marks and its own code.

    Its switches stand as the group's did.

    :raises NotInGroup: if it is in none
    :raises GroupEnded: if the group has ended
    :raises LastSection: if no other section is left in the group
    """
    with transaction.atomic():
        group_session = GroupSession.objects.filter(group__meetings=session.meeting_id).with_names().first()
        if group_session is None:
            raise NotInGroup(session=session.public_id)
        members = hold_members(group_session)
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
        # As they are now that the group is held.
        group_session.refresh_from_db(fields=SWITCHES)
        for switch in SWITCHES:
            setattr(leaving, switch, getattr(group_session, switch))
        leaving.save(update_fields=SWITCHES)
        title = group_session.group.title
        events.record(session=leaving, action=Action.LEAVE_GROUP, by=by, at=at, detail=title)
        _recount(members)
    return leaving


def members_of(group_session: GroupSession) -> list[QRSession]:
    """The group's sessions in the order of their sections' names; an empty group is impossible."""
    return members_by_group([group_session])[group_session.pk]


def members_by_group(group_sessions: Iterable[GroupSession]) -> dict[int, list[QRSession]]:
    """The sessions of each group by its primary key, in one query."""
    members: dict[int, list[QRSession]] = {one.pk: [] for one in group_sessions}
    found = QRSession.objects.filter(meeting__group__in=members).with_names()
    for member in found.order_by("meeting__section__course__code", "meeting__section__name", "meeting_id"):
        members[member.meeting.group_id or 0].append(member)
    return members


def status_of(group_session: GroupSession) -> SessionStatus:
    """The state that all sessions of the group share."""
    statuses = QRSession.objects.filter(meeting__group=group_session.group_id).values_list(
        "status", flat=True
    )
    return SessionStatus(statuses[0])


def late_from(members: Iterable[QRSession]) -> datetime.datetime | None:
    """The moment from which on a scan is late in the first of the sections that have such a rule."""
    moments = [member.late_from for member in members]
    return min((moment for moment in moments if moment), default=None)


def hold_members(group_session: GroupSession) -> list[QRSession]:
    """Take the group and all of its sessions alone until the transaction ends, and read them as they are then."""
    GroupSession.objects.select_for_update().get(pk=group_session.pk)
    members = (
        QRSession.objects.filter(meeting__group=group_session.group_id).with_names().order_by("meeting_id")
    )
    locks.hold(members.values_list("meeting_id", flat=True))
    return list(members.all())


def _open_member(
    group: MeetingGroup | None, section: Section, *, by: User, at: datetime.datetime, join_policy: JoinPolicy
) -> QRSession:
    meeting = Meeting.objects.create(section=section, starts_at=at, date=timezone.localdate(at), group=group)
    stamps.renew_on_commit([stamps.of_section(section.pk)])
    session = QRSession.objects.create(meeting=meeting, opened_by=by, created_at=at, join_policy=join_policy)
    events.record(session=session, action=Action.OPEN, by=by, at=at, detail=group.title if group else "")
    return session


def _recount(members: Sequence[QRSession]) -> None:
    """Who counts where has changed: the next read compares the sets with the database."""
    meetings = [member.meeting for member in members]
    transaction.on_commit(lambda: stats.forget_verified(meetings), robust=True)
    stamps.renew_on_commit(stamps.of_section(meeting.section_id) for meeting in meetings)


def _what_runs(sections: Sequence[Section]) -> SessionOpen | None:
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
        _("%(section)s (by %(teacher)s, since %(time)s)")
        % {
            "section": session.meeting.section,
            "teacher": session.opened_by.display_name,
            "time": timezone.localtime(session.created_at).strftime("%H:%M"),
        }
        for session in running
    )
    return SessionOpen(
        _("These sections have a session that has not ended: %(sections)s.") % {"sections": words},
        sections=named,
    )
