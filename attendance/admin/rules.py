"""What counts as attendance: of the institution, of courses and of sections."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from attendance.admin.shared import Autocompletes
from attendance.models import AttendanceRule, LabelWeight
from attendance.models.rules import FIELDS


class LabelWeightInline(admin.TabularInline[LabelWeight, AttendanceRule]):
    model = LabelWeight
    extra = 0


@admin.register(AttendanceRule)
class AttendanceRuleAdmin(Autocompletes, admin.ModelAdmin[AttendanceRule]):
    """Without a course and a section it is the institution's. Who changed it is also in the history of the admin."""

    list_display = ["__str__", "valid_from", *FIELDS, "set_by"]
    list_select_related = ["course", "section__course", "section__term", "set_by"]
    search_fields = ["course__code", "course__title", "section__name", "section__course__code"]
    autocomplete_fields = ["course", "section"]
    fields = ["course", "section", "valid_from", *FIELDS, "set_by", "set_at"]
    readonly_fields = ["set_by", "set_at"]
    inlines = [LabelWeightInline]

    def save_model(
        self,
        request: HttpRequest,
        obj: AttendanceRule,
        form: forms.ModelForm[Any],
        change: bool,  # noqa: FBT001
    ) -> None:
        obj.set_by, obj.set_at = request.user, timezone.now()  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
