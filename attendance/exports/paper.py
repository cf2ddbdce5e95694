"""Sizes of paper."""

from django.db.models import TextChoices


class PaperSize(TextChoices):
    A4 = "a4"
    LETTER = "letter"
