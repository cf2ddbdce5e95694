"""Refusals: exceptions that services raise, each with a code and an HTTP status.

``config/errors.py`` turns them into API answers, ``qrsessions/views`` into pages.
"""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


class Refused(Exception):
    """A valid request that cannot be granted. Nothing was changed.

    ``code`` is for programs. ``detail`` tells the user what to do. ``extra`` is added to the API's answer.
    """

    code = "refused"
    # The default, 409: valid, but not in the current state.
    status = 409
    detail: StrOrPromise = _("This is not possible right now.")
    # Whether a line in the log tells of it already.
    is_logged = False

    def __init__(self, detail: StrOrPromise | None = None, **extra: object) -> None:
        if detail is not None:
            self.detail = detail
        self.extra = extra
        super().__init__(self.code)

    @property
    def headers(self) -> dict[str, str]:
        """Extra HTTP headers for the answer."""
        return {}


class NotEnrolled(Refused):
    code = "not_enrolled"
    status = 403
    detail = _("You are not on this section's roster. Ask your teacher to enrol you.")


class Busy(Refused):
    """Too many others ask for the same just now. The same request is granted a little later."""

    code = "busy"
    status = 429
    detail = _("The server is busy. Try again in a few seconds.")
    retry_after_seconds = 2

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_seconds)}
