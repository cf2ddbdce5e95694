"""How much one report may read."""

from collections.abc import Collection

from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models import AttendanceRecord, MeetingState, Section
from attendance.registers.dates import DateRange

# A million is read in some seconds: see ``bench.studies.registers.reports``.
MAX_RECORDS = 2_000_000
# More than a page can usefully show.
MAX_SECTIONS = 500


class TooMuch(Refused):
    code = "too_much"
    status = 400
    detail = _("This is too much for one report. Choose a department, a course or fewer days.")


def check_size(sections: Collection[Section], dates: DateRange) -> None:
    """
    :raises TooMuch: if there are too many sections, or too many records of them within the days
    """
    if len(sections) > MAX_SECTIONS:
        raise TooMuch
    held = AttendanceRecord.objects.filter(meeting__section__in=sections, meeting__state=MeetingState.HELD)
    # Counting ends there.
    if dates.limit(held, by="meeting__date")[: MAX_RECORDS + 1].count() > MAX_RECORDS:
        raise TooMuch
