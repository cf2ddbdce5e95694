"""Meetings and attendance records, read-only: sessions create meetings, and ``attendance.records`` writes records."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from attendance.admin.shared import (
    CascadingDelete,
    NotEditable,
    ReadOnly,
    TermFilter,
    rows_link,
    teacher_names,
    teachers_of_today,
)
from attendance.models import (
    AttendanceRecord,
    GroupSeat,
    Meeting,
    MeetingGroup,
    RecordChange,
)


class RegisterFilter(admin.SimpleListFilter):
    """Planned meetings that are over, and whose attendance nobody took."""

    title = _("register")
    parameter_name = "register"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, StrOrPromise]]:
        return [("missing", _("not taken"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Meeting]) -> QuerySet[Meeting]:
        if self.value() != "missing":
            return queryset
        missing = Meeting.objects.not_taken(timezone.now())
        return queryset.filter(pk__in=missing.values("pk"))


@admin.register(Meeting)
class MeetingAdmin(NotEditable, CascadingDelete, admin.ModelAdmin[Meeting]):
    """A meeting can be deleted with everything that belongs to it, but not edited: only its session changes it."""

    list_display = [
        "public_id",
        "section",
        "date",
        "teacher_names",
        "state",
        "starts_at",
        "ended_at",
        "group",
        "records_link",
    ]
    list_filter = [RegisterFilter, "state", TermFilter.by("section__term")]
    search_fields = [
        "public_id",
        "section__name",
        "section__course__code",
        "section__course__title",
        "section__teachers__username",
        "section__teachers__first_name",
        "section__teachers__last_name",
    ]
    date_hierarchy = "date"
    fields = [
        "public_id",
        "section",
        "date",
        "state",
        "starts_at",
        "ends_at",
        "room",
        "title",
        "cancel_reason",
        "pattern",
        "edited",
        "makes_up",
        "opened_at",
        "ended_at",
        "roster_fixed_at",
        "unlocked_at",
        "group",
        "records_link",
    ]
    readonly_fields = ["public_id", "records_link"]

    def get_deleted_objects(
        self, objs: QuerySet[Meeting] | Sequence[Meeting], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """The database deletes no meeting that was held, so the page says so before somebody tries."""
        deleted, counts, not_permitted, protected = super().get_deleted_objects(objs, request)
        words = _(
            "%(meeting)s was held, so it cannot be deleted. Cancel it instead: it then counts "
            "nowhere, and its register stays."
        )
        protected += [words % {"meeting": meeting} for meeting in objs if meeting.was_held]
        return deleted, counts, not_permitted, protected

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meeting]:
        return (
            super()
            .get_queryset(request)
            # Here and not in list_select_related, because autocompletion needs the section, too.
            .select_related("section__course", "section__term", "group")
            .prefetch_related(teachers_of_today("section__assignments"))
        )

    @admin.display(description=_("teachers"))
    def teacher_names(self, meeting: Meeting) -> str:
        return teacher_names(meeting.section)

    @admin.display(description=_("records"))
    def records_link(self, meeting: Meeting) -> SafeString:
        return rows_link(AttendanceRecord, _("Records"), meeting__id__exact=meeting.pk)


class MeetingInline(ReadOnly, admin.TabularInline[Meeting, MeetingGroup]):
    model = Meeting
    fields = ["public_id", "section", "state", "starts_at", "ended_at"]
    readonly_fields = ["public_id"]
    ordering = ["section__course__code", "section__name"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meeting]:
        return super().get_queryset(request).select_related("section__course", "section__term")


@admin.register(MeetingGroup)
class MeetingGroupAdmin(CascadingDelete, admin.ModelAdmin[MeetingGroup]):
    list_display = ["public_id", "title", "created_at", "seats_link"]
    search_fields = ["public_id", "title", "meetings__section__name", "meetings__section__course__code"]
    date_hierarchy = "created_at"
    fields = ["public_id", "title", "created_at", "seats_link"]
    readonly_fields = ["public_id", "created_at", "seats_link"]
    inlines = [MeetingInline]

    has_add_permission = NotEditable.has_add_permission

    @admin.display(description=_("students"))
    def seats_link(self, group: MeetingGroup) -> SafeString:
        return rows_link(GroupSeat, _("Students"), group__id__exact=group.pk)


@admin.register(GroupSeat)
class GroupSeatAdmin(ReadOnly, admin.ModelAdmin[GroupSeat]):
    list_display = ["student", "group", "meeting"]
    list_select_related = ["student", "group", "meeting__section__course", "meeting__section__term"]
    search_fields = ["student__name", "student__student_id", "group__public_id", "meeting__public_id"]
    ordering = ["-group", "student__name"]


class RecordChangeInline(ReadOnly, admin.TabularInline[RecordChange, AttendanceRecord]):
    model = RecordChange
    fields = [
        "changed_at",
        "changed_by",
        "from_status",
        "from_label",
        "from_reason",
        "from_method",
        "to_status",
        "to_label",
        "to_reason",
        "to_method",
        "note",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecordChange]:
        # A row's title names its record, the record names its student and meeting.
        changes = super().get_queryset(request)
        return changes.select_related(
            "changed_by",
            "from_label",
            "from_reason",
            "to_label",
            "to_reason",
            "record__student",
            "record__meeting__section__course",
            "record__meeting__section__term",
        )


@admin.register(AttendanceRecord)
class AttendanceRecordAdmin(ReadOnly, admin.ModelAdmin[AttendanceRecord]):
    list_display = [
        "student",
        "roll_number",
        "meeting",
        "status",
        "label",
        "method",
        "joined_at",
        "marked_at",
    ]
    list_filter = ["status", "method", TermFilter.by("meeting__section__term")]
    list_select_related = ["student", "meeting__section__course", "meeting__section__term", "label"]
    search_fields = [
        "student__name",
        "student__student_id",
        "=roll_number",
        "meeting__public_id",
        "meeting__section__name",
        "meeting__section__course__code",
    ]
    date_hierarchy = "meeting__date"
    ordering = ["-meeting__starts_at", "-meeting", "student__name"]
    # Counting every row in the table as well as the matches would be slow, and of little use.
    show_full_result_count = False
    fields = [
        "meeting",
        "student",
        "roll_number",
        "joined_at",
        "status",
        "label",
        "excused_reason",
        "method",
        "marked_at",
        "marked_by",
        "device",
        "by_program",
    ]
    inlines = [RecordChangeInline]


@admin.register(RecordChange)
class RecordChangeAdmin(ReadOnly, admin.ModelAdmin[RecordChange]):
    list_display = ["changed_at", "student", "meeting", "from_status", "to_status", "changed_by", "note"]
    list_filter = ["from_status", "to_status", "to_method"]
    list_select_related = [
        "record__student",
        "record__meeting__section__course",
        "record__meeting__section__term",
        "changed_by",
    ]
    search_fields = [
        "record__student__name",
        "record__student__student_id",
        "record__meeting__public_id",
        "changed_by__username",
        "note",
    ]
    date_hierarchy = "changed_at"
    show_full_result_count = False

    @admin.display(description=_("student"), ordering="record__student__name")
    def student(self, change: RecordChange) -> str:
        return str(change.record.student)

    @admin.display(description=_("meeting"), ordering="record__meeting__starts_at")
    def meeting(self, change: RecordChange) -> str:
        return str(change.record.meeting)
