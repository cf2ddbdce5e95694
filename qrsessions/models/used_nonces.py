"""Nonces of claims and personal codes that were used. Each works once, even after the mark was taken back."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class UsedNonce(models.Model):
    """The nonce of a claim or personal code. The row is deleted when the code has long expired."""

    nonce = models.CharField(max_length=64, primary_key=True)
    # When the claim's token arrived, or the personal code was read.
    arrived_at = models.DateTimeField()

    class Meta:
        verbose_name = _("used scan code")
        verbose_name_plural = _("used scan codes")

    def __str__(self) -> str:
        return self.nonce
