"""What taking attendance by phone refuses. ``config/errors.py`` turns each into the API's answer, the views into a page."""

from django.utils.translation import gettext_lazy as _

from attendance.lib.refusals import Refused


class TokenInvalid(Refused):
    code = "token_invalid"
    status = 400
    detail = _("This is not a class code. Scan the code on the screen.")


class ScanUsed(TokenInvalid):
    """A claim that was used before, or whose mark the teacher took back."""

    detail = _("This scan has already been used. Scan the code on the screen again.")
    # For the page: unlike other invalid codes, it was one.
    is_used = True


class ProgramsRefused(Refused):
    """``MARKS_BY_PROGRAMS`` is off."""

    code = "programs_refused"
    detail = _("Programs cannot mark attendance here. Scan the code on the screen with your phone.")


class TokenExpired(Refused):
    code = "token_expired"
    detail = _("This code has expired. It changes every few seconds: scan the one on the screen now.")


class NotActive(Refused):
    code = "not_active"
    detail = _("Attendance is not being taken right now.")


class SessionGone(NotActive):
    """The session or group session was discarded or deleted between finding and locking it."""

    detail = _("This session no longer exists. It was discarded or deleted.")


class NotJoined(Refused):
    code = "not_joined"
    detail = _("You had not joined before joining was locked. Your teacher can see your scan and admit you.")


class ScanKept(Refused):
    """``extra["claim"]`` marks with the moment of this arrival as soon as the database is back."""

    code = "unavailable"
    status = 503
    detail = _("The database is temporarily unavailable. Your scan is saved and counts from now.")
    headers = {"Retry-After": "2"}


class JoiningLocked(Refused):
    code = "locked"
    detail = _("Joining is locked. If you are in the room, scan the code anyway: your teacher can admit you.")


class ChooseSection(Refused):
    """``extra["choices"]`` are the student's sections in the group: ``[{section, course, name}]``."""

    code = "choose_section"
    detail = _("You are in more than one section of this class. Choose the one you are attending with.")


class InGroup(Refused):
    """A single session was asked for what only its group session does: ``extra["group"]``."""

    code = "in_group"
    detail = _("This session is part of a group. Use the buttons on the group's page.")
