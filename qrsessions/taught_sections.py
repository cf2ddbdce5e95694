"""The sections that somebody teaches: with the sessions that run and ended last, and to be picked for a group."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.models import Meeting, Section, User
from attendance.refusals import Refused
from attendance.stats import Stats, meeting_stats
from qrsessions.group_overview import GroupOverview, overview_of, running_groups, section_order
from qrsessions.models import GroupSession, QRSession, SessionStatus

# How far back a day of the week is looked for: a section that has not met for longer has another timetable by now.
WEEKS = datetime.timedelta(weeks=4)


class NotTaught(Refused):
    """Sections are named that the user does not teach, or that do not exist."""

    code = "not_taught"
    status = 404
    detail = _("You do not teach all of these sections.")


@dataclass(frozen=True)
class TaughtSection:
    """``section`` has its ``total_students`` of today; ``last`` is the session that ended last.

    ``met_at`` is when it met last on this day of the week, if it did so within the last weeks.
    """

    section: Section
    running: QRSession | None
    running_stats: Stats | None
    last: QRSession | None
    met_at: datetime.datetime | None


@dataclass(frozen=True)
class Taught:
    """What somebody teaches; ``groups`` are the group sessions that run, whose sections are in ``sections`` as well."""

    sections: Sequence[TaughtSection]
    groups: Sequence[GroupOverview]
    today: datetime.date

    @property
    def running_alone(self) -> list[TaughtSection]:
        """Those that run by themselves, or in a group which is not the user's to run."""
        in_groups = {member.session.pk for group in self.groups for member in group.members}
        return [one for one in self.sections if one.running and one.running.pk not in in_groups]

    @property
    def not_running(self) -> list[TaughtSection]:
        return [one for one in self.sections if not one.running]

    @property
    def due_today(self) -> list[TaughtSection]:
        """Those that do not run and usually meet today, by the time of day; those that have met already come last."""
        due = [(one, timezone.localtime(one.met_at)) for one in self.not_running if one.met_at]
        in_order = sorted(due, key=lambda pair: (pair[1].date() == self.today, pair[1].time()))
        return [one for one, _met_at in in_order]

    @property
    def not_due(self) -> list[TaughtSection]:
        return [one for one in self.not_running if not one.met_at]


@dataclass(frozen=True)
class LastGroup:
    """The latest group session that the user opened, and whether its sections can be opened once more."""

    group_session: GroupSession
    sections: Sequence[Section]
    running: Sequence[QRSession]
    no_longer_taught: Sequence[Section]

    @property
    def is_free(self) -> bool:
        return not self.running and not self.no_longer_taught


def taught(user: User, *, at: datetime.datetime) -> Taught:
    """In the natural order of their courses and names: seven queries and one read of Redis, however many they are."""
    today = timezone.localdate(at)
    counted = Section.objects.visible_to(user).with_total_students(today)
    sections = sorted(counted.select_related("course"), key=section_order)
    sessions = QRSession.objects.visible_to(user).with_names()
    running = {session.meeting.section_id: session for session in sessions.open()}
    ended = sessions.filter(status=SessionStatus.ENDED).order_by("meeting__section_id", "-created_at")
    last = {session.meeting.section_id: session for session in ended.distinct("meeting__section_id")}
    met = _met_on_this_weekday(user, today)
    groups = running_groups(user)
    meetings = {session.meeting_id: session.meeting for session in running.values()}
    meetings |= {session.meeting_id: session.meeting for _group, members in groups for session in members}
    stats = meeting_stats(list(meetings.values()), at=at)
    return Taught(
        sections=[
            TaughtSection(
                section=section,
                running=(session := running.get(section.pk)),
                running_stats=stats[session.meeting_id] if session else None,
                last=last.get(section.pk),
                met_at=met.get(section.pk),
            )
            for section in sections
        ],
        today=today,
        groups=[overview_of(group_session, members, stats) for group_session, members in groups],
    )


def is_new_teacher(user: User) -> bool:
    """Whether the user has never opened a session."""
    return not QRSession.objects.filter(opened_by=user).exists()


def free_sections(user: User, *, at: datetime.datetime) -> list[Section]:
    """The sections taught that have no open session, with their ``total_students`` of today."""
    free = Section.objects.visible_to(user).exclude(meetings__in=Meeting.objects.open())
    counted = free.with_total_students(timezone.localdate(at)).select_related("course")
    return sorted(counted, key=section_order)


def last_group(user: User, *, at: datetime.datetime) -> LastGroup | None:
    """The latest group session that the user opened; ``None`` where there is none, or while it runs.

    One that was opened on this day of the week within the last weeks goes before a later one of another day.
    """
    opened = GroupSession.objects.filter(opened_by=user).with_names()
    today = timezone.localdate(at)
    this_weekday = Q(created_at__date__gte=today - WEEKS, created_at__iso_week_day=today.isoweekday())
    latest = opened.annotate(is_of_today=this_weekday).order_by("-is_of_today", "-created_at").first()
    if latest is None:
        return None
    in_it = Section.objects.filter(meetings__group=latest.group_id).select_related("course")
    sections = sorted(in_it, key=section_order)
    running = list(QRSession.objects.open().with_names().filter(meeting__section__in=sections))
    if not sections or any(session.meeting.group_id == latest.group_id for session in running):
        return None
    still_taught = set(Section.objects.visible_to(user).filter(pk__in=[one.pk for one in sections]))
    return LastGroup(
        group_session=latest,
        sections=sections,
        running=running,
        no_longer_taught=[section for section in sections if section not in still_taught],
    )


def _met_on_this_weekday(user: User, today: datetime.date) -> dict[int, datetime.datetime]:
    """By the primary key of a section, when it met last on this day of the week within the last weeks."""
    met = Meeting.objects.visible_to(user).filter(
        date__gte=today - WEEKS, date__iso_week_day=today.isoweekday()
    )
    latest = met.order_by("section_id", "-starts_at").distinct("section_id")
    return dict(latest.values_list("section_id", "starts_at"))


def sections_named(user: User, section_ids: Sequence[int]) -> list[Section]:
    """The sections with these ids in their order, one as often as it was named.

    :raises NotTaught: naming those that the user does not teach
    """
    found = Section.objects.visible_to(user).filter(pk__in=section_ids).select_related("course")
    by_id = {section.pk: section for section in found}
    strange = [section_id for section_id in section_ids if section_id not in by_id]
    if strange:
        # Names of sections are told to nobody who did not know them before.
        known = Section.objects.filter(meetings__session__opened_by=user).select_related("course").distinct()
        names = {section.pk: str(section) for section in known.filter(pk__in=strange)}
        words = ", ".join(names.get(section_id, f"#{section_id}") for section_id in strange)
        raise NotTaught(_("You do not teach %(sections)s.") % {"sections": words})
    return [by_id[section_id] for section_id in section_ids]
