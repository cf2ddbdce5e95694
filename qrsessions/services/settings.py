"""Settings that teachers change: of a session or group session, and the rules of a section."""

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from attendance.lib import advisory_locks
from attendance.lib.rate_limits import Limit
from attendance.lib.refusals import Refused
from attendance.models import AttendanceRule, Meeting, Section, User
from attendance.queries.section_rules import rule_of
from attendance.registers.simulation import Simulation, simulate
from qrsessions.models import SESSION_SETTINGS, Action, GroupSession, QRSession, SessionOrGroup
from qrsessions.refusals import InGroup, SessionGone
from qrsessions.services import audit_log

Row = TypeVar("Row", QRSession, GroupSession)

# By user. Each reads the register of a whole term.
SIMULATIONS = Limit("rule-simulation", times=30, per_seconds=60)


class ChangesPast(Refused):
    code = "changes_past"
    detail = _(
        "A rule that begins before today changes numbers that have been shown. Choose today or later, or confirm it"
        " with changes_past."
    )


def change_settings(
    *, session_or_group: SessionOrGroup, to: Mapping[str, bool], by: User, at: datetime.datetime
) -> SessionOrGroup:
    """Switch settings of a session or group session on or off, whatever its status. Only real changes are recorded.

    :param to: whether a setting is on, by its name (one of ``SESSION_SETTINGS``)
    :returns: the session or group session after the change
    :raises InGroup: if the session is part of a group, whose settings apply to it
    """
    with transaction.atomic():
        target: SessionOrGroup
        if isinstance(session_or_group, GroupSession):
            target = _lock_row(GroupSession.objects.with_names(), session_or_group)
            sessions = list(QRSession.objects.with_names().filter(meeting__group=target.group_id))
        else:
            target = _lock_row(QRSession.objects.with_names(), session_or_group)
            if target.meeting.group:
                raise InGroup(group=target.meeting.group.public_id)
            sessions = [target]
        changed = {
            name: to[name] for name in SESSION_SETTINGS if name in to and getattr(target, name) != to[name]
        }
        if changed:
            for name, is_on in changed.items():
                setattr(target, name, is_on)
            target.save(update_fields=list(changed))
            detail = ", ".join(f"{name}={'on' if is_on else 'off'}" for name, is_on in changed.items())
            audit_log.record_all(sessions, action=Action.SETTINGS, by=by, at=at, detail=detail)
    return target


def _lock_row(rows: QuerySet[Row], session_or_group: SessionOrGroup) -> Row:
    """Lock the row until the transaction ends.

    :raises SessionGone: if it was discarded meanwhile
    """
    locked = rows.select_for_update(of=["self"]).filter(pk=session_or_group.pk).first()
    if locked is None:
        raise SessionGone
    return locked


def set_section_rules(
    *, section: Section, to: Mapping[str, int | None], by: User, at: datetime.datetime
) -> Section:
    """Set rules of a section. Existing marks keep their status; an open session uses the new late rule from now on.

    :param to: the number by the name of the rule (as in ``section_rules``), or ``None`` for no such rule
    :returns: the section after the change
    """
    with transaction.atomic():
        # Once this returns, no scan is judged by the old rule.
        advisory_locks.hold(Meeting.objects.filter(section=section).open().values_list("pk", flat=True))
        section = (
            Section.objects.select_for_update(of=["self"]).select_related("course", "term").get(pk=section.pk)
        )
        if "minimum_percentage" in to:
            _set_minimum(section, to["minimum_percentage"], by=by, at=at)
        if "late_after_minutes" in to and section.late_after_minutes != to["late_after_minutes"]:
            section.late_after_minutes = minutes = to["late_after_minutes"]
            section.save(update_fields=["late_after_minutes"])
            detail = f"late_after_minutes={'off' if minutes is None else minutes}"
            running = QRSession.objects.open().filter(meeting__section=section)
            audit_log.record_all(running, action=Action.SETTINGS, by=by, at=at, detail=detail)
    return section


def section_rules(section: Section, *, on: datetime.date) -> dict[str, int | None]:
    """The rules of a section on the day, as teachers set them."""
    return {
        "minimum_percentage": rule_of(section, on=on).minimum_percentage or None,
        "late_after_minutes": section.late_after_minutes,
    }


def _set_minimum(section: Section, minimum: int | None, *, by: User, at: datetime.datetime) -> None:
    """Write a version from today on, unless the minimum stays the same."""
    today = timezone.localdate(at)
    if section_rules(section, on=today)["minimum_percentage"] != (minimum or None):
        # None would leave it to the course or the institution, which may have a minimum.
        to = {"minimum_percentage": minimum or 0}
        AttendanceRule.objects.set_for_section(section, to, valid_from=today, by=by, at=at)


def set_attendance_rule(
    *,
    section: Section,
    to: Mapping[str, Any],
    valid_from: datetime.date,
    changes_past: bool,
    by: User,
    at: datetime.datetime,
) -> AttendanceRule:
    """Let the section's rule say this from a day on.

    :param to: as for ``AttendanceRule.objects.set_for_section``
    :raises ChangesPast: if the day is before today, and ``changes_past`` is not true
    """
    if valid_from < timezone.localdate(at) and not changes_past:
        raise ChangesPast
    return AttendanceRule.objects.set_for_section(section, to, valid_from=valid_from, by=by, at=at)


def simulate_attendance_rule(
    *, section: Section, to: Mapping[str, Any], valid_from: datetime.date, by: User, today: datetime.date
) -> Simulation:
    """What ``set_attendance_rule`` would do to the numbers of the students. Nothing is written.

    :raises TooOften: if the user has asked too often
    """
    SIMULATIONS.allow(str(by.pk))
    return simulate(section, to, valid_from=valid_from, today=today)
