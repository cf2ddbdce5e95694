"""The four statuses of a student at a meeting."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """What a status means. Counts, sets and constraints know only these four."""

    PRESENT = "present", _("present")
    LATE = "late", _("late")
    EXCUSED = "excused", _("excused")
    ABSENT = "absent", _("absent")

    @property
    def letter(self) -> str:
        """As it is typed and printed: P, L, E or A."""
        return self.value[0].upper()


# Statuses that count as present.
ATTENDED = (Status.PRESENT, Status.LATE)
# In capitals, then in small letters.
STATUS_LETTERS = [*(status.letter for status in Status), *(status.letter.lower() for status in Status)]
