"""Reads iCalendar files (RFC 5545), as Google, Outlook, Apple and timetable systems write them."""

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from django.utils.translation import gettext as _
from icalendar.prop import vCategory, vDDDLists, vDDDTypes

from attendance.timetable.formats.entries import (
    BadSeries,
    DatedClass,
    Names,
    Problem,
    Series,
    TimetableFile,
    TimetableRefused,
    plain_text,
    short_key,
)
from attendance.timetable.formats.tables import decode
from attendance.timetable.formats.zones import UnknownZone, Zones, split_definitions
from attendance.timetable.occurrences import YEARS

# Of one event, beside its rule.
MAX_DATES = 1000
MAX_YEARS_BEFORE = 5
_DAY = datetime.timedelta(days=1)
# An event. The library's type of a property is a union of thirty.
Component = Any
# A class may have been moved by this much into or out of the days that are wanted.
_MOVED_AT_MOST = datetime.timedelta(days=60)
_FOLD = re.compile(r"\r?\n[ \t]")
# The zone of a time. Under this name the library does not look for it.
_ZONE = "X-ROLLCALL-TZID"
_HIDE_ZONES = re.compile(
    r'^((?:DTSTART|DTEND|RECURRENCE-ID|EXDATE|RDATE)(?:;(?!TZID)[^:"\n]*)?);TZID=',
    re.IGNORECASE | re.MULTILINE,
)
_PLAIN_DAY = re.compile(r"\+?(MO|TU|WE|TH|FR|SA|SU)")
_NTH_DAY = re.compile(r"[+-]?[1-4]?(MO|TU|WE|TH|FR|SA|SU)")
_TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
# Programs' own fields, which say nothing of the class.
_NOT_NAMES = ("X-MICROSOFT", "X-MS-", "X-APPLE", "X-ALT-DESC", "X-MOZ", "X-GOOGLE", "X-LIC", "X-WR")


