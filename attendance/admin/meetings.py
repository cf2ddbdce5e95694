"""Meetings and the register, to look at. Sessions make meetings, and ``attendance.marking`` writes the records."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from attendance.admin.parts import DeletesWhatBelongsToIt, ReadOnly, rows_link
from attendance.models import AttendanceRecord, GroupSeat, Meeting, MeetingGroup, RecordChange


@admin.register(Meeting)
class MeetingAdmin(DeletesWhatBelongsToIt, admin.ModelAdmin[Meeting]):
    """A meeting can be deleted, with all that belongs to it: its session ends and moves it, nobody by hand."""

    list_display = ["public_id", "section", "date", "starts_at", "ended_at", "group", "records_link"]
    list_filter = [("ended_at", admin.EmptyFieldListFilter), "section__term"]
    list_select_related = ["section__course", "group"]
    search_fields = ["public_id", "section__name", "section__course__code", "section__course__title"]
    date_hierarchy = "date"
    fields = ["public_id", "section", "date", "starts_at", "ended_at", "group", "records_link"]
    readonly_fields = ["public_id", "records_link"]

    has_add_permission = ReadOnly.has_add_permission
    has_change_permission = ReadOnly.has_change_permission

    @admin.display(description=_("records"))
    def records_link(self, meeting: Meeting) -> SafeString:
        return rows_link(AttendanceRecord, _("Records"), meeting__id__exact=meeting.pk)


class MeetingInline(ReadOnly, admin.TabularInline[Meeting, MeetingGroup]):
    model = Meeting
    fields = ["public_id", "section", "starts_at", "ended_at"]
    readonly_fields = ["public_id"]
    ordering = ["section__course__code", "section__name"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meeting]:
        return super().get_queryset(request).select_related("section__course")


@admin.register(MeetingGroup)
class MeetingGroupAdmin(DeletesWhatBelongsToIt, admin.ModelAdmin[MeetingGroup]):
    list_display = ["public_id", "title", "created_at", "seats_link"]
    search_fields = ["public_id", "title", "meetings__section__name", "meetings__section__course__code"]
    date_hierarchy = "created_at"
    fields = ["public_id", "title", "created_at", "seats_link"]
    readonly_fields = ["public_id", "created_at", "seats_link"]
    inlines = [MeetingInline]

    has_add_permission = ReadOnly.has_add_permission

    @admin.display(description=_("seats"))
    def seats_link(self, group: MeetingGroup) -> SafeString:
        return rows_link(GroupSeat, _("Seats"), group__id__exact=group.pk)


@admin.register(GroupSeat)
class GroupSeatAdmin(ReadOnly, admin.ModelAdmin[GroupSeat]):
    list_display = ["student", "group", "meeting"]
    list_select_related = ["student", "group", "meeting__section__course"]
    search_fields = ["student__name", "student__student_id", "group__public_id", "meeting__public_id"]
    ordering = ["-group", "student__name"]


class RecordChangeInline(ReadOnly, admin.TabularInline[RecordChange, AttendanceRecord]):
    model = RecordChange
    fields = ["changed_at", "changed_by", "from_status", "from_method", "to_status", "to_method", "note"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecordChange]:
        # Each row is named after its record, which names the student and the meeting.
        changes = super().get_queryset(request)
        return changes.select_related("changed_by", "record__student", "record__meeting__section__course")


@admin.register(AttendanceRecord)
class AttendanceRecordAdmin(ReadOnly, admin.ModelAdmin[AttendanceRecord]):
    list_display = ["student", "roll_number", "meeting", "status", "method", "joined_at", "marked_at"]
    list_filter = ["status", "method", "meeting__section__term"]
    list_select_related = ["student", "meeting__section__course"]
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
    # Counting millions of rows beside the count of those found costs more than the number tells.
    show_full_result_count = False
    fields = [
        "meeting",
        "student",
        "roll_number",
        "joined_at",
        "status",
        "method",
        "marked_at",
        "marked_by",
        "device",
    ]
    inlines = [RecordChangeInline]


@admin.register(RecordChange)
class RecordChangeAdmin(ReadOnly, admin.ModelAdmin[RecordChange]):
    list_display = ["changed_at", "student", "meeting", "from_status", "to_status", "changed_by", "note"]
    list_filter = ["from_status", "to_status", "to_method"]
    list_select_related = ["record__student", "record__meeting__section__course", "changed_by"]
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
