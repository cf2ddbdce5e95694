"""People: who signs in (``User``), and who is taught (``Student``)."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a user is here; admin > teacher > student."""

    ADMIN = "admin", _("admin")
    TEACHER = "teacher", _("teacher")
    STUDENT = "student", _("student")


class User(AbstractUser):
    """Somebody who signs in. A teacher need not teach a section yet; a student's own data is in ``Student``."""

    is_teacher = models.BooleanField(
        _("teacher"), default=False, help_text=_("May open sessions for the sections taught.")
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            # Sign-in by e-mail finds one person or nobody.
            models.UniqueConstraint(Lower("email"), condition=~models.Q(email=""), name="user_email_unique"),
            models.UniqueConstraint(Lower("username"), name="user_username_unique"),
        ]

    @property
    def role(self) -> Role:
        if self.is_superuser:
            return Role.ADMIN
        return Role.TEACHER if self.is_teacher else Role.STUDENT

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class Student(models.Model):
    """Somebody who is taught. ``student_id`` names the student in the whole institution."""

    student_id = models.CharField(_("student id"), max_length=100, unique=True)
    name = models.CharField(_("name"), max_length=300)
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
