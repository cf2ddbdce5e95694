"""Calendar feeds: the secret address at which a calendar program reads a user's classes, without a sign-in."""

import datetime
import secrets

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from attendance.models.api_tokens import KEY_BYTES, USE_NOTED_EVERY, hash_of
from attendance.models.people import User


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def make(self, *, user: User, at: datetime.datetime) -> str:
        """Make the user's address and return its secret, which nobody can read again. An earlier address ends."""
        # In hexadecimal, which the log recognises in any address: see ``config.monitoring.logs``.
        secret = secrets.token_hex(KEY_BYTES)
        new = {"secret_hash": hash_of(secret), "created_at": at, "last_used_at": None}
        self.update_or_create(user=user, defaults=new)
        return secret

    def find(self, secret: str) -> "CalendarFeed | None":
        """The feed with this secret. The feed of somebody who may not sign in is not found."""
        found = self.filter(secret_hash=hash_of(secret), user__is_active=True)
        return found.select_related("user__student").first()


class CalendarFeed(models.Model):
    """The address of a user's calendar. A change of the password does not end it; replacing or deleting it does."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="calendar_feed", verbose_name=_("user")
    )
    secret_hash = models.CharField(_("hash of the secret"), max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, help_text=_("Within an hour."))

    objects = CalendarFeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar address")
        verbose_name_plural = _("calendar addresses")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user} {self.created_at:%Y-%m-%d %H:%M}"

    def note_use(self, *, at: datetime.datetime) -> None:
        """Keep the moment of a use, at most once an hour."""
        if self.last_used_at is None or at - self.last_used_at >= USE_NOTED_EVERY:
            unchanged = CalendarFeed.objects.filter(pk=self.pk, secret_hash=self.secret_hash)
            unchanged.update(last_used_at=at)
