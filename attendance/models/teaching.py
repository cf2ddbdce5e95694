"""What is taught: courses, their sections, and who is enrolled in them."""

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

from attendance.models.people import Role, Student, User


class Course(models.Model):
    """CS101: what is taught, whoever teaches it and whenever."""

    code = models.CharField(_("code"), max_length=50, unique=True)
    title = models.CharField(_("title"), max_length=300)

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["code"]
        constraints = [models.CheckConstraint(condition=~Q(code=""), name="course_code_not_empty")]

    def __str__(self) -> str:
        return f"{self.code} {self.title}" if self.title != self.code else self.code


class SectionQuerySet(models.QuerySet["Section"]):
    def visible_to(self, user: User) -> Self:
        """The sections that the user may open sessions for: those taught, or all for an admin."""
        if user.role is Role.ADMIN:
            return self
        if user.role is Role.TEACHER:
            return self.filter(teachers=user)
        return self.none()

    def with_total_students(self, date: datetime.date) -> Self:
        """Adds ``total_students``: how many enrolments hold on the date."""
        return self.annotate(
            total_students=models.Count(
                "enrolments", filter=Enrolment.holds_on(date, prefix="enrolments__"), distinct=True
            )
        )


class Section(models.Model):
    """CS101-A in autumn 2026: a course held for one roster by its teachers."""

    course = models.ForeignKey(Course, models.PROTECT, related_name="sections", verbose_name=_("course"))
    name = models.CharField(_("section"), max_length=200)
    term = models.CharField(_("term"), max_length=100, blank=True)
    teachers = models.ManyToManyField(
        User,
        blank=True,
        related_name="sections",
        verbose_name=_("teachers"),
        limit_choices_to={"is_teacher": True},
    )
    external_id = models.CharField(
        _("external id"),
        max_length=200,
        blank=True,
        help_text=_("The id under which a student information system knows the section."),
    )
    minimum_percentage = models.PositiveSmallIntegerField(
        _("minimum attendance in per cent"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("Students see how many classes they may still miss. Empty: there is no such rule."),
    )
    late_after_minutes = models.PositiveSmallIntegerField(
        _("late after, in minutes"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(24 * 60)],
        help_text=_(
            "A scan that comes so long after attendance was started counts as late. Empty: nobody is late by a scan."
        ),
    )

    objects = SectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["course__code", "name", "-term"]
        constraints = [
            models.UniqueConstraint(fields=["course", "name", "term"], name="section_unique"),
            models.UniqueConstraint(
                fields=["external_id"], condition=~Q(external_id=""), name="section_external_id_unique"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="section_name_not_empty"),
            models.CheckConstraint(
                condition=Q(minimum_percentage=None) | Q(minimum_percentage__lte=100),
                name="section_minimum_percentage",
            ),
        ]

    def __str__(self) -> str:
        return " · ".join(part for part in (self.course.code, self.name, self.term) if part)


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def holding_on(self, date: datetime.date) -> Self:
        return self.filter(Enrolment.holds_on(date))


def _span() -> Func:
    """The days on which an enrolment holds, as a range: from ``from_date`` to the day before ``to_date``."""
    return Func(
        F("from_date"), F("to_date"), RangeBoundary(), function="daterange", output_field=DateRangeField()
    )


def _student() -> Func:
    """The student, in a form that no lookup by student has."""
    # The planner took this GiST index for such lookups, at forty times the cost of the plain index on the student.
    return Func(F("student"), template="(%(expressions)s + 0)", output_field=models.BigIntegerField())


class Enrolment(models.Model):
    """A student in a section: holds where ``from_date <= date < to_date``; an empty ``to_date`` is open."""

    section = models.ForeignKey(Section, models.PROTECT, related_name="enrolments", verbose_name=_("section"))
    # Its index is ``enrolment_of_student``.
    student = models.ForeignKey(
        Student, models.PROTECT, related_name="enrolments", verbose_name=_("student"), db_index=False
    )
    roll_number = models.CharField(
        _("roll number"), max_length=100, help_text=_("Kept as given: “07” is not “7”.")
    )
    from_date = models.DateField(_("from"))
    to_date = models.DateField(
        _("to"), null=True, blank=True, help_text=_("The first day on which it no longer holds.")
    )

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        ordering = ["section", "roll_number"]
        indexes = [
            # With all that the roster asks of an enrolment: else it looks in the index of a constraint below,
            # where one student takes a quarter of a millisecond to find.
            models.Index(
                fields=["student", "section"],
                include=["from_date", "to_date", "roll_number"],
                name="enrolment_of_student",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(roll_number=""), name="enrolment_roll_number_not_empty"),
            models.CheckConstraint(condition=Q(to_date__gte=F("from_date")), name="enrolment_from_before_to"),
            # These two imply the unique rules for open enrolments, and hold for closed ones too: on no day
            # has a section a student twice, or two students with one roll number.
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
                    "Another student has this roll number in the section on some of these days."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.roll_number} {self.student.name}"

    def clean(self) -> None:
        # PostgreSQL refuses to build a reversed range before it comes to the constraint that would say so.
        begins: datetime.date | None = self.from_date  # None in a form that misses it
        if begins and self.to_date and self.to_date < begins:
            raise ValidationError({"to_date": _("The end must not be before the beginning.")})

    @staticmethod
    def holds_on(date: datetime.date | F | models.OuterRef, prefix: str = "") -> Q:
        """The condition that an enrolment holds on the date; ``prefix`` leads to it from another model."""
        return Q(**{f"{prefix}from_date__lte": date}) & (
            Q(**{f"{prefix}to_date": None}) | Q(**{f"{prefix}to_date__gt": date})
        )
