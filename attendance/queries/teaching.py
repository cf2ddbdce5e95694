"""Who teaches a section, who is the substitute at a meeting, and which colleague a name means."""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat, Trim

from attendance.lib.natural_order import natural_key
from attendance.models import Meeting, Section, TeachingAssignment, TeachingRole, User

# Of colleagues whose name is like the one that was typed.
NAMED = 5


@dataclass(frozen=True)
class Substitution:
    """Names: who is the substitute at a meeting, and whom they stand in for. ``is_own``: the reader is the substitute."""

    substitutes: Sequence[str]
    teachers: Sequence[str]
    is_own: bool


def who_teaches(
    section: Section, *, on: datetime.date, with_former_substitutes: bool = False
) -> list[TeachingAssignment]:
    """The assignments of the section that hold on the day or later: teachers first, then assistants, then substitutes.

    :param with_former_substitutes: also those of substitutes whose days are over: they still see their classes
    """
    still = (Q(meeting=None) & (Q(to_date=None) | Q(to_date__gt=on))) | Q(meeting__date__gte=on)
    if with_former_substitutes:
        still |= Q(role=TeachingRole.SUBSTITUTE)
    found = section.assignments.in_force().filter(still, user__is_active=True)
    roles = list(TeachingRole)
    return sorted(
        found.select_related("user", "meeting"),
        key=lambda one: (
            roles.index(TeachingRole(one.role)),
            natural_key(one.user.display_name),
            one.meeting.date if one.meeting else one.from_date or datetime.date.min,
        ),
    )


def substitutions(meetings: Iterable[Meeting], *, reader: User) -> dict[int, Substitution]:
    """The meetings that have substitutes, by primary key. One query, or none without meetings."""
    meetings = list(meetings)
    if not meetings:
        return {}
    by_section: defaultdict[int, list[TeachingAssignment]] = defaultdict(list)
    found = TeachingAssignment.objects.in_force().filter(
        section__in={meeting.section_id for meeting in meetings},
        role__in=[TeachingRole.TEACHER, TeachingRole.SUBSTITUTE],
        user__is_active=True,
    )
    for assignment in found.select_related("user"):
        by_section[assignment.section_id].append(assignment)
    given = {}
    for meeting in meetings:
        here = [one for one in by_section[meeting.section_id] if _is_at(one, meeting)]
        substitutes = [one.user for one in here if one.role == TeachingRole.SUBSTITUTE]
        if substitutes:
            teachers = [one.user for one in here if one.role == TeachingRole.TEACHER]
            given[meeting.pk] = Substitution(_names(substitutes), _names(teachers), reader in substitutes)
    return given


def colleagues_named(text: str) -> list[User]:
    """The teachers whose user name, e-mail address or whole name this is, in any case."""
    text = " ".join(text.split())
    exact = Q(username__iexact=text) | Q(email=text.lower()) | Q(whole_name__iexact=text)
    return list(_colleagues().filter(exact)[:2]) if text else []


def colleagues_like(text: str) -> list[str]:
    """Names of teachers that contain each word of the text: a few, to choose from."""
    found = _colleagues()
    for word in text.split():
        found = found.filter(Q(whole_name__icontains=word))
    return [user.display_name for user in found[:NAMED]] if text.strip() else []


def _colleagues() -> QuerySet[User]:
    whole_name = Trim(Concat(F("first_name"), Value(" "), F("last_name")))
    teachers = User.objects.filter(is_active=True, is_teacher=True).annotate(whole_name=whole_name)
    return teachers.order_by("last_name", "first_name", "pk")


def _is_at(assignment: TeachingAssignment, meeting: Meeting) -> bool:
    if assignment.meeting_id:
        return assignment.meeting_id == meeting.pk
    begins, ends = assignment.from_date, assignment.to_date
    return (begins is None or begins <= meeting.date) and (ends is None or ends > meeting.date)


def _names(users: Iterable[User]) -> list[str]:
    return sorted({user.display_name for user in users}, key=natural_key)
