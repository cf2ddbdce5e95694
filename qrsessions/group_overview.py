"""A group session as its pages show it: as one, and section by section."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from attendance.models import RosterEntry, Section, User
from attendance.natural_order import natural_key
from attendance.stats import Stats, meeting_stats, sum_of
from qrsessions import groups
from qrsessions.models import GroupSession, QRSession

# More course codes than these make no title.
COURSES_NAMED = 3


@dataclass(frozen=True)
class Member:
    """One section of a group; ``label`` tells it from the others, as short as that can be."""

    session: QRSession
    label: str
    stats: Stats


@dataclass(frozen=True)
class GroupOverview:
    """``stats`` are the sums of the members', in which every student counts once."""

    group_session: GroupSession
    title: str
    members: Sequence[Member]
    stats: Stats

    @property
    def session(self) -> QRSession:
        """Any of the sessions: their states and moments are the same."""
        return self.members[0].session


def group_overview(group_session: GroupSession, *, at: datetime.datetime) -> GroupOverview:
    """The group with its live stats: two queries and one round trip to Redis, however many sections there are."""
    sessions = groups.members_of(group_session)
    stats = meeting_stats([session.meeting for session in sessions], at=at)
    return overview_of(group_session, sessions, stats)


def running_groups(user: User) -> list[tuple[GroupSession, list[QRSession]]]:
    """The group sessions that the user may run and that have not ended, with their sessions; the newest first."""
    running = (
        GroupSession.objects.visible_to(user).filter(group__meetings__ended_at=None).with_names().distinct()
    )
    by_group = groups.members_by_group(running)
    return [(one, by_group[one.pk]) for one in running if by_group[one.pk]]


def overview_of(
    group_session: GroupSession, sessions: Sequence[QRSession], stats: Mapping[int, Stats]
) -> GroupOverview:
    """
    :param sessions: all of the group's
    :param stats: theirs, by the primary keys of their meetings
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
    return GroupOverview(group_session, title, members, sum_of([member.stats for member in members]))


def in_order(sessions: Iterable[QRSession]) -> list[QRSession]:
    """Sessions in the order of their sections."""
    return sorted(sessions, key=lambda session: section_order(session.meeting.section))


def section_order(section: Section) -> tuple[object, ...]:
    """A sort key: by course, then by name, "A2" before "A10"."""
    return natural_key(section.course.code), natural_key(section.name)


def title_of(sections: Iterable[Section]) -> str:
    """What a group without a title of its own is called: by its courses."""
    courses = {section.course_id: section.course for section in sections}
    if len(courses) == 1:
        return str(*courses.values())
    codes = sorted((course.code for course in courses.values()), key=natural_key)
    more = len(codes) - COURSES_NAMED
    named = ", ".join(codes[:COURSES_NAMED])
    return f"{named} +{more}" if more > 0 else named


def short_labels(sections: Sequence[Section]) -> dict[int, str]:
    """By primary key, the section's name; with the course where there are several, with the term where that is not enough."""
    one_course = len({section.course_id for section in sections}) == 1
    labels = {
        section.pk: section.name if one_course else f"{section.course.code} {section.name}"
        for section in sections
    }
    if len(set(labels.values())) < len(labels):
        return {section.pk: f"{labels[section.pk]} {section.term}".strip() for section in sections}
    return labels


def group_register(members: Sequence[Member]) -> list[tuple[Member, RosterEntry]]:
    """All students of the group with their records, each once, where it counts: by section, then by roll number."""
    counted = RosterEntry.objects.filter(
        meeting__in=[member.session.meeting_id for member in members]
    ).counted()
    by_meeting: dict[int, list[RosterEntry]] = {}
    for entry in counted.select_related("student", "record"):
        by_meeting.setdefault(entry.meeting_id, []).append(entry)
    return [
        (member, entry)
        for member in members
        for entry in sorted(
            by_meeting.get(member.session.meeting_id, ()), key=lambda entry: natural_key(entry.roll_number)
        )
    ]
