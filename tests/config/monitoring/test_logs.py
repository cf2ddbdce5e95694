import logging
import sys

import pytest

from config.monitoring.logs import LineFormatter


def line(message: str = "mark refused", *args: object, **fields: object) -> str:
    record = logging.LogRecord("rollcall.scanning", logging.INFO, __file__, 1, message, args, None)
    record.created = 1792000000.25
    vars(record).update(fields)
    return LineFormatter().format(record)


def test_line_has_time_level_logger_event_and_extra_in_order():
    assert line(user=7, session="7GK2QM9X", reason="not_joined") == (
        "time=2026-10-14T17:46:40.250+00:00 level=info logger=rollcall.scanning "
        'event="mark refused" reason=not_joined session=7GK2QM9X user=7'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("7GK2QM9X", "7GK2QM9X"),
        ("", '""'),
        ("two words", '"two words"'),
        ('say "no"', r'"say \"no\""'),
        ("a\nlevel=error", r'"a\nlevel=error"'),
        ("a\r\x1b[31m\u2028b", r'"a\r\u001b[31m\u2028b"'),
        ("अ", "अ"),
        (None, "None"),
    ],
)
def test_line_quotes_values_so_that_it_stays_one_line(value, written):
    assert line(user=value).endswith(f" user={written}")


def test_line_escapes_a_newline_in_the_message():
    assert "\n" not in line("from %s", "a\nb")


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "password",
        "code",
        "secret",
        "claim",
        "authorization",
        "Authorization",
        "api_token",
        "new_password",
    ],
)
def test_line_never_contains_a_secret(name):
    assert "opensesame" not in line(**{name: "opensesame"})


def test_line_keeps_a_status_code():
    assert line(status_code=404).endswith(" status_code=404")


def test_line_keeps_a_traceback_on_the_same_line():
    try:
        int("boom")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    text = LineFormatter().format(record)
    assert "ValueError: invalid literal" in text
    assert "\n" not in text
