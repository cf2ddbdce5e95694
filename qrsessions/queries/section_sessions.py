"""The classes on the page of a section: its sessions, those in which nobody was marked, those that were discarded,
and the classes without a session.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q

from attendance.models import Meeting, MeetingState, Section, User
from qrsessions.models import GroupSession, QRSession, SessionOrGroup

SESSIONS_ON_A_PAGE = 20
# More than a section has in a term.
MEETINGS_SHOWN = 200


@dataclass(frozen=True)
class WithoutMarks:
    """A session in which nobody was marked, and that the user may run. ``discarded_as`` is what the user may discard: it, its group, or nothing."""

    session: QRSession
    total_joined: int
    discarded_as: SessionOrGroup | None

    @property
    def is_of_group(self) -> bool:
        return isinstance(self.discarded_as, GroupSession)


@dataclass(frozen=True)
class SectionSessions:
    page: Page[QRSession]
    # The session that has not ended, if there is one.
    running: QRSession | None
    without_marks: Sequence[WithoutMarks]
    discarded: Sequence[Meeting]
    # Planned, cancelled and typed classes, those to come first.
    without_session: Sequence[Meeting]


def sessions_of_section(
    section: Section, *, user: User, on: datetime.date, page: str | int = 1
) -> SectionSessions:
    """The sessions of a section that the user may see, the newest first. Seven queries.

    :param page: the number of the page, as the address has it; a wrong one is the first or last
    """
    sessions = QRSession.objects.visible_to(user, on=on).filter(meeting__section=section).with_names()
    joined = Count("meeting__records", filter=Q(meeting__records__joined_at__isnull=False))
    own = sessions.run_by(user, on=on)
    unmarked = list(own.without_marks().annotate(total_joined=joined))
    own_groups = set(
        GroupSession.objects.run_by(user, on=on)
        .filter(group__in=[session.meeting.group_id for session in unmarked if session.meeting.group_id])
        .values_list("pk", flat=True)
    )
    return SectionSessions(
        page=Paginator(sessions, SESSIONS_ON_A_PAGE).get_page(page),
        running=sessions.open().first(),
        without_marks=[
            WithoutMarks(
                session,
                session.total_joined,  # type: ignore[attr-defined]
                # A member of a group is only discarded with the whole group.
                None
                if session.meeting.group_id and session.meeting.group_id not in own_groups
                else session.run_as,
            )
            for session in unmarked
        ],
        discarded=list(
            Meeting.objects.visible_to(user, on=on).filter(section=section, state=MeetingState.DISCARDED)
        ),
        without_session=list(
            section.meetings.visible_to(user, on=on)
            .filter(session=None)
            .not_discarded()
            .order_by("-starts_at", "-pk")[:MEETINGS_SHOWN]
        ),
    )
