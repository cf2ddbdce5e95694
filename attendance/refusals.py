"""What a service refuses, as an exception that carries its code and its HTTP status.

``config/errors.py`` turns each into the API's answer, ``qrsessions/views`` into a page.
"""

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


class Refused(Exception):
    """A request that is understood and not granted; nothing was changed.

    ``code`` is for programs, ``detail`` is for the person in front of it and says what to do, ``extra`` goes
    into the answer beside them.
    """

    code = "refused"
    # Understood, and wrong in the present state.
    status = 409
    detail: StrOrPromise = _("This is not possible now.")

    def __init__(self, detail: StrOrPromise | None = None, **extra: object) -> None:
        if detail is not None:
            self.detail = detail
        self.extra = extra
        super().__init__(self.code)

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's headers say of it."""
        return {}


class NotEnrolled(Refused):
    code = "not_enrolled"
    status = 403
    detail = _("You are not on the list of this section. Ask your teacher to enrol you.")
