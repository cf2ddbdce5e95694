"""The teacher's home page: the sections taught, their open and last sessions, and sections to pick for a group.

Sections of past terms are on a page of their own. One with an open session is on the home page as well.
"""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.lib.natural_order import natural_key
from attendance.lib.refusals import Refused
from attendance.models import Course, Meeting, MeetingState, Section, Term, User
from attendance.stats import Stats, meeting_stats
from qrsessions.models import GroupSession, QRSession
from qrsessions.queries.groups import GroupOverview, overview_of, running_groups, section_order

# A section meets on a day of the week if it met on it within this time.
WEEKS = datetime.timedelta(weeks=4)
# More than a teacher has, so that only an admin turns pages.
SECTIONS_PER_PAGE = 100


class NotTaught(Refused):
    """The user does not teach some of the sections, or they do not exist."""

    code = "not_taught"
    status = 404
    detail = _("You do not teach all of these sections.")


@dataclass(frozen=True)
class TaughtSection:
    """A section with its ``total_students`` of today, ``is_over`` and its rights.

    ``last`` is the session that ended last, not counting cancelled classes. ``met_at`` is when the section last met on this
    day of the week, within the last weeks. ``met_today`` are its sessions of today that have ended. ``without_marks`` counts
    its sessions in which nobody was marked.
    """

    section: Section
    running: QRSession | None
    running_stats: Stats | None
    last: QRSession | None
    met_at: datetime.datetime | None
    met_today: Sequence[QRSession] = ()
    without_marks: int = 0

    @property
    def is_past(self) -> bool:
        """Whether all students have left, or the user no longer teaches it."""
        return not self.running and (self.section.is_over or not _is_taught(self.section))

    @property
    def last_before_today(self) -> QRSession | None:
        return None if self.met_today else self.last


@dataclass(frozen=True)
class Taught:
    """What a user teaches or has taught, or one page of it.

    ``groups`` are the open group sessions, on the first page; their sections are in ``sections`` as well. ``page`` has the
    primary keys of the other sections. ``has_past_terms`` says whether ``past_sections`` has any.
    """

    sections: Sequence[TaughtSection]
    groups: Sequence[GroupOverview]
    today: datetime.date
    page: Page[int]
    has_past_terms: bool

    @property
    def running_alone(self) -> list[TaughtSection]:
        """Sections whose session is open by itself, or in a group that the user may not run."""
        in_groups = {member.session.pk for group in self.groups for member in group.members}
        return [one for one in self.sections if one.running and one.running.pk not in in_groups]

    @property
    def not_running(self) -> list[TaughtSection]:
        return [one for one in self.sections if not one.running and not one.is_past]

    @property
    def past(self) -> list[TaughtSection]:
        """Sections that all students have left, or that the user no longer teaches, of terms that are not past."""
        return [one for one in self.sections if one.is_past]

    @property
    def due_today(self) -> list[TaughtSection]:
        """Sections without an open session that usually meet today, by time of day; those that already met come last."""
        due = [(_due_order(one.met_at, self.today), one) for one in self.not_running if one.met_at]
        return [one for _order, one in sorted(due, key=lambda pair: pair[0])]

    @property
    def not_due(self) -> list[TaughtSection]:
        return [one for one in self.not_running if not one.met_at]


@dataclass(frozen=True)
class LastGroup:
    """The latest group session that the user opened, and what keeps its sections from being opened again."""

    group_session: GroupSession
    sections: Sequence[Section]
    running: Sequence[QRSession]
    no_longer_taught: Sequence[Section]

    @property
    def is_free(self) -> bool:
        return not self.running and not self.no_longer_taught


