"""Users and students."""

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from attendance.admin.parts import DeletesWhatBelongsToIt, ReadOnly
from attendance.models import Enrolment, Student, User


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin[User]):
    list_display = ["username", "display_name", "email", "role_name", "is_active", "last_login"]
    list_filter = ["is_teacher", "is_superuser", "is_active"]
    search_fields = ["username", "first_name", "last_name", "email", "student__student_id", "student__name"]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role"), {"fields": ("is_active", "is_teacher", "is_superuser")}),
        (
            _("Rights in the admin"),
            {"fields": ("is_staff", "groups", "user_permissions"), "classes": ("collapse",)},
        ),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "email", "is_teacher", "usable_password", "password1", "password2"),
            },
        ),
    )

    @admin.display(description=_("name"), ordering="first_name")
    def display_name(self, user: User) -> str:
        return user.display_name

    @admin.display(description=_("role"))
    def role_name(self, user: User) -> str:
        return str(user.role.label)


class EnrolmentInline(ReadOnly, admin.TabularInline[Enrolment, Student]):
    model = Enrolment
    fields = ["section", "roll_number", "from_date", "to_date"]
    ordering = ["-from_date", "section"]
    # Two rows of one form could overlap unseen by its validation; an enrolment's own page checks it.
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        return super().get_queryset(request).select_related("student", "section__course")


@admin.register(Student)
class StudentAdmin(DeletesWhatBelongsToIt, admin.ModelAdmin[Student]):
    list_display = ["student_id", "name", "email", "user"]
    list_display_links = ["student_id", "name"]
    list_filter = [("user", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["student_id", "name", "email", "user__username"]
    autocomplete_fields = ["user"]
    inlines = [EnrolmentInline]
