"""The statuses and join policies of a session, its settings, and the secret of its codes."""

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

SECRET_BYTES = 32
# The settings that a teacher may change in a session or group session.
SESSION_SETTINGS = ["code_enabled", "names_on_screen"]


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


class SessionStatus(models.TextChoices):
    CREATED = "created", _("joining is open")
    LOCKED = "locked", _("joining is locked")
    ACTIVE = "active", _("taking attendance")
    ENDED = "ended", _("ended")


class JoinPolicy(models.TextChoices):
    STRICT = "strict", _("only students who joined before joining was locked")
    OPEN = "open", _("everyone who scans, even without joining first")
