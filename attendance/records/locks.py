"""Registers lock some days after their meeting (``REGISTER_LOCK_DAYS``): no teacher changes them then.

A first taking, an import by an administrator and the claim of a scan are not checked, so they pass.
"""

import datetime
from collections.abc import Iterable

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from attendance.lib.refusals import Refused
from attendance.models import Meeting


class RegisterLocked(Refused):
    """``extra["meeting"]`` is the id of the meeting whose register is locked."""

    code = "register_locked"

    def __init__(self, meeting: Meeting) -> None:
        words = _(
            "The register of %(section)s on %(date)s is locked, so nothing was changed. An administrator can unlock it."
        )
        detail = words % {"section": meeting.section, "date": date_format(meeting.date, "j M Y")}
        super().__init__(detail, meeting=meeting.public_id)


def check_not_locked(meetings: Iterable[Meeting | int], *, at: datetime.datetime) -> None:
    """
    :param meetings: the meetings or their keys. The caller holds their locks, so each is read as it is now
    :raises RegisterLocked: for the first of them whose register can no longer be changed
    """
    if not settings.REGISTER_LOCK_DAYS:
        return
    pks = [meeting if isinstance(meeting, int) else meeting.pk for meeting in meetings]
    today = timezone.localdate(at)
    for meeting in Meeting.objects.filter(pk__in=pks).select_related("section__course").order_by("pk"):
        if meeting.is_locked(on=today):
            raise RegisterLocked(meeting)
