"""Calendar files for tests: samples in the manner of real programs, and small ones made of lines."""

from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "data" / "timetables"
# A class on Mondays at 10:00, from 5 October 2026.
MONDAYS = (
    "UID:mondays",
    "SUMMARY:CS101-A Lecture",
    "DTSTART;TZID=Europe/Berlin:20261005T100000",
    "DTEND;TZID=Europe/Berlin:20261005T110000",
    "RRULE:FREQ=WEEKLY;COUNT=4",
)


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def calendar(*events: tuple[str, ...], also: tuple[str, ...] = ()) -> bytes:
    """A calendar with these events, each given by its lines, and with these further lines before them."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:tests", *also]
    for event in events:
        lines += ["BEGIN:VEVENT", *event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def changed(event: tuple[str, ...], **fields: str) -> tuple[str, ...]:
    """The event with other lines for these fields, such as ``RRULE="RRULE:…"``; empty: without it."""
    kept = [line for line in event if line.replace(";", ":").split(":")[0].replace("-", "_") not in fields]
    return (*kept, *filter(None, fields.values()))
