"""Deletes what expired sign-ins leave in the database: sessions, and allauth's rows about them."""

import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

# The first run may find the sessions of years.
BATCH = 1000


def delete_expired(*, at: datetime.datetime) -> None:
    """Delete expired sessions, and the rows about sessions that no longer exist."""
    expired = Session.objects.filter(expire_date__lt=at)
    while keys := list(expired.values_list("session_key", flat=True)[:BATCH]):
        expired.filter(session_key__in=keys).delete()
    of_session = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(of_session)).delete()
