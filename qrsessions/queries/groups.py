"""Group sessions: their members, and what their pages show, as a whole and section by section."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.http import Http404

from attendance.lib.natural_order import natural_key
from attendance.models import MeetingState, RosterEntry, Section, Status, User
from attendance.stats import Stats, meeting_stats, sum_of_group
from qrsessions.models import GroupSession, QRSession, SessionOrGroup, SessionStatus

# A title made of course codes names at most this many.
COURSES_NAMED = 3


@dataclass(frozen=True)
class Member:
    """One section of a group; ``label`` is the shortest name that is unique in the group."""

    session: QRSession
    label: str
    stats: Stats


@dataclass(frozen=True)
class GroupOverview:
    """A group session with its members and their summed stats, in which every student counts once."""

    group_session: GroupSession
    title: str
    members: Sequence[Member]
    stats: Stats

    @property
    def session(self) -> QRSession:
        """Any of the sessions: they all share status and times."""
        return self.members[0].session


def members_of(group_session: GroupSession) -> list[QRSession]:
    """The group's sessions in the order of their sections' names.

    :raises Http404: if there is none: the group was discarded or deleted a moment ago
    """
    members = members_by_group([group_session])[group_session.pk]
    if not members:
        raise Http404
    return members


def members_by_group(group_sessions: Iterable[GroupSession]) -> dict[int, list[QRSession]]:
    """The sessions of each group by its primary key, in one query."""
    members: dict[int, list[QRSession]] = {one.pk: [] for one in group_sessions}
    found = QRSession.objects.filter(meeting__group__in=members).with_names()
    for member in found.order_by("meeting__section__course__code", "meeting__section__name", "meeting_id"):
        members[member.meeting.group_id or 0].append(member)
    return members


def sessions_in(session_or_group: SessionOrGroup) -> list[QRSession]:
    """The session by itself, or all sessions of the group."""
    if isinstance(session_or_group, GroupSession):
        return members_of(session_or_group)
    return [session_or_group]


def status_of(group_session: GroupSession) -> SessionStatus:
    """The status that all sessions of the group share.

    :raises Http404: if there is none: the group was discarded or deleted a moment ago
    """
    member = QRSession.objects.filter(meeting__group=group_session.group_id).first()
    if member is None:
        raise Http404
    return SessionStatus(member.status)


def any_session_of(session_or_group: SessionOrGroup) -> QRSession | None:
    """The session itself, or one of the group's, which all share status and times; None for a group without sessions."""
    if isinstance(session_or_group, QRSession):
        return session_or_group
    sessions = QRSession.objects.filter(meeting__group=session_or_group.group_id)
    return sessions.with_names().order_by("pk").first()


def late_from(sessions: Iterable[QRSession]) -> datetime.datetime | None:
    """The earliest moment from which a scan is late in one of the sessions; None if none has a late rule."""
    moments = [session.late_from for session in sessions]
    return min((moment for moment in moments if moment), default=None)


def group_overview(group_session: GroupSession, *, at: datetime.datetime) -> GroupOverview:
    """The group with its live stats: two queries and one round trip to Redis for any number of sections."""
    sessions = members_of(group_session)
    stats = meeting_stats([session.meeting for session in sessions], at=at)
    return overview_of(group_session, sessions, stats)


def running_groups(user: User, *, on: datetime.date) -> list[tuple[GroupSession, list[QRSession]]]:
    """The open group sessions that the user may run, with their sessions, newest first."""
    running = GroupSession.objects.run_by(user, on=on).with_member(state=MeetingState.OPEN).with_names()
    by_group = members_by_group(running)
    return [(one, by_group[one.pk]) for one in running if by_group[one.pk]]


def overview_of(
    group_session: GroupSession, sessions: Sequence[QRSession], stats: Mapping[int, Stats]
) -> GroupOverview:
    """
    :param sessions: all sessions of the group
    :param stats: their stats by the primary keys of their meetings
    """
    sections = [session.meeting.section for session in sessions]
    labels = short_labels(sections)
    members = sorted(
        (
            Member(session, labels[session.meeting.section_id], stats[session.meeting_id])
            for session in sessions
        ),
        key=lambda member: section_order(member.session.meeting.section),
    )
    title = group_session.group.title or title_of(sections)
    total = sum_of_group([session.meeting for session in sessions], stats)
    return GroupOverview(group_session, title, members, total)


def in_order(sessions: Iterable[QRSession]) -> list[QRSession]:
    """The sessions in natural order of their sections."""
    return sorted(sessions, key=lambda session: section_order(session.meeting.section))


def section_order(section: Section) -> tuple[object, ...]:
    """A sort key: by course, then by name, with "A2" before "A10"."""
    return natural_key(section.course.code), natural_key(section.name)


def title_of(sections: Iterable[Section]) -> str:
    """The title of a group that was given none, made of its courses."""
    courses = {section.course_id: section.course for section in sections}
    if len(courses) == 1:
        return str(*courses.values())
    codes = sorted((course.code for course in courses.values()), key=natural_key)
    more = len(codes) - COURSES_NAMED
    named = ", ".join(codes[:COURSES_NAMED])
    return f"{named} +{more}" if more > 0 else named


def short_labels(sections: Sequence[Section]) -> dict[int, str]:
    """A unique label of each section by primary key: the name, plus the course and the term if they are needed."""
    one_course = len({section.course_id for section in sections}) == 1
    labels = {
        section.pk: section.name if one_course else f"{section.course.code} {section.name}"
        for section in sections
    }
    if len(set(labels.values())) < len(labels):
        return {section.pk: f"{labels[section.pk]} {section.term_name}".strip() for section in sections}
    return labels


def late_students(group_session: GroupSession) -> int:
    """How many students of the group are late, each counted once."""
    entries = RosterEntry.objects.filter(meeting__group=group_session.group_id)
    return entries.counted().filter(record__status=Status.LATE).count()


def group_register(members: Sequence[Member]) -> list[tuple[Member, RosterEntry]]:
    """All students of the group with their records, each once, in the section where they count, by roll number."""
    counted = RosterEntry.objects.filter(
        meeting__in=[member.session.meeting_id for member in members]
    ).counted()
    by_meeting: dict[int, list[RosterEntry]] = {}
    for entry in counted.with_notes().with_labels().select_related("student"):
        by_meeting.setdefault(entry.meeting_id, []).append(entry)
    return [
        (member, entry)
        for member in members
        for entry in sorted(
            by_meeting.get(member.session.meeting_id, ()), key=lambda entry: natural_key(entry.roll_number)
        )
    ]
