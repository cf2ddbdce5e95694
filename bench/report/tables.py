"""The results as Markdown tables with aligned columns, readable in a terminal too."""

from collections.abc import Sequence
from pathlib import Path

from bench.report.measurement import Spread
from bench.report.results import AT_ONCE, PACED, SERVERS, WITHOUT_CPU, Results, title

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of the figures -->"
EMPTY = "–"
Row = tuple[str, ...]
RATE_HEAD: Row = (
    "", "requests/s", "range", "of hello", "web ms", "PostgreSQL ms", "Redis ms",
    "queries", "PostgreSQL trips", "Redis trips",
)  # fmt: skip
LATENCY_HEAD: Row = ("", "answers", "p50 ms", "p99 ms", "range of p99", "last after s", "other answers")


def all_tables(results: Results) -> str:
    """All tables of a run."""
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items() if value)
    memory = ", ".join(f"{size / 2**20:.0f}" for size in results.memory_per_worker)
    at_once = [key for key in AT_ONCE if key in results.scenarios()]
    logged = ", ".join(f"{number} × {event}" for event, number in results.logged.items())
    parts = [
        f"Measured on: {machine}. {len(results.rounds)} rounds.",
        table(_rate_rows(results)),
        *([table(_latency_rows(results, at_once))] if at_once else []),
        f"Memory of each web process: {memory} MB. Logged: {logged or 'nothing'}.",
    ]
    return "\n\n".join(parts)


def comparison(before: Results, after: Results) -> str:
    """Two runs side by side."""
    head = ("", *(f"{what} {run}" for what in ("of hello", "CPU ms", "p99 ms") for run in ("A", "B", "B/A")))
    rows = [head]
    for key in [key for key in before.scenarios() if key in after.scenarios()]:
        of_hello = (0.0, 0.0) if key in PACED else (before.of_hello(key), after.of_hello(key))
        cpu = (0.0, 0.0)
        if key not in WITHOUT_CPU:
            cpu = (before.cpu_ms(key, SERVERS), after.cpu_ms(key, SERVERS))
        late = (before.latency(key, "p99_ms").median, after.latency(key, "p99_ms").median)
        rows.append((title(key), *_pair(of_hello, 3), *_pair(cpu, 3), *_pair(late, 1)))
    runs = (f"{name}: {run.machine.get('date', '')} {run.machine.get('commit', '')}, load {run.machine.get('load before', '?')}"
            for name, run in (("A", before), ("B", after)))  # fmt: skip
    return "\n".join([*runs, "", table(rows)])


def into_page(path: Path, text: str) -> None:
    """Replace the text between the page's markers.

    :raises ValueError: if the page has no markers
    """
    page = path.read_text()
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} lacks the lines {BEGIN} and {END}")
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is the header and whose first column is text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in rows
    ]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])


def _rate_rows(results: Results) -> list[Row]:
    rows = [RATE_HEAD]
    for key in results.scenarios():
        if key in WITHOUT_CPU:
            continue
        rate = results.per_second(key)
        asked = results.counted.get(key)
        rows.append((
            title(key),
            f"{rate.median:.0f}",
            f"{rate.lowest:.0f}–{rate.highest:.0f}",
            EMPTY if key in PACED else f"{results.of_hello(key):.3f}",
            *(f"{results.cpu_ms(key, [part]):.3f}" for part in SERVERS),
            f"{asked['queries']:.3g}" if asked else EMPTY,
            f"{asked['postgres_trips']:.3g}" if asked else EMPTY,
            f"{asked['redis_trips']:.3g}" if asked else EMPTY,
        ))  # fmt: skip
    return rows


def _latency_rows(results: Results, keys: Sequence[str]) -> list[Row]:
    rows = [LATENCY_HEAD]
    for key in keys:
        late = results.latency(key, "p99_ms")
        rows.append((
            title(key),
            str(sum(one.requests for one in results.rounds_of(key))),
            f"{results.latency(key, 'p50_ms').median:.0f}",
            f"{late.median:.0f}",
            f"{late.lowest:.0f}–{late.highest:.0f}",
            EMPTY if key in PACED else _seconds(results.latency(key, "seconds")),
            _others(results, key),
        ))  # fmt: skip
    return rows


def _others(results: Results, key: str) -> str:
    """How many answers had each status other than 200 and 201."""
    numbers: dict[str, int] = {}
    for one in results.rounds_of(key):
        for status, number in one.statuses.items():
            numbers[status] = numbers.get(status, 0) + number
    return (
        ", ".join(
            f"{number} × {status}" for status, number in numbers.items() if status not in {"200", "201"}
        )
        or "0"
    )


def _seconds(spread: Spread) -> str:
    return f"{spread.median:.2f}"


def _pair(values: tuple[float, float], digits: int) -> tuple[str, str, str]:
    before, after = values
    if not before or not after:
        return (EMPTY, EMPTY, EMPTY)
    return (f"{before:.{digits}f}", f"{after:.{digits}f}", f"{after / before:.2f}")
