"""Saving a term with its holidays, and planning the meetings of its sections again."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models import Holiday, MeetingPattern, Section, Term
from attendance.timetable import planning
from attendance.timetable.occurrences import YEARS


class BadDays(Refused):
    code = "invalid"
    status = 400
    detail = _("Check the days: the last cannot be before the first, nor more than 400 days after it.")


class TermExists(Refused):
    code = "term_exists"
    detail = _("There is already a term with this name and these days.")


class UnknownSection(Refused):
    code = "invalid"
    status = 400
    detail = _("One of the sections of the holiday is not in this term.")


@dataclass(frozen=True)
class HolidayDays:
    """A holiday as somebody wants it. Without sections it is for everybody."""

    name: str
    first_day: datetime.date
    last_day: datetime.date
    sections: frozenset[int] = frozenset()


def save_term(*, term: Term, holidays: Collection[HolidayDays] | None, at: datetime.datetime) -> None:
    """Save a new or changed term.

    Days that stay are not checked: an import, or the admin, may have made a term that is longer than a weekly class.

    :param holidays: all of them; None leaves them as they are
    :raises BadDays: if days are in the wrong order or too far apart
    :raises TermExists: if there is a term with the same name and days
    :raises UnknownSection: if a holiday is for a section of another term
    :raises PatternWithoutEnd: if a weekly class needs a day of the term that it no longer has
    """
    stored = Term.objects.filter(pk=term.pk).values_list("first_day", "last_day").first()
    has_other_days = stored != (term.first_day, term.last_day)
    if has_other_days:
        _check_days(term.first_day, term.last_day)
    for holiday in holidays or ():
        _check_days(holiday.first_day, holiday.last_day)
    others = Term.objects.filter(name=term.name, first_day=term.first_day, last_day=term.last_day)
    if others.exclude(pk=term.pk).exists():
        raise TermExists
    with transaction.atomic():
        term.save()
        if holidays is not None:
            _set_holidays(term, holidays)
        if has_other_days or holidays is not None:
            planned = MeetingPattern.objects.weekly().filter(section__term=term)
            planning.replan(planned.values_list("section", flat=True).distinct(), at=at)


def _check_days(first_day: datetime.date | None, last_day: datetime.date | None) -> None:
    days = [day for day in (first_day, last_day) if day]
    if any(day.year not in YEARS for day in days):
        raise BadDays
    if first_day and last_day and not 0 <= (last_day - first_day).days <= planning.MAX_DAYS:
        raise BadDays


def _set_holidays(term: Term, holidays: Collection[HolidayDays]) -> None:
    named = {key for holiday in holidays for key in holiday.sections}
    if named - set(Section.objects.filter(term=term, pk__in=named).values_list("pk", flat=True)):
        raise UnknownSection
    term.holidays.all().delete()
    saved = Holiday.objects.bulk_create(
        Holiday(term=term, name=holiday.name, first_day=holiday.first_day, last_day=holiday.last_day)
        for holiday in holidays
    )
    through = Holiday.sections.through
    through._default_manager.bulk_create(
        through(holiday_id=one.pk, section_id=key)
        for one, holiday in zip(saved, holidays, strict=True)
        for key in holiday.sections
    )