def taught(user: User, *, at: datetime.datetime, search: str = "", page: int | str = 1) -> Taught:
    """What the user teaches, in natural order of courses and names: nine queries and one read of Redis.

    Of more than ``SECTIONS_PER_PAGE`` sections it is one page: first the open sessions, then the sections that usually
    meet today, then the others.

    :param search: words that a section's course, name or term must contain. Groups are not shown then, but their
        sections are found
    """
    today = timezone.localdate(at)
    sessions = QRSession.objects.run_by(user, on=today).with_names()
    running = {session.meeting.section_id: session for session in sessions.open()}
    met = _met_on_this_weekday(user, today)
    groups = [] if search else running_groups(user, on=today)
    grouped = {session.meeting.section_id for _group, members in groups for session in members}

    def order(section_id: int) -> tuple[int, tuple[bool, datetime.time]]:
        met_at = met.get(section_id)
        rank = 0 if section_id in running else 1 if met_at else 2
        return rank, _due_order(met_at, today) if rank == 1 and met_at else (False, datetime.time.min)

    in_order = sorted(_section_ids(user, search, today=today, running=running), key=order)
    alone = [section_id for section_id in in_order if section_id not in grouped]
    this_page = Paginator(alone, SECTIONS_PER_PAGE).get_page(page)
    shown = set(this_page)
    if this_page.number == 1:
        shown |= grouped
    else:
        groups = []
    sections = _counted(shown, user, today)
    running = {section_id: session for section_id, session in running.items() if section_id in shown}
    visible = QRSession.objects.visible_to(user, on=today).with_names()
    ended = visible.filter(meeting__section__in=shown, meeting__state=MeetingState.HELD)
    latest = ended.order_by("meeting__section_id", "-created_at").distinct("meeting__section_id")
    last = {session.meeting.section_id: session for session in latest}
    today_by_section: dict[int, list[QRSession]] = defaultdict(list)
    for ended_today in visible.filter(
        met_on(today), meeting__section__in=[section for section in sections if section.may_run]
    ).order_by("created_at", "pk"):
        today_by_section[ended_today.meeting.section_id].append(ended_today)
    without_marks = _without_marks(user, today)
    meetings = {session.meeting_id: session.meeting for session in running.values()}
    meetings |= {session.meeting_id: session.meeting for _group, members in groups for session in members}
    stats = meeting_stats(list(meetings.values()), at=at)
    return Taught(
        sections=[
            TaughtSection(
                section=section,
                running=(open_session := running.get(section.pk)),
                running_stats=stats[open_session.meeting_id] if open_session else None,
                last=last.get(section.pk),
                met_at=met.get(section.pk),
                met_today=today_by_section[section.pk],
                without_marks=without_marks.get(section.pk, 0),
            )
            for section in sections
        ],
        today=today,
        page=this_page,
        has_past_terms=Section.objects.visible_to(user, on=today).in_past_terms(on=today).exists(),
        groups=[overview_of(group_session, members, stats) for group_session, members in groups],
    )


@dataclass(frozen=True)
class PastTerm:
    term: Term
    sections: Sequence[Section]


@dataclass(frozen=True)
class PastSections:
    """One page of sections of past terms. ``page`` has the primary keys of the sections."""

    terms: Sequence[PastTerm]
    page: Page[int]


def past_sections(
    user: User, *, at: datetime.datetime, search: str = "", page: int | str = 1
) -> PastSections:
    """The sections of past terms that the user teaches or has taught, the latest term first: two queries.

    :param search: as for ``taught``
    """
    today = timezone.localdate(at)
    found = Section.objects.visible_to(user, on=today).in_past_terms(on=today).matching(search)
    rows = found.order_by().values_list("pk", "term__last_day", "term", "course__code", "name")
    in_order = sorted(rows, key=lambda row: (row[2], natural_key(row[3]), natural_key(row[4])))
    in_order.sort(key=lambda row: row[1] or datetime.date.min, reverse=True)
    this_page = Paginator([row[0] for row in in_order], SECTIONS_PER_PAGE).get_page(page)
    sections = Section.objects.select_related("course", "term").in_bulk(list(this_page))
    by_term: dict[Term, list[Section]] = {}
    for section in (sections[pk] for pk in this_page if pk in sections):
        if section.term:
            by_term.setdefault(section.term, []).append(section)
    return PastSections([PastTerm(term, some) for term, some in by_term.items()], page=this_page)


