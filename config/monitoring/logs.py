"""Logs: one line for each event, as ``key=value`` pairs that both grep and a log collector can read."""

import json
import logging
import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

# Fields of `extra` whose name has one of these words are never logged.
SECRET_WORDS = ("token", "password", "code", "secret", "claim", "authorization")
SECRET_NAME = re.compile("|".join(SECRET_WORDS), re.IGNORECASE)
# A name of Django's that has such a word but holds no secret.
HARMLESS_NAMES = frozenset({"status_code"})

# What follows one of these in an address marks a student or sets a password. A QR code's token has 20 characters, and the
# secret of a calendar 64: also in an address that somebody mistyped.
SECRETS = re.compile(r"(/A/|/password/reset/key/)[^\"'\n]+|[0-9A-HJKMNP-TV-Z]{20,}", re.IGNORECASE)

PLAIN_VALUE = re.compile(r"[\w.:/@+-]+")

# Attributes of every record, and objects that Django adds.
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "taskName"}


class OneLineForEachRequest(logging.Filter):
    """Drops Django's line about a refused request if there is one of ours. Otherwise makes it a warning without traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(getattr(record, "request", None), "is_logged", False):
            return False
        if getattr(record, "status_code", 500) < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = None
            # Django logs a wrong host as an error, but it is the client's mistake.
            record.levelno = min(record.levelno, logging.WARNING)
            record.levelname = logging.getLevelName(record.levelno)
        return True


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
    """The value, quoted as JSON if needed. Newlines are escaped, so that an event stays on one line."""
    text = value.isoformat() if isinstance(value, datetime) else SECRETS.sub(r"\1…", str(value))
    if PLAIN_VALUE.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    # JSON does not escape non-ASCII line separators and terminal control characters.
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in quoted)
