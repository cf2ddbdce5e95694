"""Who may see a section and what belongs to it, and who may run it. Every page and call of the API asks here.

An assignment that has begun lets its teacher *see* the section, with all of its meetings while it lasts, and with those of
its own days after its end. Only one that holds today lets the teacher *run* it: open sessions, take their steps, correct.
Admins see and run everything.
"""

import datetime
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, Value

from attendance.models.assignments import TeachingAssignment
from attendance.models.people import Role, User
from attendance.models.terms import oldest_last_day

# A teacher who taught until the end of the term may still correct its registers for so long.
CORRECTS_FOR = datetime.timedelta(days=28)

_Model = TypeVar("_Model", bound=models.Model, covariant=True)


def is_seen_by(user: User, *, on: datetime.date, section: str, meeting_date: str = "") -> Q:
    """The condition that the user may see the section, or a meeting of it, as a teacher.

    :param section: the name of the section's key in the row, such as ``"meeting__section"``
    :param meeting_date: that of the meeting's date, if the row belongs to a meeting
    """
    begun = TeachingAssignment.objects.begun(on).filter(user=user, section=OuterRef(section))
    if meeting_date:
        date = OuterRef(meeting_date)
        in_its_time = (Q(from_date=None) | Q(from_date__lte=date)) & Q(to_date__gt=date)
        begun = begun.filter(Q(to_date=None) | Q(to_date__gt=on) | in_its_time)
    return Q(Exists(begun))


def is_run_by(user: User, *, on: datetime.date, section: str) -> Q:
    """The condition that the user teaches the section on the day."""
    holding = TeachingAssignment.objects.holding_on(on).filter(user=user, section=OuterRef(section))
    return Q(Exists(holding))


def is_corrected_by(user: User, *, on: datetime.date, section: str) -> Q:
    """The condition that the user may correct marks by hand: a teacher of the day, or one until the end of the term."""
    until_the_end = TeachingAssignment.objects.begun(on).filter(
        user=user,
        section=OuterRef(section),
        to_date__gt=F("section__term__last_day"),
        to_date__gte=on - CORRECTS_FOR,
    )
    return is_run_by(user, on=on, section=section) | Q(Exists(until_the_end))


class VisibleQuerySet(models.QuerySet[_Model]):
    """Rows that belong to a section. If they belong to several, the conditions are overridden."""

    # The row's own names, as in ``is_seen_by``.
    section_key = "pk"
    meeting_date_key = ""

    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """What the user may see on the day."""
        return self._limited(user, self.seen_condition(user, on=on))

    def run_by(self, user: User, *, on: datetime.date) -> Self:
        """What the user may open, run and change on the day. All of it is visible as well."""
        return self._limited(user, self.taught_condition(user, on=on))

    def taught_by(self, user: User, *, on: datetime.date) -> Self:
        """What the user teaches on the day, also for an admin."""
        return self.filter(self.taught_condition(user, on=on))

    def with_rights(self, user: User, *, on: datetime.date) -> Self:
        """Add ``may_run`` and ``may_correct``: whether the user may run it, and change its marks by hand."""
        if user.role is Role.TEACHER:
            run, correct = self.taught_condition(user, on=on), self.correctable_condition(user, on=on)
        else:
            run = correct = Q(Value(user.role is Role.ADMIN))
        # django-stubs knows no annotation with a name from elsewhere.
        rights: dict[str, Any] = {"may_run": _as_boolean(run), "may_correct": _as_boolean(correct)}
        return self.annotate(**rights)

    def in_current_terms(self, *, on: datetime.date) -> Self:
        """Without what belongs to a past term. Lists show no more; everything in a past term can still be read."""
        return self.exclude(self.past_condition(on=on))

    def in_past_terms(self, *, on: datetime.date) -> Self:
        return self.filter(self.past_condition(on=on))

    def past_condition(self, *, on: datetime.date) -> Q:
        """The condition that the section's term is past: see ``Term.is_past``."""
        return self.term_condition(last_day__lt=oldest_last_day(on))

    def term_condition(self, **lookups: Any) -> Q:
        """A condition on the term of the section, such as ``pk=3``."""
        term = "term" if self.section_key == "pk" else f"{self.section_key}__term"
        return Q(**{f"{term}__{name}": value for name, value in lookups.items()})

    def seen_condition(self, user: User, *, on: datetime.date) -> Q:
        return is_seen_by(user, on=on, section=self.section_key, meeting_date=self.meeting_date_key)

    def taught_condition(self, user: User, *, on: datetime.date) -> Q:
        return is_run_by(user, on=on, section=self.section_key)

    def correctable_condition(self, user: User, *, on: datetime.date) -> Q:
        return is_corrected_by(user, on=on, section=self.section_key)

    def _limited(self, user: User, condition: Q) -> Self:
        if user.role is Role.ADMIN:
            return self
        return self.filter(condition) if user.role is Role.TEACHER else self.none()


def _as_boolean(condition: Q) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(condition, output_field=BooleanField())
