"""What the pages of sessions and group sessions have in common."""

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from attendance.stats import Stats
from qrsessions.models import GroupSession, SessionOrGroup, SessionStatus
from qrsessions.services import lifecycle

STEP_WORDS = {
    SessionStatus.CREATED: _("Joining"),
    SessionStatus.LOCKED: _("Locked"),
    SessionStatus.ACTIVE: _("Taking attendance"),
    SessionStatus.ENDED: _("Ended"),
}


def shows_joined(status: str, stats: Stats) -> bool:
    """Whether pages show how many joined: not of a class that is taken without phones.

    ``static/js/components/live_counts.js`` decides the same.
    """
    if stats.total_joined or status in (SessionStatus.CREATED, SessionStatus.LOCKED):
        return True
    return status == SessionStatus.ACTIVE and not stats.total_present


def page_urls(session_or_group: SessionOrGroup) -> dict[str, str]:
    """The addresses that the page's buttons lead to and its scripts request."""
    kind = "group-" if isinstance(session_or_group, GroupSession) else ""
    pages = [*lifecycle.STEPS, "admit", "screen", "screen-qr", "screen-join-qr", "desk-scan", "settings"]
    pages += ["bulk", "curve", "discard"]
    names = {name.replace("-", "_"): f"{kind}{name}" for name in pages}
    names |= {f"api_{name}": f"api-{kind}{name}" for name in ("stats", "waiting", "token", "records")}
    names["page"] = "group" if kind else "session"
    names["list"] = "group-register" if kind else "session"
    return {
        name: reverse(f"qrsessions:{url}", args=[session_or_group.public_id]) for name, url in names.items()
    }
