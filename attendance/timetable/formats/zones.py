"""The time zones of a calendar file.

``icalendar`` takes a time in a zone that it does not know for a time without a zone, and keeps the zones that one file
defines for all later files. So ``ical`` hides the zones from it, and they are found here.
"""

import datetime
import io
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

# A file's own definition is used only if its rules are of the usual form, such as “the last Sunday of October”. Others
# could take minutes to evaluate.
_USUAL_RULE = re.compile(
    r"FREQ=YEARLY(;(INTERVAL=1|BYMONTH=0?[1-9]|BYMONTH=1[0-2]|BYDAY=-?[1-4](MO|TU|WE|TH|FR|SA|SU)"
    r"|UNTIL=\d{8}(T\d{6}Z?)?|WKST=[A-Z]{2}))*"
)
_DEFINITION = re.compile(r"^BEGIN:VTIMEZONE\n.*?^END:VTIMEZONE$\n?", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_RULES = re.compile(r"^(?:RRULE|EXRULE)[^:\n]*:(.*)$", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"^TZID[^:\n]*:(.*)$", re.IGNORECASE | re.MULTILINE)
# dateutil refuses what programs add.
_EXTRAS = re.compile(r"^(?:X-|LAST-MODIFIED|TZURL|COMMENT).*\n", re.IGNORECASE | re.MULTILINE)
_MAX_LENGTH = 10_000
_MAX_DEFINITIONS = 20


class UnknownZone(Exception):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


class Zones:
    """The zones that a file may name.

    :param definitions: the file's own, by name
    :param local: the zone of times without one
    :param instead: the zone to use for those that are not known
    """

    def __init__(self, definitions: dict[str, str], *, local: ZoneInfo, instead: ZoneInfo | None) -> None:
        self._definitions = definitions
        self._local = local
        self._instead = instead
        self._known: dict[str, datetime.tzinfo | None] = {}

    def place(self, moment: datetime.datetime, name: str | None) -> datetime.datetime:
        """The moment at which a clock on the wall shows this time in the zone of this name.

        :raises UnknownZone: if nobody knows the zone
        """
        if moment.tzinfo:
            return moment
        if name is None:
            return moment.replace(tzinfo=self._local)
        if name not in self._known:
            self._known[name] = _named(name) or _defined(self._definitions.get(name, ""))
        zone = self._known[name] or self._instead
        if zone is None:
            raise UnknownZone(name)
        return moment.replace(tzinfo=zone)


def split_definitions(text: str) -> tuple[str, dict[str, str]]:
    """The text of a calendar without its definitions of zones, and these by name. Its lines must be unfolded."""
    definitions: dict[str, str] = {}
    for found in _DEFINITION.finditer(text):
        name = _NAME.search(found[0])
        if name and len(found[0]) <= _MAX_LENGTH and len(definitions) < _MAX_DEFINITIONS:
            definitions.setdefault(name[1].strip(), found[0])
    return _DEFINITION.sub("", text), definitions


def _named(name: str) -> datetime.tzinfo | None:
    for candidate in _spellings(name):
        try:
            return ZoneInfo(candidate)
        except (KeyError, ValueError, OSError):  # OSError: a folder, such as Europe
            continue
    return None


def _spellings(name: str) -> Iterator[str]:
    plain = name.strip().strip("/")
    yield WINDOWS_TO_OLSON.get(plain, plain)
    if name.startswith("/"):
        # Mozilla's and others' “/vendor/Europe/Berlin”
        parts = plain.split("/")
        yield from ("/".join(parts[first:]) for first in range(1, min(len(parts), 6)))


def _defined(definition: str) -> datetime.tzinfo | None:
    rules = _RULES.findall(definition.upper())
    if not definition or not all(_USUAL_RULE.fullmatch(rule.strip()) for rule in rules):
        return None
    try:
        zone: datetime.tzinfo | None = tzical(io.StringIO(_EXTRAS.sub("", definition))).get()
    except Exception:  # noqa: BLE001 - whatever is wrong with it, nobody can use this definition
        return None
    return zone
