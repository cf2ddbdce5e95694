"""Who may see a section and what belongs to it, and who may run and change it. Every page and call of the API asks here.

There are four rights: to *see*; to *run*: open sessions, take their steps, save registers; to *correct* marks by hand;
and to *manage*: change rules, rosters and the timetable, and cancel or move meetings.

- A **teacher** sees the section, with all of its meetings, while the assignment lasts, and the meetings of its own days
  after its end. The teacher has the other rights while it lasts, and corrects for 28 days after the end of the term.
- An **assistant** likewise, but manages nothing.
- A **substitute** has all rights of a teacher, but only for the meetings that were given: a single one, or those dated in
  a range of days. They begin when the meetings are given and end 28 days after the last day; what was seen stays seen.
  The section itself the substitute runs on these days only, and never manages.
- **Admins** see, run, correct and manage everything.
"""

import datetime
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, Value

from attendance.models.assignments import (
    CORRECTS_FOR,
    TeachingAssignment,
    TeachingRole,
    has_begun,
    is_not_over,
)
from attendance.models.people import Role, User
from attendance.models.terms import oldest_last_day

_Model = TypeVar("_Model", bound=models.Model, covariant=True)

_TEACHER, _ASSISTANT, _SUBSTITUTE = TeachingRole.TEACHER, TeachingRole.ASSISTANT, TeachingRole.SUBSTITUTE
_WITH_SECTION = Q(role__in=[_TEACHER, _ASSISTANT])


class VisibleQuerySet(models.QuerySet[_Model]):
    """Rows that belong to a section. If they belong to several, the conditions are overridden."""

    # The names in the row of the section's key and, if the row belongs to a meeting, of the meeting's key and date.
    section_key = "pk"
    meeting_key = ""
    meeting_date_key = ""

    def visible_to(self, user: User, *, on: datetime.date) -> Self:
        """What the user may see on the day."""
        return self._limited(user, self.seen_condition(user, on=on))

    def run_by(self, user: User, *, on: datetime.date) -> Self:
        """What the user may open and run on the day. All of it is visible as well."""
        return self._limited(user, self.run_condition(user, on=on))

    def taught_by(self, user: User, *, on: datetime.date) -> Self:
        """What the user teaches on the day, also for an admin."""
        return self.filter(self.own_condition(user), self.run_condition(user, on=on))

    def with_rights(self, user: User, *, on: datetime.date) -> Self:
        """Add ``may_run``, ``may_correct`` and ``may_manage``: whether the user may run it, change its marks by hand, and
        change its rules, roster and plan.
        """
        conditions = {
            "may_run": self.run_condition,
            "may_correct": self.correctable_condition,
            "may_manage": self.managed_condition,
        }
        # django-stubs knows no annotation with a name from elsewhere.
        rights: dict[str, Any] = {
            name: _as_boolean(
                condition(user, on=on) if user.role is Role.TEACHER else Q(Value(user.role is Role.ADMIN))
            )
            for name, condition in conditions.items()
        }
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
        """The condition that the user may see the row as a teacher."""
        seen = _WITH_SECTION & has_begun(on)
        if self.meeting_key:
            date = OuterRef(self.meeting_date_key)
            seen &= is_not_over(on) | (has_begun(date) & Q(to_date__gt=date))
        return self._exists(user, seen | self._is_given())

    def run_condition(self, user: User, *, on: datetime.date) -> Q:
        """The condition that the user may run the row on the day."""
        return self._exists(user, self._may_run(on))

    def managed_condition(self, user: User, *, on: datetime.date) -> Q:
        """The condition that the user may change the rules, the roster and the plan of the row on the day."""
        managed = Q(role=_TEACHER) & has_begun(on) & is_not_over(on)
        if self.meeting_key:
            managed |= self._is_still_given(on)
        return self._exists(user, managed)

    def correctable_condition(self, user: User, *, on: datetime.date) -> Q:
        """The condition that the user may correct marks by hand: who may run it, or taught it until the end of the term."""
        until_the_end = (
            _WITH_SECTION
            & has_begun(on)
            & Q(to_date__gt=F("section__term__last_day"), to_date__gte=on - CORRECTS_FOR)
        )
        return self._exists(user, self._may_run(on) | until_the_end)

    def own_condition(self, user: User) -> Q:
        """The condition that the row is of a section which the user ever taught: implied by each of the others.

        PostgreSQL can begin with it; otherwise it reads the rows of all sections.
        """
        own = TeachingAssignment.objects.in_force().filter(user=user).order_by()
        return Q(**{f"{self.section_key}__in": own.values("section")})

    def _exists(self, user: User, condition: Q) -> Q:
        own = TeachingAssignment.objects.in_force().filter(user=user)
        if self.meeting_date_key:
            date = ExpressionWrapper(OuterRef(self.meeting_date_key), output_field=models.DateField())
            own = own.alias(row_date=date)
        return Q(Exists(own.filter(condition, section=OuterRef(self.section_key))))

    def _may_run(self, on: datetime.date) -> Q:
        return (_WITH_SECTION & has_begun(on) & is_not_over(on)) | self._is_still_given(on)

    def _is_given(self) -> Q:
        """The row is, or belongs to, a meeting that was given; a section of which any was given."""
        given = Q(role=_SUBSTITUTE)
        if self.meeting_key:
            of_its_days = Q(meeting=None, from_date__lte=F("row_date"), to_date__gt=F("row_date"))
            given &= Q(meeting=OuterRef(self.meeting_key)) | of_its_days
        return given

    def _is_still_given(self, on: datetime.date) -> Q:
        """Likewise, and the substitute's rights have not ended; a section on a day of the meetings that were given."""
        if self.meeting_key:
            single = Q(meeting__isnull=False, row_date__gte=TeachingAssignment.oldest_given(on))
            return self._is_given() & (Q(to_date__gte=on - CORRECTS_FOR) | single)
        return Q(role=_SUBSTITUTE) & (has_begun(on) & is_not_over(on) & Q(meeting=None) | Q(meeting__date=on))

    def _limited(self, user: User, condition: Q) -> Self:
        if user.role is Role.ADMIN:
            return self
        return self.filter(self.own_condition(user), condition) if user.role is Role.TEACHER else self.none()


def _as_boolean(condition: Q) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(condition, output_field=BooleanField())
