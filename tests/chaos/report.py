"""The results as text."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from tests.chaos.checking import Verdict

if TYPE_CHECKING:
    from tests.chaos.bursts import Size

HEAD = ("fault", "acknowledged", "lost", "longest wrong count (s)", "errors users saw", "counts read")


def say(text: str) -> None:
    """Print a progress message with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def line(verdict: Verdict) -> str:
    """One verdict as a line."""
    return (
        f"{verdict.fault}: {verdict.acknowledged} acknowledged in {verdict.burst_seconds:.0f} s, {verdict.lost} lost, "
        f"wrong for {verdict.wrong_seconds:.1f} s, {len(verdict.problems)} promises broken"
    )


def table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as a Markdown table with aligned columns."""
    rows = [HEAD, *(_row(verdict) for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"| {line} |" for line in lines)


def page(verdicts: Sequence[Verdict], size: "Size") -> str:
    """The table, with a description of the run."""
    memory = psutil.virtual_memory().total / 2**30
    seconds = sorted(round(verdict.burst_seconds) for verdict in verdicts)
    return PAGE.format(
        marks=size.marks,
        per_second=size.marks_per_second,
        processors=os.cpu_count(),
        memory=f"{memory:.0f}",
        bursts=" to ".join(dict.fromkeys(str(one) for one in (seconds[0], seconds[-1]))),
        table=table(verdicts),
        problems=problems(verdicts),
    )


def problems(verdicts: Sequence[Verdict]) -> str:
    """Every broken promise as a list item."""
    lines = [f"- {verdict.fault}: {problem}" for verdict in verdicts for problem in verdict.problems]
    return "\n".join(lines) or "None."


def _row(verdict: Verdict) -> tuple[str, ...]:
    errors = ", ".join(f"{number} × {error}" for error, number in sorted(verdict.errors.items()))
    return (
        verdict.fault,
        str(verdict.acknowledged),
        str(verdict.lost),
        f"{verdict.wrong_seconds:.1f}",
        errors or "0",
        str(verdict.samples),
    )


PAGE = """\
# Chaos: real servers killed and stopped under load

Written by `make chaos`. Each row is a separate class: a group session of ten sections. {marks} phones mark over HTTP,
{per_second} a second, through granian with two workers. Meanwhile a teacher reads the counts of the group and its sections
twenty times a second. The fault comes in the middle of the burst.
Everything, including the phones, ran on one machine with {processors} processors and {memory} GB. A burst kept it busy
for {bursts} s, so the time-out for Redis is 0.25 s here instead of 0.05 s: a healthy Redis must not count as away.

{table}

- *acknowledged*: answered with 201 or 200. Every tenth phone sends only once, so after a fault of the web server or
  PostgreSQL a few marks are never acknowledged.
- *lost*: acknowledged, but not in the register.
- *longest wrong count*: the longest time for which a count was lower than the marks acknowledged before the request, or
  higher than the marks in the register when the answer came. The design allows 10 s.
- *errors users saw*: every missing answer and every error, for phones and teacher. Phones try again. While Redis fails
  no error is allowed, and a 500 never is. A code expires (409) when the screen cannot get a new one.

The run also checks that the register holds no mark that nobody sent, that no count missed a mark acknowledged ten
seconds before or exceeded the register, that ten seconds after the fault the API's counts and the sizes of the sets equal
the register for the group and every section, and that ending the session changes no count.

## Promises broken
{problems}
"""
