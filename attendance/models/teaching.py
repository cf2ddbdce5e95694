"""Courses, their sections, and enrolments."""

from __future__ import annotations

import datetime
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from attendance.models.assignments import TeachingAssignment, TeachingRole
from attendance.models.people import Role, Student, User
from attendance.models.terms import Term
from attendance.models.visibility import VisibleQuerySet


class Course(models.Model):
    """A course such as CS101, independent of term and teacher."""

    code = models.CharField(_("code"), max_length=50, unique=True)
    title = models.CharField(_("title"), max_length=300)
    department = models.CharField(
        _("department"),
        max_length=200,
        blank=True,
        db_default="",
        help_text=_("Reports can be limited to one department. Importing a roster does not change it."),
    )

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["code"]
        constraints = [models.CheckConstraint(condition=~Q(code=""), name="course_code_not_empty")]

    def __str__(self) -> str:
        return f"{self.code} {self.title}" if self.title != self.code else self.code


def _is_over(date: datetime.date) -> models.Q:
    enrolments = Enrolment.objects.filter(section=models.OuterRef("pk"))
    return models.Q(models.Exists(enrolments), ~models.Exists(enrolments.exclude(to_date__lte=date)))


class SectionQuerySet(VisibleQuerySet["Section"]):
    def matching(self, search: str) -> Self:
        """The sections whose course, name and term contain every word of the search, in any case."""
        found = self
        for word in search.split():
            found = found.filter(
                Q(course__code__icontains=word)
                | Q(course__title__icontains=word)
                | Q(name__icontains=word)
                | Q(term__name__icontains=word)
            )
        return found

    def with_total_students(self, date: datetime.date) -> Self:
        """Add ``total_students``: the number of enrolments on the date."""
        return self.annotate(
            total_students=models.Count(
                "enrolments", filter=Enrolment.holds_on(date, prefix="enrolments__"), distinct=True
            )
        )

    def with_is_over(self, date: datetime.date) -> Self:
        """Add ``is_over``: everybody ever enrolled has left before or on the date."""
        return self.annotate(is_over=_is_over(date))

    def current(self, date: datetime.date) -> Self:
        """Without sections that are over."""
        return self.exclude(_is_over(date))

    def with_rights(self, user: User, *, on: datetime.date) -> Self:
        """Add ``is_substitute``, too: the user was given meetings of today or later, and does not teach the others."""
        own = TeachingAssignment.objects.filter(user=user, section=models.OuterRef("pk"))
        given = own.in_force().filter(
            Q(to_date__gt=on) | Q(meeting__date__gte=on), role=TeachingRole.SUBSTITUTE
        )
        whole = own.holding_on(on).exclude(role=TeachingRole.SUBSTITUTE)
        is_substitute = models.ExpressionWrapper(
            Q(models.Exists(given), ~models.Exists(whole)), output_field=models.BooleanField()
        )
        return super().with_rights(user, on=on).annotate(is_substitute=is_substitute)

    def given_singly_to(self, user: User, *, on: datetime.date) -> Self:
        """The sections of which the user may only run single meetings on the day."""
        if user.role is not Role.TEACHER:
            return self.none()
        own = TeachingAssignment.objects.filter(user=user, section=models.OuterRef("pk"))
        return self.filter(
            models.Exists(own.in_force().filter(meeting__isnull=False)), ~models.Exists(own.holding_on(on))
        )


class Section(models.Model):
    """A section of a course in one term, such as CS101-A in autumn 2026, with its own roster and teachers."""

    course = models.ForeignKey(Course, models.PROTECT, related_name="sections", verbose_name=_("course"))
    name = models.CharField(_("section"), max_length=200)
    term = models.ForeignKey(
        Term, models.PROTECT, null=True, blank=True, related_name="sections", verbose_name=_("term")
    )
    # Everybody who was ever assigned, also those who have left or were removed, assistants and substitutes. Who may do what is in ``visibility``.
    teachers = models.ManyToManyField(
        User,
        through=TeachingAssignment,
        through_fields=("section", "user"),
        related_name="sections",
        verbose_name=_("teachers"),
    )
    external_id = models.CharField(
        _("external id"),
        max_length=200,
        blank=True,
        help_text=_("The section's id in the student information system."),
    )
    late_after_minutes = models.PositiveSmallIntegerField(
        _("late after (minutes)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(24 * 60)],
        help_text=_(
            "Scans this many minutes after attendance starts count as late. Leave empty if scans "
            "never count as late."
        ),
    )

    # Set by with_is_over.
    is_over: bool
    # Set by with_rights.
    may_run: bool
    may_correct: bool
    may_manage: bool
    is_substitute: bool

    objects = SectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["course__code", "name", "-term__first_day", "-term__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "name", "term"],
                nulls_distinct=False,
                name="section_unique",
                violation_error_message=_("The course already has a section with this name in this term."),
            ),
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="section_external_id_unique"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="section_name_not_empty"),
        ]

    def __str__(self) -> str:
        return " · ".join(part for part in (self.course.code, self.name, self.term_name) if part)

    @property
    def short_name(self) -> str:
        """Without the term, where only the present one matters."""
        return f"{self.course.code} · {self.name}"

    @property
    def full_name(self) -> str:
        """With the title of the course, as documents are headed."""
        return " · ".join(filter(None, [str(self.course), self.name, self.term_name]))

    @property
    def term_name(self) -> str:
        """The name of the term; empty if the section has none."""
        return self.term.name if self.term else ""


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def holding_on(self, date: datetime.date) -> Self:
        return self.filter(Enrolment.holds_on(date))


