"""Courses, sections with their teachers, and enrolments."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.admin.shared import (
    Autocompletes,
    TermFilter,
    rows_link,
    teacher_names,
    teachers_of_today,
    typed_id,
)
from attendance.admin.timetable import MeetingPatternInline
from attendance.api.permissions import signed_in
from attendance.models import AttendanceRule, Course, Enrolment, Section, Student, TeachingAssignment
from attendance.models.teaching import SectionQuerySet
from attendance.rosters import RosterRefused, editing
from attendance.timetable import planning


@admin.register(Course)
class CourseAdmin(admin.ModelAdmin[Course]):
    list_display = ["code", "title", "department", "sections_link"]
    list_filter = ["department"]
    search_fields = ["code", "title", "department"]

    @admin.display(description=_("sections"))
    def sections_link(self, course: Course) -> SafeString:
        return rows_link(Section, _("Sections"), course__id__exact=course.pk)


class AssignmentFormSet(
    forms.BaseInlineFormSet[TeachingAssignment, Section, forms.ModelForm[TeachingAssignment]]
):
    def clean(self) -> None:
        """Refuse two new rows for one teacher and day. Django compares each only with the rows that are saved."""
        super().clean()
        seen = set()
        for form in self.forms:
            given = form.cleaned_data if form.is_valid() else {}
            if not given.get("user") or given.get("removed_by_hand"):
                continue
            meeting = given["meeting"]
            key = meeting or (given["user"], given["role"], given["from_date"])
            if key in seen and meeting:
                form.add_error("meeting", _("This class already has a substitute."))
            elif key in seen:
                form.add_error("user", _("This teacher is already assigned to the section from this day."))
            seen.add(key)


class AssignmentInline(Autocompletes, admin.TabularInline[TeachingAssignment, Section]):
    """The teachers of a section, with assistants and substitutes.

    They are removed by a tick: an import knows then not to add them again.
    """

    model = TeachingAssignment
    formset = AssignmentFormSet
    fields = ["user", "role", "from_date", "to_date", "meeting", "removed_by_hand"]
    autocomplete_fields = ["user", "meeting"]
    ordering = ["removed_by_hand", "user__last_name", "user__username", "from_date"]
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TeachingAssignment]:
        return (
            super()
            .get_queryset(request)
            .select_related(
                "user",
                "section__course",
                "section__term",
                "meeting__section__course",
                "meeting__section__term",
            )
        )


class SectionForm(forms.ModelForm[Section]):
    def clean_external_id(self) -> str:
        external_id: str = self.cleaned_data["external_id"]
        if external_id:
            for other in Section.objects.filter(external_id=external_id).exclude(pk=self.instance.pk):
                raise forms.ValidationError(
                    _("The section %(section)s already has this external id."), params={"section": str(other)}
                )
        return external_id


@admin.register(Section)
class SectionAdmin(Autocompletes, admin.ModelAdmin[Section]):
    form = SectionForm
    list_display = ["name", "course", "term", "teacher_names", "enrolments_link"]
    list_filter = [TermFilter]
    # Repeated here: the query that counts students groups rows, and Django then drops the model's ordering.
    ordering = ["course__code", "name", "-term__first_day", "-term__name"]
    search_fields = [
        "name",
        "course__code",
        "course__title",
        "term__name",
        "teachers__username",
        "external_id",
    ]
    autocomplete_fields = ["course", "term"]
    inlines = [AssignmentInline, MeetingPatternInline]
    fields = [
        "course",
        "name",
        "term",
        "external_id",
        "late_after_minutes",
        "enrolments_link",
        "rules_link",
    ]
    readonly_fields = ["enrolments_link", "rules_link"]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        for row in formset.forms:
            if isinstance(row.instance, TeachingAssignment) and row.instance.pk is None:
                row.instance.given_by = signed_in(request)
        super().save_formset(request, form, formset, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        super().save_related(request, form, formsets, change)
        planning.replan([form.instance.pk], at=timezone.now())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Section]:
        sections = super().get_queryset(request)
        assert isinstance(sections, SectionQuerySet)  # noqa: S101 - narrows the type for with_total_students
        # select_related is here and not in list_select_related because autocompletion needs the course too.
        return (
            sections.with_total_students(timezone.localdate())
            .select_related("course", "term")
            .prefetch_related(teachers_of_today("assignments"))
        )

    @admin.display(description=_("teachers"))
    def teacher_names(self, section: Section) -> str:
        return teacher_names(section)

    @admin.display(description=_("students"), ordering="total_students")
    def enrolments_link(self, section: Section) -> SafeString | str:
        if section.pk is None:
            return "-"
        total = getattr(section, "total_students", 0)
        return rows_link(Enrolment, total, section__id__exact=section.pk)

    @admin.display(description=_("attendance rules"))
    def rules_link(self, section: Section) -> SafeString | str:
        if section.pk is None:
            return "-"
        return rows_link(AttendanceRule, _("Attendance rules"), section__id__exact=section.pk)


class HoldsFilter(admin.SimpleListFilter):
    title = _("period")
    parameter_name = "holds"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        return [("today", _("current")), ("ended", _("ended")), ("later", _("not started"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> QuerySet[Enrolment]:
        today = timezone.localdate()
        conditions = {
            "today": Enrolment.holds_on(today),
            "ended": Q(to_date__lte=today),
            "later": Q(from_date__gt=today),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class EnrolmentForm(forms.ModelForm[Enrolment]):
    def clean_roll_number(self) -> str:
        return typed_id(self.cleaned_data["roll_number"])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        from_date, to_date = self.cleaned_data.get("from_date"), self.cleaned_data.get("to_date")
        # Put the error on a field, so that Django skips the overlap constraint: PostgreSQL raises an error
        # when it builds a date range that ends before it starts.
        if from_date and to_date and to_date < from_date:
            self.add_error("to_date", _("An enrolment cannot end before it begins."))
        return cleaned


@admin.register(Enrolment)
class EnrolmentAdmin(Autocompletes, admin.ModelAdmin[Enrolment]):
    form = EnrolmentForm
    list_display = ["roll_number", "student", "section", "from_date", "to_date"]
    list_display_links = ["roll_number", "student"]
    list_filter = [HoldsFilter, TermFilter.by("section__term")]
    list_select_related = ["student", "section__course", "section__term"]
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

    def save_model(self, request: HttpRequest, obj: Enrolment, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        if obj.student.user is None:
            # As in an import, whoever is enrolled can sign in.
            for note in _give_account(obj.student):
                messages.warning(request, note)


def _give_account(student: Student) -> list[str]:
    """Find or create the student's account, but not a teacher's: the student's own page asks about that."""
    try:
        account = editing.check_student(student=student)
        if account is None or not account.is_teacher_or_admin:
            return editing.save_student(student=student)
    except RosterRefused as refused:
        return [problem.reason for problem in refused.problems]
    text = _(
        "The account “%(username)s” belongs to the teacher %(name)s, so %(student)s has no account yet. Choose one on "
        "the student's page."
    )
    return [text % {"username": account.username, "name": account.display_name, "student": student.name}]
