"""Runs the faults one after another, each in the middle of a burst of marks in a new class."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import redis

from tests.chaos import report
from tests.chaos.checking import HEALED_SECONDS, Verdict, check, differences_at_end
from tests.chaos.classroom import Classroom, Refused
from tests.chaos.faults import Fault
from tests.chaos.history import History
from tests.chaos.http import NoAnswer
from tests.chaos.installation import Installation

SECTIONS = 10
# The share of the burst before the fault.
BEFORE_FAULT = 0.4
# How long the phones go on after a fault that outlasts the burst.
AFTER_FAULT_SECONDS = 1.0
LONGEST_FAULT_SECONDS = 60
FIRST_MARK_POLL_SECONDS = 0.05
# Between two readings of the counts after the burst.
READING_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class Size:
    """The size of a run.

    :param right_seconds: how long all counts must have been right before the next fault, 10 s at most
    """

    marks: int
    marks_per_second: int
    right_seconds: float


def run(size: Size, faults: Sequence[Fault]) -> list[Verdict]:
    """Run every fault once and return the verdicts in this order. The installation is always removed."""
    report.say(f"making an installation for {size.marks} students")
    with Installation(students=size.marks, sections=SECTIONS) as installation:
        installation.prepare()
        installation.serve()
        installation.await_web()
        return asyncio.run(_run(installation, size, faults))


async def _run(installation: Installation, size: Size, faults: Sequence[Fault]) -> list[Verdict]:
    return [await _run_fault(installation, fault, size) for fault in faults]


async def _run_fault(installation: Installation, fault: Fault, size: Size) -> Verdict:
    room = Classroom(installation)
    try:
        await room.open()
        watching = [asyncio.create_task(room.read_counts()), asyncio.create_task(room.show())]
        history = History(
            fault=fault.name,
            group=room.group,
            marks=room.marks,
            errors_are_allowed=fault.errors_are_allowed,
            samples=room.samples,
            teacher_errors=room.teacher_errors,
        )
        await _burst(room, installation, fault, size, history)
        await _heal(room, installation, history, right_seconds=size.right_seconds)
        await _read_end(room, installation, history)
        await _stop(watching)
        verdict = check(history)
        if (ended := await room.end()) != history.final:
            verdict.problems.append(f"after the end the API counts {ended}, before it {history.final}")
        report.say(report.line(verdict))
        return verdict
    finally:
        room.close()


async def _heal(
    room: Classroom, installation: Installation, history: History, *, right_seconds: float
) -> None:
    """Return once all counts have been right for ``right_seconds``, or after ten seconds at the latest."""
    ended_at = right_since = time.monotonic()
    while (now := time.monotonic()) < ended_at + HEALED_SECONDS:
        if right_seconds < HEALED_SECONDS:
            try:
                await _read_end(room, installation, history)
                is_right = not differences_at_end(history)
            except (NoAnswer, Refused, psycopg.Error, redis.RedisError):
                is_right = False
            if not is_right:
                right_since = time.monotonic()
            elif now - right_since >= right_seconds:
                return
        await asyncio.sleep(READING_PAUSE_SECONDS)


async def _read_end(room: Classroom, installation: Installation, history: History) -> None:
    """Read the register, the counts of the API, and the sizes of the sets."""
    history.register = await asyncio.to_thread(installation.register, room.sessions)
    history.final = await room.counts()
    history.set_sizes = await asyncio.to_thread(installation.set_sizes, room.sessions)


async def _stop(watching: Sequence[asyncio.Task[None]]) -> None:
    """Cancel the tasks. If one failed before, its error is raised."""
    for task in watching:
        task.cancel()
    for task in watching:
        with suppress(asyncio.CancelledError):
            await task


async def _burst(
    room: Classroom, installation: Installation, fault: Fault, size: Size, history: History
) -> None:
    """Let every phone mark, with the fault in the middle."""
    seconds = size.marks / size.marks_per_second
    before = seconds * BEFORE_FAULT
    # A long fault must not outlast the burst.
    seconds = max(seconds, before + fault.lasts_seconds + AFTER_FAULT_SECONDS)
    burst = asyncio.create_task(room.burst(seconds=seconds))
    try:
        await asyncio.sleep(before)
        async with asyncio.timeout(LONGEST_FAULT_SECONDS):
            # On a busy machine the first answer may take longer. Most phones have not sent yet, even then.
            while not any(mark.acknowledged_at for mark in room.marks):
                await asyncio.sleep(FIRST_MARK_POLL_SECONDS)
        history.fault_began_at = time.time()
        async with asyncio.timeout(LONGEST_FAULT_SECONDS):
            await fault.apply(installation)
        history.fault_ended_at = time.time()
        await burst
    finally:
        burst.cancel()
