"""Runs the faults, each in the middle of a burst of its own class.

Every burst is followed by ten quiet seconds. To save time, several installations (lanes) share the faults, and one has
its burst during the quiet seconds of another.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from tests.chaos import report
from tests.chaos.checking import HEALED_SECONDS, Verdict, check
from tests.chaos.classroom import Classroom
from tests.chaos.faults import Fault
from tests.chaos.history import History
from tests.chaos.installation import Installation

SECTIONS = 10
# The share of the burst before the fault.
BEFORE_FAULT = 0.4
LONGEST_FAULT_SECONDS = 60


@dataclass(frozen=True)
class Size:
    """The size of a run."""

    marks: int
    marks_per_second: int
    lanes: int


def run(size: Size, faults: Sequence[Fault]) -> list[Verdict]:
    """Run every fault once and return the verdicts in this order. The installations are always removed."""
    report.say(f"making {size.lanes} installation(s) for {size.marks} students")
    with ExitStack() as stack:
        lanes = [
            stack.enter_context(Installation(students=size.marks, sections=SECTIONS))
            for _ in range(size.lanes)
        ]
        return asyncio.run(_run(lanes, size, faults))


async def _run(lanes: Sequence[Installation], size: Size, faults: Sequence[Fault]) -> list[Verdict]:
    await asyncio.gather(*(asyncio.to_thread(lane.prepare) for lane in lanes))
    for lane in lanes:
        lane.serve()
    await asyncio.gather(*(asyncio.to_thread(lane.await_web) for lane in lanes))
    bursting = asyncio.Lock()
    shares = [faults[number :: len(lanes)] for number in range(len(lanes))]
    verdicts = await asyncio.gather(
        *(_run_lane(lane, share, size, bursting) for lane, share in zip(lanes, shares, strict=True))
    )
    order = {fault.name: place for place, fault in enumerate(faults)}
    return sorted((one for some in verdicts for one in some), key=lambda verdict: order[verdict.fault])


async def _run_lane(
    lane: Installation, faults: Sequence[Fault], size: Size, bursting: asyncio.Lock
) -> list[Verdict]:
    return [await _run_fault(lane, fault, size, bursting) for fault in faults]


async def _run_fault(lane: Installation, fault: Fault, size: Size, bursting: asyncio.Lock) -> Verdict:
    room = Classroom(lane)
    try:
        async with bursting:
            await room.open()
            watching = [asyncio.create_task(room.read_counts()), asyncio.create_task(room.show())]
            fault_began_at, fault_ended_at = await _burst(room, lane, fault, size)
            report.say(f"{fault.name}: {HEALED_SECONDS:.0f} s of quiet follow")
        await asyncio.sleep(HEALED_SECONDS)
        history = History(
            fault=fault.name,
            group=room.group,
            marks=room.marks,
            errors_are_allowed=fault.errors_are_allowed,
            samples=room.samples,
            teacher_errors=room.teacher_errors,
            fault_began_at=fault_began_at,
            fault_ended_at=fault_ended_at,
            register=await asyncio.to_thread(lane.register, room.sessions),
            final=await room.counts(),
            set_sizes=await asyncio.to_thread(lane.set_sizes, room.sessions),
        )
        await _stop(watching)
        verdict = check(history)
        if (ended := await room.end()) != history.final:
            verdict.problems.append(f"after the end the API counts {ended}, before it {history.final}")
        report.say(report.line(verdict))
        return verdict
    finally:
        room.close()


async def _stop(watching: Sequence[asyncio.Task[None]]) -> None:
    """Cancel the tasks. If one failed before, its error is raised."""
    for task in watching:
        task.cancel()
    for task in watching:
        with suppress(asyncio.CancelledError):
            await task


async def _burst(room: Classroom, lane: Installation, fault: Fault, size: Size) -> tuple[float, float]:
    """Let every phone mark, with the fault in the middle.

    :returns: when the fault began and ended
    """
    # A long fault must not outlast the burst.
    seconds = max(size.marks / size.marks_per_second, fault.lasts_seconds / (1 - BEFORE_FAULT) + 1)
    burst = asyncio.create_task(room.burst(seconds=seconds))
    try:
        await asyncio.sleep(seconds * BEFORE_FAULT)
        began_at = time.time()
        async with asyncio.timeout(LONGEST_FAULT_SECONDS):
            await fault.apply(lane)
        ended_at = time.time()
        await burst
    finally:
        burst.cancel()
    return began_at, ended_at
