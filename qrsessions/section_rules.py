"""The rules of a section that its teachers set: the minimum of attendance, and from when on a scan is late."""

import datetime
from collections.abc import Mapping

from django.db import transaction

from attendance import locks, stamps
from attendance.models import Meeting, Section, User
from qrsessions import events
from qrsessions.models import Action, QRSession

RULES = ["minimum_percentage", "late_after_minutes"]


def set_rules(*, section: Section, to: Mapping[str, int | None], by: User, at: datetime.datetime) -> Section:
    """Set rules of a section. Marks that were made stay as they are; a session that runs goes on by the new rule.

    :param to: by the name of the rule (``RULES``), its number, or ``None`` for no such rule
    :returns: the section as it is now
    """
    with transaction.atomic():
        # No scan is decided by the old rule after this has been answered.
        locks.hold(Meeting.objects.filter(section=section).open().values_list("pk", flat=True))
        section = Section.objects.select_for_update(of=["self"]).select_related("course").get(pk=section.pk)
        changed = {name: to[name] for name in RULES if name in to and getattr(section, name) != to[name]}
        if changed:
            for name, number in changed.items():
                setattr(section, name, number)
            section.save(update_fields=list(changed))
            if "late_after_minutes" in changed:
                minutes = changed["late_after_minutes"]
                detail = f"late_after_minutes={'off' if minutes is None else minutes}"
                running = QRSession.objects.open().filter(meeting__section=section)
                events.record_all(running, action=Action.SETTINGS, by=by, at=at, detail=detail)
            stamps.renew_on_commit([stamps.of_section(section.pk)])
    return section
