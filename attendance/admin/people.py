"""Users and students."""

from collections.abc import Sequence
from typing import Any

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import forms as auth_forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from attendance.admin.shared import Autocompletes, CascadingDelete, ReadOnly, typed_id
from attendance.models import Enrolment, Student, User
from attendance.rosters import RosterRefused, editing


class UniqueNames(forms.BaseForm):
    """Says what is wrong with a taken user name or address: the database's constraints would name only themselves."""

    instance: User

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(
                _("The user name “%(username)s” is taken. Choose another one."), params={"username": username}
            )
        return username

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        holders = (
            User.objects.filter(email=email).exclude(pk=self.instance.pk) if email else User.objects.none()
        )
        for holder in holders:
            raise forms.ValidationError(
                _("%(email)s is already the address of the account “%(username)s”."),
                params={"email": email, "username": holder.username},
            )
        return email


class UserForm(UniqueNames, auth_forms.UserChangeForm[User]):
    pass


class NewUserForm(UniqueNames, auth_forms.AdminUserCreationForm[User]):
    pass


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin[User]):
    form = UserForm
    add_form = NewUserForm
    list_display = ["username", "display_name", "email", "role_name", "is_active", "last_login"]
    list_filter = ["is_teacher", "is_superuser", "is_active"]
    search_fields = ["username", "first_name", "last_name", "email", "student__student_id", "student__name"]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role"), {"fields": ("is_active", "is_teacher", "is_superuser")}),
        (
            _("Permissions on the admin site"),
            {"fields": ("is_staff", "groups", "user_permissions"), "classes": ("collapse",)},
        ),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ["last_login", "date_joined"]
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

    def get_deleted_objects(
        self, objs: QuerySet[User] | Sequence[User], request: HttpRequest
    ) -> tuple[list[Any], dict[Any, int], set[Any], list[Any]]:
        """Someone whom registers name is never deleted. Say so first, not that nobody may delete registers."""
        deleted, counts, not_permitted, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set() if protected else not_permitted, protected

    @admin.display(description=_("role"))
    def role_name(self, user: User) -> str:
        return str(user.role.label)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        editing.save_user(user=obj)


class EnrolmentInline(ReadOnly, admin.TabularInline[Enrolment, Student]):
    model = Enrolment
    fields = ["section", "roll_number", "from_date", "to_date"]
    ordering = ["-from_date", "section"]
    # Inline forms do not check two new rows against each other for overlaps. The enrolment's own page does.
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        return super().get_queryset(request).select_related("student", "section__course", "section__term")


class StudentForm(forms.ModelForm[Student]):
    is_this_teacher = forms.BooleanField(
        label=_("The student is this teacher"),
        required=False,
        # Shown once the question has been asked.
        widget=forms.HiddenInput,
    )

    def clean_student_id(self) -> str:
        return typed_id(self.cleaned_data["student_id"])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        fields = ("student_id", "name", "email", "user")
        if not self.errors:
            wanted = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in fields}
            try:
                account = editing.check_student(student=Student(pk=self.instance.pk, **wanted))
            except RosterRefused as refused:
                for problem in refused.problems:
                    self.add_error(problem.column if problem.column in self.fields else None, problem.reason)
            else:
                self._ask_if_teacher(account)
        return cleaned

    def _ask_if_teacher(self, account: User | None) -> None:
        """Ask before a student gets the account of somebody who teaches, and with it the teacher's sign-in."""
        if account is None or account.pk == self.instance.user_id or not account.is_teacher_or_admin:
            return
        field = self.fields["is_this_teacher"]
        field.widget = forms.CheckboxInput()
        if not self.cleaned_data["is_this_teacher"]:
            text = _(
                "The account “%(username)s” belongs to the teacher %(name)s. If the student is the same person, tick "
                "this box and save again. If not, give the student another address or account."
            )
            params = {"username": account.username, "name": account.display_name}
            self.add_error("is_this_teacher", forms.ValidationError(text, params=params))


@admin.register(Student)
class StudentAdmin(Autocompletes, CascadingDelete, admin.ModelAdmin[Student]):
    form = StudentForm
    list_display = ["student_id", "name", "email", "user"]
    list_display_links = ["student_id", "name"]
    list_filter = [("user", admin.EmptyFieldListFilter)]
    list_select_related = ["user"]
    search_fields = ["student_id", "name", "email", "user__username"]
    autocomplete_fields = ["user"]
    inlines = [EnrolmentInline]

    def save_model(self, request: HttpRequest, obj: Student, form: Any, change: bool) -> None:  # noqa: FBT001
        for note in editing.save_student(student=obj):
            messages.warning(request, note)


class EmailAddressForm(forms.ModelForm[EmailAddress]):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        user, email = self.cleaned_data.get("user"), self.cleaned_data.get("email")
        others = EmailAddress.objects.exclude(pk=self.instance.pk).select_related("user")
        if user and self.cleaned_data.get("primary"):
            for other in others.filter(user=user, primary=True):
                text = _("%(email)s is this user's primary address. A user has only one.")
                self.add_error("primary", forms.ValidationError(text, params={"email": other.email}))
        if email and self.cleaned_data.get("verified"):
            for other in others.filter(email__iexact=email, verified=True).exclude(user=user):
                text = _("%(email)s is already the address of the account “%(username)s”.")
                params = {"email": email, "username": other.user.username}
                self.add_error("email", forms.ValidationError(text, params=params))
        return cleaned


admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(Autocompletes, allauth_admin.EmailAddressAdmin):
    """allauth's own, in which a user is found by typing instead of by number."""

    form = EmailAddressForm
    raw_id_fields = ()
    autocomplete_fields = ("user",)
