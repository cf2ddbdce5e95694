"""How long a password must be. Teachers and administrators can change registers, so theirs are longer."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import gettext as _

from attendance.models import User

STUDENT_LENGTH = 10
STAFF_LENGTH = 12


def minimum_length(user: User | None) -> int:
    """How many characters the user's password must have. A user who is being created may get a role later."""
    is_student = user and not user._state.adding and not user.is_teacher_or_admin
    return STUDENT_LENGTH if is_student else STAFF_LENGTH


class MinimumLengthByRole:
    """Django's ``MinimumLengthValidator`` with a length for each role."""

    def validate(self, password: str, user: User | None = None) -> None:
        MinimumLengthValidator(minimum_length(user)).validate(password)

    def get_help_text(self) -> str:
        return _(
            "Your password must contain at least %(student)d characters, or %(staff)d if you are a teacher or an "
            "administrator."
        ) % {"student": STUDENT_LENGTH, "staff": STAFF_LENGTH}
