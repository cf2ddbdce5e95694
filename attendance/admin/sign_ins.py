"""Where users are signed in: for the office, when somebody's phone was lost."""

from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from attendance.admin.parts import ReadOnly

admin.site.unregister(UserSession)


@admin.register(UserSession)
class SignInAdmin(ReadOnly, admin.ModelAdmin[UserSession]):
    """Deleting a row signs that browser out."""

    list_display = ["user", "created_at", "ip", "user_agent"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email", "user__student__student_id"]
    fields = ["user", "created_at", "ip", "user_agent"]

    def has_delete_permission(self, request: HttpRequest, obj: UserSession | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        for session in queryset:
            session.end()
