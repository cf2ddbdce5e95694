"""API tokens: how programs sign in. The database keeps only the hash of a token's key."""

import datetime
import hashlib
import secrets
from collections.abc import Sequence

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused
from attendance.models.people import User

TOKENS_PER_USER = 10
KEY_BYTES = 32
# Accepted inexactness: an hour, so that a hall of programs does not write at each request.
USE_NOTED_EVERY = datetime.timedelta(hours=1)


class PasswordChanged(Refused):
    """The password changed after it was checked, which ended the tokens of the old one."""

    code = "password_changed"
    detail = _("The password has just been changed. Sign in again.")


def hash_of(key: str) -> str:
    """The hash of a key, as the database keeps it.

    SHA-256 alone is enough. A slow or salted hash makes guessing a password expensive, but a key is 256 random bits,
    which nobody can guess whatever a try costs.
    """
    return hashlib.sha256(key.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def make(self, *, user: User, at: datetime.datetime) -> str:
        """Make a token for the user and return its key. See :meth:`make_each`."""
        return self.make_each(users=[user], at=at)[0]

    @transaction.atomic
    def make_each(self, *, users: Sequence[User], at: datetime.datetime) -> list[str]:
        """Make a token for each user and return the keys, which nobody can read again.

        A user keeps ten tokens: the ones unused for longest are deleted.

        :raises PasswordChanged: if a user's password is no longer the one that ``users`` have
        """
        # With this lock the passwords stay as they are, and of two sign-ins of a user each sees the other's token.
        locked = User.objects.select_for_update(no_key=True).filter(pk__in=[user.pk for user in users])
        passwords = dict(locked.order_by("pk").values_list("pk", "password"))
        if any(passwords.get(user.pk) != user.password for user in users):
            raise PasswordChanged
        keys = [secrets.token_hex(KEY_BYTES) for _ in users]
        made = self.bulk_create(
            self.model(user=user, key_hash=hash_of(key), created_at=at, last_used_at=at)
            for user, key in zip(users, keys, strict=True)
        )
        in_order = models.Window(
            RowNumber(),
            partition_by="user",
            order_by=[models.F("last_used_at").desc(), models.F("pk").desc()],
        )
        others = self.filter(user__in=users).exclude(pk__in=[token.pk for token in made])
        surplus = others.annotate(place=in_order).filter(place__gte=TOKENS_PER_USER)
        self.filter(pk__in=[token.pk for token in surplus]).delete()
        return keys


class ApiToken(models.Model):
    """A program's sign-in. A trigger in the database deletes a user's tokens when the password changes."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens", verbose_name=_("user")
    )
    key_hash = models.CharField(_("hash of the key"), max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"))
    last_used_at = models.DateTimeField(_("last used"), help_text=_("Within an hour."))

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user} {self.created_at:%Y-%m-%d %H:%M}"

    def note_use(self, *, at: datetime.datetime) -> None:
        """Keep the moment of a use, at most once an hour."""
        if at - self.last_used_at >= USE_NOTED_EVERY:
            # Of several processes one writes.
            unchanged = ApiToken.objects.filter(pk=self.pk, last_used_at=self.last_used_at)
            unchanged.update(last_used_at=at)