@dataclass(frozen=True)
class Picks:
    """Sections to pick for a group. ``total`` is how many there are; not all are shown if they are too many."""

    sections: Sequence[TaughtSection]
    total: int

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.sections)


def picks(user: User, *, at: datetime.datetime, search: str = "", picked: Collection[int] = ()) -> Picks:
    """The sections that the user teaches, those with an open session last: three queries.

    :param search: as for ``taught``
    :param picked: the primary keys of sections that are shown whatever the search and the term, and first if there are
        too many
    """
    today = timezone.localdate(at)
    sessions = QRSession.objects.run_by(user, on=today).with_names().open()
    running = {session.meeting.section_id: session for session in sessions}
    wanted = set(picked)
    found = sorted(
        _section_ids(user, search, today=today, always=wanted, only_run=True), key=running.__contains__
    )
    shown = found
    if len(found) > SECTIONS_PER_PAGE:
        shown = sorted(found, key=lambda section_id: section_id not in wanted)[:SECTIONS_PER_PAGE]
    sections = {section.pk: section for section in _counted(shown, user, today)}
    rows = [
        TaughtSection(
            section=sections[pk], running=running.get(pk), running_stats=None, last=None, met_at=None
        )
        for pk in shown
        if pk in sections
    ]
    return Picks(rows, total=len(found))


def is_new_teacher(user: User) -> bool:
    """Whether the user has never opened a session."""
    return not QRSession.objects.filter(opened_by=user).exists()


def free_sections(
    user: User, *, at: datetime.datetime, courses: Iterable[Course]
) -> tuple[list[Section], bool]:
    """The current sections, of terms that are not past, that the user teaches without an open session, with their ``total_students`` of today.

    If they are too many, only those of the courses; the second value says so.
    """
    today = timezone.localdate(at)
    free = Section.objects.run_by(user, on=today).exclude(meetings__in=Meeting.objects.open())
    counted = (
        free.current(today)
        .in_current_terms(on=today)
        .with_total_students(today)
        .select_related("course", "term")
    )
    found = list(counted[: SECTIONS_PER_PAGE + 1])
    is_cut = len(found) > SECTIONS_PER_PAGE
    if is_cut:
        found = list(counted.filter(course__in=courses)[:SECTIONS_PER_PAGE])
    return sorted(found, key=section_order), is_cut


def last_group(user: User, *, at: datetime.datetime) -> LastGroup | None:
    """The latest group session that the user opened; ``None`` if there is none, it is still open or a term of it is past.

    One opened on this day of the week within the last weeks is preferred to a later one of another day.
    """
    opened = GroupSession.objects.filter(opened_by=user).with_names()
    today = timezone.localdate(at)
    this_weekday = Q(created_at__date__gte=today - WEEKS, created_at__iso_week_day=today.isoweekday())
    latest = opened.annotate(is_of_today=this_weekday).order_by("-is_of_today", "-created_at").first()
    if latest is None:
        return None
    members = Section.objects.filter(meetings__group=latest.group_id).select_related("course", "term")
    sections = sorted(members, key=section_order)
    running = list(QRSession.objects.open().with_names().filter(meeting__section__in=sections))
    if not sections or any(session.meeting.group_id == latest.group_id for session in running):
        return None
    if any(section.term and section.term.is_past(today) for section in sections):
        return None
    own = Section.objects.run_by(user, on=today)
    still_taught = set(own.filter(pk__in=[one.pk for one in sections]))
    return LastGroup(
        group_session=latest,
        sections=sections,
        running=running,
        no_longer_taught=[section for section in sections if section not in still_taught],
    )


