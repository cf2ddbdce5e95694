"""Giving meetings of a section to substitutes, adding assistants, and taking both back.

Giving locks the section first, as planning does, so that no meeting is removed while it is given.
"""

import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingState, Section, TeachingAssignment, TeachingRole, User
from attendance.models.assignments import TOO_LONG_AGO
from attendance.timetable.weekly_classes import lock_sections


class AlreadyAssigned(Refused):
    code = "already_assigned"
    detail = _("This colleague already teaches the section on these days.")


class AlreadyGiven(Refused):
    code = "already_given"
    detail = _("This class already has a substitute.")


class TooLongAgo(Refused):
    code = "too_long_ago"
    detail = TOO_LONG_AGO


class ClassGone(Refused):
    code = "not_found"
    status = 404
    detail = _("This class no longer exists. The timetable has changed.")


def give_meeting(*, meeting: Meeting, to: User, by: User, on: datetime.date) -> TeachingAssignment:
    """Give a single meeting to a substitute.

    :param to: a teacher
    :raises AlreadyGiven: if it has a substitute, whom the refusal names
    :raises AlreadyAssigned: if the colleague teaches the section on that day anyway
    :raises ClassGone: if the meeting was removed meanwhile
    :raises TooLongAgo: if a substitute would have no rights in it on the day
    """
    with transaction.atomic():
        lock_sections([meeting.section_id])
        found = Meeting.objects.select_for_update(no_key=True).filter(pk=meeting.pk).first()
        if found is None or found.state == MeetingState.DISCARDED:
            raise ClassGone
        if found.date < TeachingAssignment.oldest_given(on):
            raise TooLongAgo
        own = TeachingAssignment.objects.in_force().filter(meeting=found).select_related("user").first()
        if own:
            raise AlreadyGiven(
                _("This class was already given to %(name)s.") % {"name": own.user.display_name}
            )
        last_day = found.date + datetime.timedelta(days=1)
        _check_not_teaching(found.section_id, to, from_date=found.date, to_date=last_day)
        return TeachingAssignment.objects.create(
            section_id=found.section_id, user=to, role=TeachingRole.SUBSTITUTE, meeting=found, given_by=by
        )


def give_days(
    *,
    section: Section,
    role: TeachingRole,
    to: User,
    from_date: datetime.date | None,
    to_date: datetime.date | None,
    by: User,
    on: datetime.date,
) -> TeachingAssignment:
    """Make a colleague a substitute or an assistant of a section for some days.

    :param to: a teacher
    :param to_date: the day after the last one; a substitute needs both
    :raises AlreadyAssigned: if the colleague teaches the section on one of these days, or has the role on one of them
    :raises TooLongAgo: if a substitute would have no rights on the day, because the last day is too long ago
    """
    if role == TeachingRole.SUBSTITUTE and to_date and to_date <= TeachingAssignment.oldest_given(on):
        raise TooLongAgo
    with transaction.atomic():
        lock_sections([section.pk])
        _check_not_teaching(section.pk, to, from_date=from_date, to_date=to_date, role=role)
        return TeachingAssignment.objects.create(
            section=section, user=to, role=role, from_date=from_date, to_date=to_date, given_by=by
        )


def take_back(*, assignment: TeachingAssignment) -> None:
    """Take a section or meeting back from a substitute or an assistant, who has no rights from then on.

    The row stays: it says who had given it, and an import does not add it again.
    """
    TeachingAssignment.objects.filter(pk=assignment.pk).update(removed_by_hand=True)


def exchange(one: Meeting, other: Meeting) -> None:
    """Let the substitutes of two meetings change places, because the meetings exchanged their plans.

    Call it inside the transaction that exchanges them.
    """
    found = TeachingAssignment.objects.in_force().select_for_update().filter(meeting__in=[one, other])
    given = list(found.order_by("pk"))
    # A meeting never has two substitutes, not even for a moment.
    TeachingAssignment.objects.filter(pk__in=[assignment.pk for assignment in given]).update(
        removed_by_hand=True
    )
    for assignment in given:
        assignment.meeting = other if assignment.meeting_id == one.pk else one
    TeachingAssignment.objects.bulk_update(given, ["meeting", "removed_by_hand"])


def _check_not_teaching(
    section: int,
    user: User,
    *,
    from_date: datetime.date | None,
    to_date: datetime.date | None,
    role: TeachingRole | None = None,
) -> None:
    overlapping = TeachingAssignment.objects.in_force().filter(
        Q(to_date=None) | Q(to_date__gt=from_date or datetime.date.min),
        Q(from_date=None) | Q(from_date__lt=to_date or datetime.date.max),
        section=section,
        user=user,
        meeting=None,
    )
    roles = [TeachingRole.TEACHER, TeachingRole.SUBSTITUTE if role is None else role]
    if overlapping.filter(role__in=roles).exists():
        raise AlreadyAssigned