class _AllDay(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Event:
    number: int
    component: Component

    @property
    def summary(self) -> str:
        return plain_text(str(self.component.get("SUMMARY", "")), limit=200)

    @property
    def where(self) -> str:
        return _("event %(number)d, “%(summary)s”") % {"number": self.number, "summary": self.summary}

    @property
    def is_override(self) -> bool:
        return "RECURRENCE-ID" in self.component


def is_ical(content: bytes) -> bool:
    return b"BEGIN:VCALENDAR" in content[:1000].upper()


def read_ical(
    content: bytes, *, zone: ZoneInfo, unknown_zone: ZoneInfo | None = None, contains: str = ""
) -> TimetableFile:
    """Read the series of events. Those of one UID are one series.

    :param zone: the institution's, in which times without a zone are meant
    :param unknown_zone: what a zone means that nobody knows; None refuses its events
    :param contains: read only the events with this text in their summary
    :raises TimetableRefused: if it is not a calendar
    """
    file = TimetableFile("")
    text, definitions = split_definitions(_FOLD.sub("", decode(content)).replace("\r\n", "\n"))
    zones = Zones(definitions, local=zone, instead=unknown_zone)
    events = list(_events(_HIDE_ZONES.sub(rf"\1;{_ZONE}=", text)))
    skipped: Counter[str] = Counter()
    for key, of_series in _by_series(events):
        main = of_series[0]
        if contains.casefold() not in main.summary.casefold():
            skipped["other"] += 1
            continue
        names = Names(main.summary or _("(no title)"), tuple(_texts(main.component)))
        try:
            placed = [_placed(event, zones) for event in of_series]
            _check_rules(main.component)
        except _AllDay:
            skipped["all day"] += 1
        except UnknownZone as unknown:
            reason = _(
                "The time zone “%(zone)s” is not known. Say which zone it is, and import the file again."
            )
            file.problems.append(Problem(main.where, reason % {"zone": unknown.name[:60]}))
            file.unknown_zones.add(unknown.name)
        except BadSeries as bad:
            file.problems.append(Problem(main.where, str(bad)))
        else:
            expansion = _Expansion(placed, zone)
            file.series.append(
                Series(short_key(key), names, main.where, expansion.between, expansion.is_endless)
            )
    if skipped["all day"]:
        file.notes.append(_("All-day events, not imported: %(number)d") % {"number": skipped["all day"]})
    if skipped["other"]:
        file.notes.append(
            _("Events without “%(text)s” in their title, not imported: %(number)d")
            % {"text": contains, "number": skipped["other"]}
        )
    if not events:
        file.notes.append(_("The file has no events."))
    return file


def _events(text: str) -> Iterator[_Event]:
    try:
        calendars = icalendar.Calendar.from_ical(text, multiple=True)
    except Exception:  # noqa: BLE001 - whatever the parser stumbles over, the file is not a calendar
        calendars = []
    if not calendars:
        # Also a file that was cut off.
        raise TimetableRefused(_("The file is not a complete calendar (iCalendar). Export it again."))
    number = 0
    for calendar in calendars:
        is_cancelled = str(calendar.get("METHOD", "")).upper() == "CANCEL"
        for component in calendar.walk("VEVENT"):
            number += 1
            if is_cancelled:
                component["STATUS"] = "CANCELLED"
            yield _Event(number, component)


def _by_series(events: Iterable[_Event]) -> Iterator[tuple[str, list[_Event]]]:
    """The events of each series, the main one first. Of several versions of an event the latest counts."""
    by_uid: defaultdict[str, list[_Event]] = defaultdict(list)
    for event in events:
        uid = str(event.component.get("UID", "")) or f"{_start_text(event)} {event.summary}"
        by_uid[uid].append(event)
    for uid, found in by_uid.items():
        overrides = [event for event in found if event.is_override]
        main = [event for event in found if not event.is_override]
        latest = max((_sequence(event) for event in main), default=0)
        # A system that gives all classes one UID means them all.
        by_start = {_start_text(event): event for event in main if _sequence(event) == latest}
        if len(by_start) < 2:
            yield uid, [*by_start.values(), *overrides]
            continue
        for index, (start, event) in enumerate(by_start.items()):
            yield f"{uid} {start}", [event, *(overrides if index == 0 else [])]


def _sequence(event: _Event) -> int:
    value = event.component.get("SEQUENCE", 0)
    return value if isinstance(value, int) else 0


def _start_text(event: _Event) -> str:
    start = event.component.get("DTSTART")
    return str(start.dt) if isinstance(start, vDDDTypes) else ""


def _texts(component: Component) -> Iterator[str]:
    """Where the course and section may be named: the summary, then categories and fields of timetable systems."""
    yield plain_text(str(component.get("SUMMARY", "")), limit=300)
    categories = component.get("CATEGORIES", [])
    for one in categories if isinstance(categories, list) else [categories]:
        if isinstance(one, vCategory):
            yield plain_text(", ".join(str(name) for name in one.cats), limit=300)
    for name, value in component.items():
        if name.startswith("X-") and not name.startswith(_NOT_NAMES) and isinstance(value, str):
            yield plain_text(str(value), limit=300)


def _placed(event: _Event, zones: Zones) -> Component:
    """The event with all its times in their zones, and nothing else but what repeats it.

    :raises UnknownZone: if nobody knows a zone
    """
    component = event.component
    for name, _error in component.errors:
        # Nobody needs to know of a broken alarm or description.
        if name in _TIMES:
            raise BadSeries(_("The field %(name)s cannot be read.") % {"name": name})
    start = component.get("DTSTART")
    if not isinstance(getattr(start, "dt", None), datetime.date):
        raise BadSeries(_("The event has no start."))
    if not isinstance(start.dt, datetime.datetime):
        raise _AllDay
    placed: Component = icalendar.Event()
    for name in ("UID", "STATUS", "SUMMARY", "LOCATION", "SEQUENCE", "RRULE"):
        if name in component:
            placed[name] = component[name]
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        value = component.get(name)
        if isinstance(value, list):
            raise BadSeries(_("The field %(name)s cannot be read.") % {"name": name})
        if value is not None:
            placed[name] = _value(value.dt, value.params, zones)
            placed[name].params |= {key: text for key, text in value.params.items() if key == "RANGE"}
    if "DURATION" in component and "DTEND" not in component:
        placed["DTEND"] = vDDDTypes(_ending(placed["DTSTART"].dt, component["DURATION"].dt))
    for name in ("EXDATE", "RDATE"):
        found = component.get(name, [])
        dates = [
            _moment(one.dt, values.params, zones)
            for values in (found if isinstance(found, list) else [found])
            for one in values.dts
        ]
        if len(dates) > MAX_DATES:
            raise BadSeries(_("The event has more than %(number)d dates.") % {"number": MAX_DATES})
        if dates:
            placed[name] = vDDDLists(dates)
    end = getattr(placed.get("DTEND"), "dt", None)
    if not isinstance(end, datetime.datetime) or _utc(end) <= _utc(placed["DTSTART"].dt):
        raise BadSeries(_("The event has no end, or ends before it begins."))
    if _utc(end) - _utc(placed["DTSTART"].dt) > _DAY:
        raise BadSeries(_("The event lasts longer than 24 hours."))
    return placed


def _value(when: Any, params: Any, zones: Zones) -> vDDDTypes:
    return vDDDTypes(_moment(when, params, zones))


def _moment(when: Any, params: Any, zones: Zones) -> Any:
    """A moment, date or period with its zone."""
    if isinstance(when, tuple):
        begins = _moment(when[0], params, zones)
        length = when[1] if isinstance(when[1], datetime.timedelta) else when[1] - when[0]
        if not datetime.timedelta() < length <= _DAY:
            raise BadSeries(_("The event lasts longer than 24 hours."))
        return begins, length
    if not isinstance(when, datetime.date) or when.year not in YEARS:
        raise BadSeries(_("The event has a date that cannot be read."))
    if isinstance(when, datetime.datetime):
        return zones.place(when, params.get(_ZONE))
    return when


def _ending(start: datetime.datetime, length: Any) -> datetime.datetime:
    if not isinstance(length, datetime.timedelta) or not datetime.timedelta() < length <= _DAY:
        raise BadSeries(_("The event has no end, or lasts longer than 24 hours."))
    return start + length


def _utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.UTC)


