"""The session, group session or section that an address names, if the user may see it; 404 otherwise.

What is found says what the user may do with it: ``may_run``, ``may_correct`` and ``may_manage``. The rules are in
``attendance.models.visibility``.
"""

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models import Meeting, MeetingState, Role, Section, Student, User
from attendance.models.public_ids import names_a_group
from attendance.models.teaching import SectionQuerySet
from attendance.registers.student_courses import sections_of
from qrsessions.models import GroupSession, QRSession, SessionOrGroup


class NotAllowed(Refused):
    """The user may see it, but not do this with it."""

    status = 403


class NoLongerTaught(NotAllowed):
    code = "no_longer_taught"
    detail = _(
        "You no longer teach this section. You can read the classes from when you taught it, but not change them."
    )


class TeachersOnly(NotAllowed):
    code = "teachers_only"
    detail = _("Only a teacher of this section or an administrator can do this. Ask one of them.")


class AdminsOnly(NotAllowed):
    code = "admins_only"
    detail = _("Only an administrator can do this.")


class NotWhole(NotAllowed):
    code = "not_whole"
    detail = _(
        "You see only some of this section's classes, so its register and its numbers over the term are not shown. "
        "Open the classes one by one."
    )


class NotGiven(NotAllowed):
    code = "not_given"
    detail = _(
        "As a substitute you can only open the classes that were given to you, each at its time. "
        "If this should be one of them, ask a teacher of the section."
    )


def find_section(user: User, section_id: int, *, on: datetime.date) -> Section:
    visible = Section.objects.visible_to(user, on=on).with_rights(user, on=on)
    return get_object_or_404(visible.select_related("course", "term"), pk=section_id)


def find_section_to_manage(user: User, section_id: int, *, on: datetime.date) -> Section:
    """A section whose rules, roster and timetable the user may change; as ``check_may_manage`` says."""
    section = find_section(user, section_id, on=on)
    check_may_manage(section)
    return section


def whole_sections(user: User, *, on: datetime.date) -> SectionQuerySet:
    """The sections whose every class the user may see: those whose register and reports the user may read."""
    visible = (
        Section.objects.visible_to(user, on=on).with_rights(user, on=on).select_related("course", "term")
    )
    if user.role is Role.ADMIN:
        return visible
    meetings = Meeting.objects.not_discarded().filter(section=OuterRef("pk"))
    return visible.exclude(Exists(meetings.exclude(Meeting.objects.seen_condition(user, on=on))))


def whole_sections_beside(section: Section, *, user: User, on: datetime.date) -> SectionQuerySet:
    """The section, and the user's others of the same term; for an admin, who may see all, those of the same course."""
    sections = whole_sections(user, on=on).filter(term=section.term)
    if user.role is Role.ADMIN:
        sections = sections.filter(course=section.course)
    return sections.order_by("course__code", "name", "pk")


def find_whole_section(user: User, section_id: int, *, on: datetime.date) -> Section:
    """A section whose every class the user may see.

    :raises NotWhole: if the user may see only some of them
    """
    section = whole_sections(user, on=on).filter(pk=section_id).first()
    if section is None:
        find_section(user, section_id, on=on)
        raise NotWhole
    return section


def find_whole_sections(user: User, ids: Iterable[int], *, on: datetime.date) -> list[Section]:
    """Sections whose every class the user may see, in the order of the ids, each once.

    :raises NotWhole: if the user may see only some of the classes of one of them
    """
    wanted = list(dict.fromkeys(ids))
    found = whole_sections(user, on=on).in_bulk(wanted)
    return [found.get(one) or find_whole_section(user, one, on=on) for one in wanted]


def find_student(user: User, student_id: str, *, on: datetime.date) -> Student:
    """A student in one of the sections whose every class the user may see; for an admin any student."""
    student = get_object_or_404(Student, student_id=student_id)
    if user.role is not Role.ADMIN and not sections_of(student, whole_sections(user, on=on)).exists():
        raise Http404
    return student


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
    visible = GroupSession.objects.visible_to(user, on=on).with_rights(user, on=on)
    return get_object_or_404(visible.with_member().with_names(), group__public_id=public_id)


def find_session_or_group(user: User, public_id: str, *, on: datetime.date) -> SessionOrGroup:
    find = find_group if names_a_group(public_id) else find_session
    return find(user, public_id, on=on)


def check_may_run(found: SessionOrGroup | Section | Meeting) -> None:
    """
    :raises NoLongerTaught: if the user whom it was found for may only read it
    :raises NotGiven: if it is a section of which the user was given other days
    """
    if not found.may_run:
        raise NotGiven if isinstance(found, Section) and found.is_substitute else NoLongerTaught


def check_may_correct(found: SessionOrGroup | Meeting) -> None:
    """
    :raises NoLongerTaught: if the user whom it was found for may not change its marks by hand
    """
    if not found.may_correct:
        raise NoLongerTaught


def check_may_manage(found: SessionOrGroup | Section | Meeting) -> None:
    """
    :raises NoLongerTaught: if the user whom it was found for may only read it
    :raises TeachersOnly: if the user is an assistant, or was given only meetings of the section
    """
    if not found.may_manage:
        is_substitute = isinstance(found, Section) and found.is_substitute
        raise TeachersOnly if found.may_run or is_substitute else NoLongerTaught


def check_may_open_unplanned(user: User, sections: Iterable[Section], *, at: datetime.datetime) -> None:
    """
    :raises NotGiven: if the user was given only single meetings of one of the sections. If one of them is later on the day,
        it says when that can be opened
    """
    sections, today = list(sections), timezone.localdate(at)
    if not sections:
        return
    singly = Section.objects.given_singly_to(user, on=today).filter(pk__in=[one.pk for one in sections])
    if not singly:
        return
    before = datetime.timedelta(minutes=settings.OPEN_BEFORE_MINUTES)
    of_today = Meeting.objects.taught_by(user, on=today).filter(section__in=singly, date=today)
    later = (
        of_today.filter(state=MeetingState.PLANNED, starts_at__gt=at + before).order_by("starts_at").first()
    )
    if later is None:
        raise NotGiven
    text = _(
        "As a substitute you can only open the classes that were given to you. The next one can be opened from %(time)s."
    )
    raise NotGiven(text % {"time": timezone.localtime(later.starts_at - before).strftime("%H:%M")})
