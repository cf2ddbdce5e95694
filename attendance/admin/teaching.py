"""Courses, sections and enrolments."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.admin.parts import rows_link
from attendance.models import Course, Enrolment, Section
from attendance.models.teaching import SectionQuerySet


@admin.register(Course)
class CourseAdmin(admin.ModelAdmin[Course]):
    list_display = ["code", "title", "sections_link"]
    search_fields = ["code", "title"]

    @admin.display(description=_("sections"))
    def sections_link(self, course: Course) -> SafeString:
        return rows_link(Section, _("Sections"), course__id__exact=course.pk)


@admin.register(Section)
class SectionAdmin(admin.ModelAdmin[Section]):
    list_display = ["name", "course", "term", "teacher_names", "enrolments_link"]
    list_filter = ["term"]
    # The model's own order is lost where rows are grouped to count the students.
    ordering = ["course__code", "name", "-term"]
    search_fields = ["name", "course__code", "course__title", "term", "teachers__username", "external_id"]
    autocomplete_fields = ["course", "teachers"]
    fields = [
        "course",
        "name",
        "term",
        "teachers",
        "external_id",
        "minimum_percentage",
        "late_after_minutes",
        "enrolments_link",
    ]
    readonly_fields = ["enrolments_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Section]:
        sections = super().get_queryset(request)
        assert isinstance(sections, SectionQuerySet)  # noqa: S101 - narrows the type for with_total_students
        # Here rather than in list_select_related, so that autocompletion has the course too.
        return (
            sections.with_total_students(timezone.localdate())
            .select_related("course")
            .prefetch_related("teachers")
        )

    @admin.display(description=_("teachers"))
    def teacher_names(self, section: Section) -> str:
        return ", ".join(teacher.display_name for teacher in section.teachers.all())

    @admin.display(description=_("students"), ordering="total_students")
    def enrolments_link(self, section: Section) -> SafeString | str:
        if section.pk is None:
            return "-"
        total = getattr(section, "total_students", 0)
        return rows_link(Enrolment, total, section__id__exact=section.pk)


class HoldsFilter(admin.SimpleListFilter):
    title = _("holds")
    parameter_name = "holds"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        return [("today", _("today")), ("ended", _("no longer")), ("later", _("not yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
        today = timezone.localdate()
        conditions = {
            "today": Enrolment.holds_on(today),
            "ended": Q(to_date__lte=today),
            "later": Q(from_date__gt=today),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class EnrolmentForm(forms.ModelForm[Enrolment]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        from_date, to_date = self.cleaned_data.get("from_date"), self.cleaned_data.get("to_date")
        # Said of a field, so that no constraint makes a range of the two: PostgreSQL fails on a reversed one.
        if from_date and to_date and to_date < from_date:
            self.add_error("to_date", _("An enrolment does not end before it begins."))
        return cleaned


@admin.register(Enrolment)
class EnrolmentAdmin(admin.ModelAdmin[Enrolment]):
    form = EnrolmentForm
    list_display = ["roll_number", "student", "section", "from_date", "to_date"]
    list_display_links = ["roll_number", "student"]
    list_filter = [HoldsFilter, "section__term"]
    list_select_related = ["student", "section__course"]
    search_fields = [
        "student__name",
        "student__student_id",
        "student__email",
        "=roll_number",
        "section__name",
        "section__course__code",
    ]
    autocomplete_fields = ["section", "student"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"from_date": timezone.localdate(), **super().get_changeform_initial_data(request)}
