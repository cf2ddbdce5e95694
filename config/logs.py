"""Logs: one line for each event, as ``key=value`` pairs that grep and a collector both read."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

# Whatever is passed as `extra` under one of these names never reaches a line.
SECRET_WORDS = ("token", "password", "code", "secret", "claim", "authorization")
SECRET_NAME = re.compile("|".join(SECRET_WORDS), re.IGNORECASE)
# The one name of Django's own that holds such a word and no secret.
HARMLESS_NAMES = frozenset({"status_code"})

PLAIN_VALUE = re.compile(r"[\w.:/@+-]+")

# What every record has, and what Django adds that is no text for a line.
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "taskName"}


class LineFormatter(logging.Formatter):
    """``time=… level=… logger=… event=…`` and then the fields of ``extra``, sorted by name."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        fields |= _extra(record)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        return " ".join(f"{name}={_value(value)}" for name, value in fields.items())


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in sorted(vars(record).items())
        if name not in STANDARD_FIELDS and (name in HARMLESS_NAMES or not SECRET_NAME.search(name))
    }


def _value(value: object) -> str:
    """The value as it stands, or in JSON's quotes: newlines escaped, so an event stays one line."""
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    if PLAIN_VALUE.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    # JSON leaves line separators beyond ASCII and the terminal's control characters as they are.
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)