def _rules(component: Component) -> list[Any]:
    rules = component.get("RRULE", [])
    return rules if isinstance(rules, list) else [rules]


def _check_rules(component: Component) -> None:
    if not all(_is_usual(rule) for rule in _rules(component)):
        raise BadSeries(
            _("The event repeats in a way that is not supported. Only daily, weekly and monthly events are.")
        )


def _is_usual(rule: Any) -> bool:
    """Whether the rule surely has occurrences, at most one a day. Looking for one that never comes takes seconds."""
    frequency = str(rule.get("FREQ", [""])[0]).upper()
    numbers = {name: rule.get(name, [1]) for name in ("INTERVAL", "COUNT")}
    if any(
        len(given) != 1 or not isinstance(given[0], int) or not 1 <= given[0] <= 1000
        for given in numbers.values()
    ):
        return False
    known = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY"}
    days = [str(day).upper() for day in rule.get("BYDAY", [])]
    are_plain = all(_PLAIN_DAY.fullmatch(day) for day in days)
    if frequency == "DAILY":
        return set(rule) <= known and are_plain and (not days or numbers["INTERVAL"] == [1])
    if frequency == "WEEKLY":
        return set(rule) <= known and are_plain
    if frequency != "MONTHLY" or not set(rule) <= known | {"BYMONTHDAY", "BYSETPOS"}:
        return False
    if "BYMONTHDAY" in rule:
        of_month = [abs(day) for day in rule["BYMONTHDAY"] if isinstance(day, int)]
        return not days and "BYSETPOS" not in rule and any(1 <= day <= 28 for day in of_month)
    if "BYSETPOS" in rule:
        places = rule["BYSETPOS"]
        return bool(days) and are_plain and all(isinstance(n, int) and 1 <= abs(n) <= 4 for n in places)
    return all(_NTH_DAY.fullmatch(day) for day in days)


class _Expansion:
    """The classes of one series."""

    def __init__(self, events: list[Component], zone: ZoneInfo) -> None:
        self._events = events
        self._zone = zone
        for rule in _rules(events[0]):
            _give_until_a_zone(rule, events[0]["DTSTART"].dt)

    @property
    def is_endless(self) -> bool:
        return any(not rule.get("UNTIL") and not rule.get("COUNT") for rule in _rules(self._events[0]))

    def between(self, first: datetime.date, last: datetime.date) -> list[DatedClass]:
        begins = self._events[0]["DTSTART"].dt.date()
        if _rules(self._events[0]) and first.year - begins.year > MAX_YEARS_BEFORE:
            raise BadSeries(
                _("The event began more than %(number)d years ago.") % {"number": MAX_YEARS_BEFORE}
            )
        calendar = icalendar.Calendar()
        for event in self._events:
            calendar.add_component(event)
        start, end = (
            datetime.datetime.combine(day, datetime.time(), tzinfo=self._zone)
            for day in (first - _MOVED_AT_MOST, last + _MOVED_AT_MOST)
        )
        try:
            found = [self._read(event) for event in recurring_ical_events.of(calendar).between(start, end)]
        except Exception as error:
            raise BadSeries(_("The dates of the event cannot be read.")) from error
        classes = {(one.date, one.starts_at): one for one in found if one and first <= one.date <= last}
        return [classes[key] for key in sorted(classes)]

    def _read(self, event: Any) -> DatedClass | None:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            return None
        starts_at, ends_at = (_utc(event[name].dt) for name in ("DTSTART", "DTEND"))
        if ends_at <= starts_at:
            # In the hour that a clock change leaves out: keep the length of the class.
            ends_at = starts_at + (
                event["DTEND"].dt.replace(tzinfo=None) - event["DTSTART"].dt.replace(tzinfo=None)
            )
        first_planned = event["RECURRENCE-ID"].dt
        if isinstance(first_planned, datetime.datetime):
            first_planned = first_planned.astimezone(self._zone).date()
        room = plain_text(str(event.get("LOCATION", "")), limit=100)
        title = plain_text(str(event.get("SUMMARY", "")), limit=200)
        return DatedClass(first_planned, starts_at, ends_at, room, title)


def _give_until_a_zone(rule: Any, start: datetime.datetime) -> None:
    """Make the last moment of a rule one in UTC. A date means the whole day, in the zone of the event."""
    until = rule.get("UNTIL", [None])[0]
    if until is None:
        return
    if not isinstance(until, datetime.datetime):
        until = datetime.datetime.combine(until, datetime.time(23, 59, 59))
    rule["UNTIL"] = [_utc(until if until.tzinfo else until.replace(tzinfo=start.tzinfo))]
