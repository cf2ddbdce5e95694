"""Checks a history for broken promises about the live counts and the register."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.history import History, Mark, Sample, Scope

# No count may be wrong for longer than this.
HEALED_SECONDS = 10.0

# Errors after which a phone tries again. A code expires if the screen cannot get a new one from the server.
RETRIED = ("connection broke", "connection refused", "no answer", "503 unavailable", "409 token_expired")


@dataclass(frozen=True)
class Verdict:
    """One row of the table, and a description of every broken promise."""

    fault: str
    acknowledged: int
    lost: int
    wrong_seconds: float
    errors: dict[str, int]
    samples: int
    burst_seconds: float
    problems: list[str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _Bounds:
    """The lowest and highest correct count of one scope at a given time."""

    def __init__(self, history: History, scope: Scope) -> None:
        def in_scope(session: Scope) -> bool:
            return scope in (history.group, session)

        self._acknowledged = sorted(
            mark.acknowledged_at
            for mark in history.marks
            if mark.acknowledged_at is not None and in_scope(mark.session)
        )
        self._marked = sorted(row.marked_at for row in history.register.values() if in_scope(row.session))

    def acknowledged_until(self, moment: float) -> int:
        """The number of marks acknowledged by then. At least these are present."""
        return bisect_left(self._acknowledged, moment)

    def marked_until(self, moment: float) -> int:
        """The number of marks in the register that had arrived by then. No more can be present."""
        return bisect_right(self._marked, moment)


def check(history: History) -> Verdict:
    """Check the history of one fault."""
    lost = [m for m in history.marks if m.acknowledged_at is not None and m.student not in history.register]
    errors = sum((mark.errors for mark in history.marks), history.teacher_errors)
    wrong_seconds, problems = _check_counts(history)
    if lost:
        problems.append(f"{len(lost)} acknowledged marks are not in the register: {_some(lost)}")
    if unexplained := _unexplained(history):
        problems.append(
            f"{len(unexplained)} marks in the register were neither acknowledged nor in flight: {', '.join(unexplained[:5])}"
        )
    if errors and not history.errors_are_allowed:
        problems.append(f"users saw errors: {dict(errors)}")
    elif unexpected := {error: number for error, number in errors.items() if error not in RETRIED}:
        problems.append(f"users saw errors that no retry explains: {unexpected}")
    problems += differences_at_end(history)
    acknowledged = [m.acknowledged_at for m in history.marks if m.acknowledged_at is not None]
    sent = [mark.sent_at for mark in history.marks if mark.sent_at is not None]
    before, after = min(acknowledged, default=0.0), max(sent, default=0.0)
    if not before < history.fault_began_at < after:
        problems.append("the fault did not hit the burst")
    return Verdict(
        fault=history.fault,
        acknowledged=len(acknowledged),
        lost=len(lost),
        wrong_seconds=round(wrong_seconds, 1),
        errors=dict(errors),
        samples=len(history.samples),
        burst_seconds=round(max(acknowledged, default=0.0) - min(sent, default=0.0), 1),
        problems=problems,
    )


def _unexplained(history: History) -> list[str]:
    """The students in the register whose mark was neither acknowledged nor in flight."""
    explained = {m.student for m in history.marks if m.acknowledged_at is not None or m.in_flight}
    return sorted(set(history.register) - explained)


def _check_counts(history: History) -> tuple[float, list[str]]:
    """The longest time for which a count was wrong, and every broken promise about counts."""
    samples = sorted(history.samples, key=lambda sample: sample.began_at)
    longest, problems = 0.0, []
    counted: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for scope in {scope for sample in samples for scope in sample.present}:
        bounds = _Bounds(history, scope)
        seen = [sample for sample in samples if scope in sample.present]
        longest = max(longest, _longest_wrong(seen, scope, bounds))
        for sample in seen:
            for kind, text in _faults_of(sample, scope, bounds, history.fault_ended_at):
                counted[kind] += 1
                examples.setdefault(kind, f"{scope} {text}")
    problems += [f"{number} samples {kind}, such as {examples[kind]}" for kind, number in counted.items()]
    if longest > HEALED_SECONDS:
        problems.append(f"a count was wrong for {longest:.1f} s")
    if not samples:
        problems.append("no count was read at all")
    return longest, problems


def _faults_of(
    sample: Sample, scope: Scope, bounds: _Bounds, fault_ended_at: float
) -> Iterable[tuple[str, str]]:
    count = sample.present[scope]
    settled = bounds.acknowledged_until(sample.began_at - HEALED_SECONDS)
    acknowledged, marked = bounds.acknowledged_until(sample.began_at), bounds.marked_until(sample.ended_at)
    if count < settled:
        yield "miss marks acknowledged 10 s before", f"{count} < {settled}"
    if count > marked:
        yield "count more than the register", f"{count} > {marked}"
    if sample.began_at >= fault_ended_at + HEALED_SECONDS and count < acknowledged:
        yield "are wrong 10 s after the fault", f"{count} < {acknowledged}"


def _longest_wrong(samples: list[Sample], scope: Scope, bounds: _Bounds) -> float:
    """The longest time from a wrong count to the next right one, or to the last count."""
    longest, wrong_since = 0.0, None
    for sample in samples:
        count = sample.present[scope]
        right = bounds.acknowledged_until(sample.began_at) <= count <= bounds.marked_until(sample.ended_at)
        if not right and wrong_since is None:
            wrong_since = sample.began_at
        if wrong_since is not None:
            longest = max(longest, (sample.began_at if right else sample.ended_at) - wrong_since)
        if right:
            wrong_since = None
    return longest


def differences_at_end(history: History) -> list[str]:
    """Where the last sets and counts differ from the register."""
    of_session = Counter(row.session for row in history.register.values())
    expected = {session: of_session[session] for session in {mark.session for mark in history.marks}}
    of_all = {history.group: len(history.register)}
    return [
        *_differences("sets hold", history.set_sizes, expected),
        *_differences("API counts", history.final, expected | of_all),
    ]


def _differences(who: str, found: dict[Scope, int], expected: dict[Scope, int]) -> list[str]:
    scopes = sorted(scope for scope in found | expected if found.get(scope) != expected.get(scope))
    listed = ", ".join(f"{scope}: {found.get(scope)} of {expected.get(scope)}" for scope in scopes)
    return [f"at the end the {who} {listed}"] if scopes else []


def _some(marks: list[Mark]) -> str:
    return ", ".join(mark.student for mark in marks[:5])
