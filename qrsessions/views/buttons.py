"""What the buttons of a session's page and of a group session's page have in common."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from attendance.refusals import Refused
from qrsessions import lifecycle
from qrsessions.models import GroupSession, QRSession, SessionStatus

STEP_WORDS = {
    SessionStatus.CREATED: _("Joining"),
    SessionStatus.LOCKED: _("Locked"),
    SessionStatus.ACTIVE: _("Taking attendance"),
    SessionStatus.ENDED: _("Ended"),
}


def addresses_of(source: QRSession | GroupSession) -> dict[str, str]:
    """Where the buttons of its pages lead, and where their scripts ask."""
    kind = "group-" if isinstance(source, GroupSession) else ""
    pages = [*lifecycle.STEPS, "admit", "screen", "screen-qr", "screen-join-qr", "desk-scan", "settings"]
    pages += ["bulk", "curve"]
    names = {name.replace("-", "_"): f"{kind}{name}" for name in pages}
    names |= {f"api_{name}": f"api-{kind}{name}" for name in ("stats", "waiting", "token", "records")}
    names["page"] = "group" if kind else "session"
    names["list"] = "group-register" if kind else "session"
    return {name: reverse(f"qrsessions:{url}", args=[source.public_id]) for name, url in names.items()}


def try_step(request: HttpRequest, step: str, take: Callable[[], object]) -> None:
    """Take a step, and tell the user where it is refused."""
    try:
        take()
    except lifecycle.WrongState as refused:
        # A second click, or a colleague's, wanted what is already so.
        if refused.extra["status"] != lifecycle.STEPS[step].after:
            messages.error(request, refused.detail)
    except Refused as refused:
        messages.error(request, refused.detail)


def say_admitted(request: HttpRequest, admitted: int) -> None:
    if admitted:
        text = ngettext("%(count)d student admitted.", "%(count)d students admitted.", admitted)
        messages.success(request, text % {"count": admitted})
    else:
        messages.info(request, _("Nobody was left to admit."))
