"""The institution's own labels and its reasons for excuses. They are never deleted, because old registers show them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from attendance.models import ExcuseReason, StatusLabel
from attendance.queries.labels import is_used


class NeverDeleted:
    """Mixin for an admin of rows that old registers show."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(StatusLabel)
class StatusLabelAdmin(NeverDeleted, admin.ModelAdmin[StatusLabel]):
    list_display = ["name", "letter", "colour", "meaning", "is_active"]
    list_filter = ["meaning", "is_active"]
    search_fields = ["name"]
    fields = ["name", "letter", "colour", "meaning", "is_active"]

    def get_readonly_fields(self, request: HttpRequest, obj: StatusLabel | None = None) -> list[str]:
        # The database refuses another meaning, too.
        return ["meaning"] if obj and is_used(obj) else []


@admin.register(ExcuseReason)
class ExcuseReasonAdmin(NeverDeleted, admin.ModelAdmin[ExcuseReason]):
    list_display = ["name", "code", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "code"]

    def get_readonly_fields(self, request: HttpRequest, obj: ExcuseReason | None = None) -> list[str]:
        # Files and programs name the reason by it.
        return ["code"] if obj else []