def _span() -> Func:
    """The days of an enrolment as a range: from ``from_date`` to the day before ``to_date``."""
    return Func(
        F("from_date"), F("to_date"), RangeBoundary(), function="daterange", output_field=DateRangeField()
    )


def _student() -> Func:
    """The student, as an expression that no lookup by student uses."""
    # Otherwise the planner uses this GiST index for lookups by student, at forty times the cost of the plain index.
    return Func(F("student"), template="(%(expressions)s + 0)", output_field=models.BigIntegerField())


class Enrolment(models.Model):
    """A student in a section, from ``from_date`` until the day before ``to_date``, or without end if that is empty."""

    section = models.ForeignKey(Section, models.PROTECT, related_name="enrolments", verbose_name=_("section"))
    # Indexed by ``enrolment_of_student`` below.
    student = models.ForeignKey(
        Student, models.PROTECT, related_name="enrolments", verbose_name=_("student"), db_index=False
    )
    roll_number = models.CharField(
        _("roll number"), max_length=100, help_text=_("Stored exactly as given: “07” and “7” are different.")
    )
    from_date = models.DateField(_("from"))
    to_date = models.DateField(
        _("to"),
        null=True,
        blank=True,
        help_text=_("The first day on which the student is no longer enrolled."),
    )

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        ordering = ["section", "roll_number"]
        indexes = [
            # Covers all that the roster reads of an enrolment. Without it the planner uses the index of a constraint
            # below, which takes 0.25 ms for one student.
            models.Index(
                fields=["student", "section"],
                include=["from_date", "to_date", "roll_number"],
                name="enrolment_of_student",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(roll_number=""), name="enrolment_roll_number_not_empty"),
            models.CheckConstraint(condition=Q(to_date__gte=F("from_date")), name="enrolment_from_before_to"),
            # On any day, a section has a student at most once, and a roll number at most once.
            ExclusionConstraint(
                name="enrolment_student_once_a_day",
                expressions=[
                    ("section", RangeOperators.EQUAL),
                    (_student(), RangeOperators.EQUAL),
                    (_span(), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_(
                    "This student is already enrolled in the section on some of these days."
                ),
            ),
            ExclusionConstraint(
                name="enrolment_roll_number_once_a_day",
                expressions=[
                    ("section", RangeOperators.EQUAL),
                    ("roll_number", RangeOperators.EQUAL),
                    (_span(), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_(
                    "Another student already has this roll number in the section on some of these days."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.roll_number} {self.student.name}"

    def clean(self) -> None:
        # Checked here because PostgreSQL fails to build a reversed range before it reaches the constraint.
        begins: datetime.date | None = self.from_date  # None if the form field was left empty
        if begins and self.to_date and self.to_date < begins:
            raise ValidationError({"to_date": _("An enrolment cannot end before it begins.")})

    def covers(self, date: datetime.date) -> bool:
        """Whether the student is enrolled on the date. Queries ask ``holds_on``."""
        return self.from_date <= date and (self.to_date is None or self.to_date > date)

    @staticmethod
    def holds_on(date: datetime.date | F | models.OuterRef, prefix: str = "") -> Q:
        """The condition that an enrolment is valid on the date; ``prefix`` is the lookup to it from another model."""
        return Q(**{f"{prefix}from_date__lte": date}) & (
            Q(**{f"{prefix}to_date": None}) | Q(**{f"{prefix}to_date__gt": date})
        )
