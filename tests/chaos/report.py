"""The results as people read them."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from tests.chaos.checking import Verdict

if TYPE_CHECKING:
    from tests.chaos.lanes import Size

HEAD = ("fault", "acknowledged", "lost", "longest wrong count (s)", "errors users saw", "counts read")


def say(text: str) -> None:
    """Tell the person at the terminal what goes on, with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def line(verdict: Verdict) -> str:
    """One verdict in short."""
    return (
        f"{verdict.fault}: {verdict.acknowledged} acknowledged in {verdict.burst_seconds:.0f} s, {verdict.lost} lost, "
        f"wrong for {verdict.wrong_seconds:.1f} s, {len(verdict.problems)} promises broken"
    )


def table(verdicts: Sequence[Verdict]) -> str:
    """Fault × what came of it, as Markdown with aligned columns."""
    rows = [HEAD, *(_row(verdict) for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = (" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(f"| {line} |" for line in lines)


def page(verdicts: Sequence[Verdict], size: "Size") -> str:
    """The table with how it came about."""
    memory = psutil.virtual_memory().total / 2**30
    return PAGE.format(
        marks=size.marks,
        per_second=size.marks_per_second,
        processors=os.cpu_count(),
        memory=f"{memory:.0f}",
        bursts=f"{min(v.burst_seconds for v in verdicts):.0f} to {max(v.burst_seconds for v in verdicts):.0f}",
        table=table(verdicts),
        problems=problems(verdicts),
    )


def problems(verdicts: Sequence[Verdict]) -> str:
    """Every broken promise in a line of its own."""
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
# Chaos: real servers killed under load

Written by `make chaos`. Each row is a class of its own: a group session of ten sections, in which {marks} phones send
their mark once, {per_second} a second, over HTTP to granian with two workers, while a teacher reads the counts of the
group and of its sections twenty times a second. In the middle of the burst comes the fault.
Everything, the phones included, ran on one machine with {processors} processors and {memory} GB, which a burst keeps busy
for {bursts} s; so that a healthy Redis is not taken for one that is away, it is waited for 0.25 s instead of 0.05 s.
Dashboards share no answer (`STATS_SHARED_SECONDS=0`): each count is compared with what was acknowledged before it was asked.

{table}

- *acknowledged*: answered with 201 or 200. Every tenth phone sends once and never again, so after a fault
  of the web server or of PostgreSQL a few marks stay without an acknowledgement.
- *lost*: acknowledged, and not in the register.
- *longest wrong count*: how long answers were below what had been acknowledged when they were asked for, or above what
  had arrived in the register when they came. The design allows 10 s.
- *errors users saw*: every answer that was none, or that was an error, phones' and teacher's; a patient phone tries
  again. None is allowed while Redis fails, and never an answer 500. A code expires (409) on a screen that got no new one.

Beyond the table it is checked that no mark is in the register that nobody sent, that no count ever missed a
mark acknowledged ten seconds before or was above the register, that ten seconds after the fault the API's counts
and the sets' cardinalities equal the register for the group and for every section, and that ending the session changes
no count.

## Promises broken
{problems}
"""
