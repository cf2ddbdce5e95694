"""People: users, who sign in, and students, who are taught."""

from typing import Any

from django.contrib.auth import hashers
from django.contrib.auth.models import AbstractUser
from django.db import connection, models, transaction
from django.db.models.functions import Lower
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

# Sent after users or students were written in bulk, because Django sends ``post_save`` only for single rows.
people_changed = Signal()


class Role(models.TextChoices):
    """A user's role: the highest of admin, teacher and student that applies."""

    ADMIN = "admin", _("admin")
    TEACHER = "teacher", _("teacher")
    STUDENT = "student", _("student")


class LowerCaseEmailField(models.EmailField[str, str]):
    """An address that is stored and looked up in lower case, as allauth looks it up."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.lower() if isinstance(text, str) else text


class User(AbstractUser):
    """Somebody who signs in. A teacher may have no sections yet; a student's data is in ``Student``."""

    email = LowerCaseEmailField(
        _("email address"), blank=True, help_text=_("For sign-in. Kept in lower case.")
    )
    is_teacher = models.BooleanField(
        _("teacher"), default=False, help_text=_("Can open sessions for the sections they teach.")
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            # Sign-in by e-mail must find at most one user.
            models.UniqueConstraint(Lower("email"), condition=~models.Q(email=""), name="user_email_unique"),
            models.UniqueConstraint(Lower("username"), name="user_username_unique"),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_in_lower_case"),
        ]

    @property
    def role(self) -> Role:
        if self.is_superuser:
            return Role.ADMIN
        return Role.TEACHER if self.is_teacher else Role.STUDENT

    @property
    def is_teacher_or_admin(self) -> bool:
        """Whether the user is more than a student."""
        return self.is_staff or self.role is not Role.STUDENT

    def get_session_auth_hash(self) -> str:
        """Django's. A student who becomes a teacher signs in again, because a teacher's sign-in lasts less long."""
        of_password = super().get_session_auth_hash()
        return f"{of_password} teacher or admin" if self.is_teacher_or_admin else of_password

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    def check_password(self, raw_password: str | None) -> bool:
        """Django's. If it stores a better hash of the same password, the user's API tokens stay valid."""
        is_stored = True

        def store_better_hash(raw_password: str) -> None:
            nonlocal is_stored
            former, better = self.password, hashers.make_password(raw_password)
            with transaction.atomic(), connection.cursor() as cursor:
                # Read by the trigger that deletes the tokens when the password changes.
                cursor.execute("SELECT set_config('rollcall.same_password', 'yes', true)")
                is_stored = bool(User.objects.filter(pk=self.pk, password=former).update(password=better))
                cursor.execute("SELECT set_config('rollcall.same_password', '', true)")
            self.password = better

        is_right = hashers.check_password(raw_password, self.password, store_better_hash)
        if is_stored:
            return is_right
        # Meanwhile the password was changed, or another sign-in stored a better hash.
        self.refresh_from_db(fields=["password"])
        return hashers.check_password(raw_password, self.password)


class Student(models.Model):
    """Somebody who is taught. ``student_id`` is unique in the institution."""

    student_id = models.CharField(_("student id"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=300)
    # As the roster gives it. The address for sign-in is the account's.
    email = models.EmailField(_("e-mail"), blank=True)
    user = models.OneToOneField(
        User, models.SET_NULL, null=True, blank=True, related_name="student", verbose_name=_("user")
    )

    class Meta:
        verbose_name = _("student")
        verbose_name_plural = _("students")
        ordering = ["name", "student_id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(student_id=""), name="student_id_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.student_id})"