def _section_ids(
    user: User,
    search: str,
    *,
    today: datetime.date,
    always: Collection[int] = (),
    running: Collection[int] = (),
    only_run: bool = False,
) -> list[int]:
    """The sections that match the search, in natural order of courses and names, past ones last.

    Only names are read: there may be thousands. Those of past terms are left out.

    :param always: found whatever their names and terms
    :param running: found whatever their terms
    :param only_run: leave out those that the user no longer teaches
    """
    sections = Section.objects.all()
    visible = sections.run_by(user, on=today) if only_run else sections.visible_to(user, on=today)
    current = visible.filter(~visible.past_condition(on=today) | Q(pk__in=running))
    found = current.matching(search)
    if always:
        found = visible.filter(Q(pk__in=found.values("pk")) | Q(pk__in=always))
    rows = (
        found.with_is_over(today)
        .with_rights(user, on=today)
        .order_by()
        .values_list("pk", "is_over", "may_run", "is_substitute", "course__code", "name")  # type: ignore[misc]
    )
    in_order = sorted(
        rows,
        key=lambda row: (row[1] or not (row[2] or row[3]), natural_key(row[4]), natural_key(row[5])),
    )
    return [row[0] for row in in_order]


def _counted(section_ids: Collection[int], user: User, today: datetime.date) -> list[Section]:
    """The sections with their ``total_students``, ``is_over`` and rights, in natural order."""
    counted = Section.objects.filter(pk__in=section_ids).with_total_students(today).with_is_over(today)
    with_rights = counted.with_rights(user, on=today).select_related("course", "term")
    return sorted(with_rights, key=section_order)


def _is_taught(section: Section) -> bool:
    """Whether the user teaches the section today, or will be a substitute in it."""
    return section.may_run or section.is_substitute


def _due_order(met_at: datetime.datetime, today: datetime.date) -> tuple[bool, datetime.time]:
    """A sort key: by time of day, those that already met today last."""
    local = timezone.localtime(met_at)
    return local.date() == today, local.time()


def _met_on_this_weekday(user: User, today: datetime.date) -> dict[int, datetime.datetime]:
    """When each section last met on this day of the week within the last weeks, by its primary key."""
    met = (
        Meeting.objects.met()
        .run_by(user, on=today)
        .filter(date__gte=today - WEEKS, date__iso_week_day=today.isoweekday())
    )
    latest = met.order_by("section_id", "-starts_at").distinct("section_id")
    return dict(latest.values_list("section_id", "starts_at"))


def met_today(sections: Iterable[Section], *, today: datetime.date) -> list[QRSession]:
    """The sessions of these sections that were opened today and have ended, in order."""
    held = QRSession.objects.filter(met_on(today), meeting__section__in=[section.pk for section in sections])
    return list(held.with_names().order_by("created_at", "pk"))


def met_on(date: datetime.date) -> Q:
    """The condition that a session was opened on the day and has ended."""
    return Q(meeting__date=date, meeting__state=MeetingState.HELD)


def _without_marks(user: User, today: datetime.date) -> dict[int, int]:
    """How many sessions without marks each section has that the user teaches, by its primary key."""
    sessions = QRSession.objects.taught_by(user, on=today).without_marks().order_by()
    counted = sessions.values("meeting__section").annotate(number=Count("pk"))
    return dict(counted.values_list("meeting__section", "number"))


def sections_named(user: User, section_ids: Sequence[int], *, on: datetime.date) -> list[Section]:
    """The sections with these ids, in their order and with repetitions.

    :raises NotTaught: naming the sections that the user does not teach
    """
    found = Section.objects.run_by(user, on=on).filter(pk__in=section_ids).select_related("course", "term")
    by_id = {section.pk: section for section in found}
    not_taught = [section_id for section_id in section_ids if section_id not in by_id]
    if not_taught:
        # Name a section only if the user once opened a session of it; otherwise show its id.
        known = (
            Section.objects.filter(meetings__session__opened_by=user)
            .select_related("course", "term")
            .distinct()
        )
        names = {section.pk: str(section) for section in known.filter(pk__in=not_taught)}
        words = ", ".join(names.get(section_id, f"#{section_id}") for section_id in not_taught)
        raise NotTaught(_("You do not teach %(sections)s.") % {"sections": words})
    return [by_id[section_id] for section_id in section_ids]
