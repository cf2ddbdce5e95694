"""Users' signed-in browsers and programs, so that the office can sign out a lost phone."""

from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from attendance.admin.shared import NotEditable
from attendance.models import ApiToken, CalendarFeed

admin.site.unregister(UserSession)


@admin.register(UserSession)
class SignInAdmin(NotEditable, admin.ModelAdmin[UserSession]):
    """Deleting a row signs that browser out."""

    list_display = ["user", "created_at", "ip", "user_agent"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email", "user__student__student_id"]
    fields = ["user", "created_at", "ip", "user_agent"]

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        obj.end()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserSession]) -> None:
        for session in queryset:
            session.end()


@admin.register(ApiToken)
class ApiTokenAdmin(NotEditable, admin.ModelAdmin[ApiToken]):
    """Deleting a row signs that program out. Nobody can see a token's key, which is not kept."""

    list_display = ["user", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email", "user__student__student_id"]
    fields = ["user", "created_at", "last_used_at"]


@admin.register(CalendarFeed)
class CalendarFeedAdmin(NotEditable, admin.ModelAdmin[CalendarFeed]):
    """Deleting a row ends that address. Nobody can see its secret, which is not kept."""

    list_display = ["user", "created_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email", "user__student__student_id"]
    fields = ["user", "created_at", "last_used_at"]
