"""Read-only admin pages of sessions. Their buttons are on the teacher's pages; their secrets are never shown.

A session is deleted only with its meeting or group: a meeting without its session would stay open for ever and keep its
section from opening another.
"""

import datetime

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from attendance.admin.shared import ReadOnly, TermFilter
from attendance.models import MeetingGroup, Section
from qrsessions.models import GroupSession, QRSession, RefusedScan, SessionEvent


@admin.register(QRSession)
class QRSessionAdmin(ReadOnly, admin.ModelAdmin[QRSession]):
    list_display = ["public_id", "section", "status", "join_policy", "opened_by", "created_at", "ended_at"]
    list_filter = ["status", "join_policy", TermFilter.by("meeting__section__term")]
    list_select_related = ["meeting__section__course", "meeting__section__term", "opened_by"]
    search_fields = [
        "meeting__public_id",
        "meeting__section__name",
        "meeting__section__course__code",
        "opened_by__username",
    ]
    date_hierarchy = "created_at"
    fields = [
        "public_id",
        "meeting",
        "status",
        "join_policy",
        "code_enabled",
        "names_on_screen",
        "opened_by",
        "created_at",
        "locked_at",
        "started_at",
        "ended_at",
    ]
    readonly_fields = ["public_id", "ended_at"]

    @admin.display(description=_("id"), ordering="meeting__public_id")
    def public_id(self, session: QRSession) -> str:
        return session.public_id

    @admin.display(description=_("section"), ordering="meeting__section__name")
    def section(self, session: QRSession) -> Section:
        return session.meeting.section

    @admin.display(description=_("ended"), ordering="meeting__ended_at")
    def ended_at(self, session: QRSession) -> datetime.datetime | None:
        return session.ended_at


@admin.register(GroupSession)
class GroupSessionAdmin(ReadOnly, admin.ModelAdmin[GroupSession]):
    list_display = ["public_id", "title", "join_policy", "opened_by", "created_at"]
    list_filter = ["join_policy"]
    list_select_related = ["group", "opened_by"]
    search_fields = ["group__public_id", "group__title", "opened_by__username"]
    date_hierarchy = "created_at"
    fields = [
        "public_id",
        "group",
        "join_policy",
        "code_enabled",
        "names_on_screen",
        "opened_by",
        "created_at",
    ]
    readonly_fields = ["public_id"]

    @admin.display(description=_("id"), ordering="group__public_id")
    def public_id(self, session: GroupSession) -> str:
        return session.public_id

    @admin.display(description=_("group"), ordering="group__title")
    def title(self, session: GroupSession) -> MeetingGroup:
        return session.group


@admin.register(RefusedScan)
class RefusedScanAdmin(ReadOnly, admin.ModelAdmin[RefusedScan]):
    list_display = ["student", "session", "scanned_at", "method"]
    list_filter = ["method"]
    list_select_related = ["student", "session__meeting__section__course", "session__meeting__section__term"]
    search_fields = ["student__name", "student__student_id", "session__meeting__public_id"]
    date_hierarchy = "scanned_at"
    ordering = ["-scanned_at"]


@admin.register(SessionEvent)
class SessionEventAdmin(ReadOnly, admin.ModelAdmin[SessionEvent]):
    list_display = ["done_at", "meeting", "action", "done_by", "detail"]
    list_filter = ["action", ("done_by", admin.EmptyFieldListFilter)]
    list_select_related = ["meeting__section__course", "meeting__section__term", "done_by"]
    search_fields = ["meeting__public_id", "meeting__section__name", "done_by__username"]
    date_hierarchy = "done_at"
    show_full_result_count = False
