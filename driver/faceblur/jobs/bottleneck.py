"""The bottleneck of a run: samples where each file's batches are, twenty times a second, and adds the time up.

A stage is the bottleneck where work waits before it and the stages behind it have none: the function while as many
batches are with it as may be, the encoder while it writes and more is ready, the decoder while it reads and nobody else
has enough to do. So the shares are of the run's time, not of anybody's CPU, and come to 1.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from typing import Literal, Protocol, Self

from faceblur.base.events import Position

Stage = Literal["decode", "JPEG", "function", "encode", "driver"]

SAMPLE_SECONDS = 0.05
# One batch is always prepared while the writer works: only what waits behind that one waits for the encoder.
PREPARED = 1
# The share of a core from which on the event loop itself counts as full.
LOOP_FULL = 0.8
# Of the time that the run waited for the function, it computed for less than this: then there was no queue.
IDLE_FUNCTION = 0.8
LISTED_SHARE = 0.005  # smaller ones would be listed as 0 %
ADVICE = {
    "decode": "more videos at a time (--jobs) or more cores make it faster",
    "JPEG": "more cores make it faster, or several drivers with some of the videos each",
    "network": "a faster way to the function makes it faster, or --return faces, which sends no images back",
    "hand-over": "the function runs on this machine: more cores make it faster",
    "function": "more workers or GPUs make it faster (replicas in function.yaml)",
    "encode": "a faster --preset, more videos at a time (--jobs) or more cores make it faster",
    "driver": "the driver's own thread is full: a larger --batch-size makes it faster, or several drivers",
}
LOCAL_ADVICE = "a function on a GPU makes it faster (--function); this one runs on this machine"
CONCURRENCY_ADVICE = "a higher --concurrency makes it faster, or none: then the limit is adaptive"


class HasPositions(Protocol):
    """A running file: how many of its batches are at each position."""

    positions: Counter[Position]


class RequestTimes(Protocol):
    """The seconds of all requests together, split."""

    network: float
    queue: float
    computing: float


def awaited_stage(positions: Counter[Position], *, full: bool, preparing: int) -> Stage:
    """The stage that a file waits for. `full`: as many batches as may be are with the function; `preparing`: batches
    of all files that are made into JPEGs or masked."""
    if full and positions["function"]:
        return "function"
    if positions["encode"] and positions["ready"] > PREPARED:
        return "encode"
    if preparing > 1 and positions["JPEG"] and not positions["decode"]:
        return "JPEG"
    at_the_end: tuple[Literal["decode", "encode", "function", "JPEG"], ...] = ("decode", "encode", "function", "JPEG")
    return next((stage for stage in at_the_end if positions[stage]), "driver")


class BottleneckSampler:
    """Samples the running files while its context is open; `summary` afterwards.

    `is_full` says whether as many requests as may be are in flight, and `adaptive` whether that limit is adaptive.
    """

    def __init__(
        self, running: Callable[[], Collection[HasPositions]], is_full: Callable[[], bool], *, adaptive: bool
    ) -> None:
        self._running, self._is_full, self._adaptive = running, is_full, adaptive
        self.seconds: dict[Stage, float] = defaultdict(float)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()

    async def _sample(self) -> None:
        then, loop_then = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            now, loop_now = time.perf_counter(), time.thread_time()
            passed, worked = now - then, loop_now - loop_then
            then, loop_then = now, loop_now
            running = self._running()
            preparing = sum(one.positions["JPEG"] for one in running)
            for one in running:
                stage = awaited_stage(one.positions, full=self._is_full(), preparing=preparing)
                self.seconds["driver" if worked > LOOP_FULL * passed else stage] += passed / len(running)

    def summary(self, requests: RequestTimes, *, local: bool) -> str:
        """One line: the stage with the largest share of the time, advice, and the other shares, largest first.

        Empty when nothing was sampled. `local` says that the function runs on this machine.
        """
        total = sum(self.seconds.values())
        if not total:
            return ""
        own: tuple[Stage, ...] = ("decode", "JPEG", "encode", "driver")
        shares: dict[str, float] = {stage: self.seconds[stage] / total for stage in own}
        on_the_way, queue, computing = _function_shares(self.seconds["function"], requests, total)
        shares |= {"hand-over" if local else "network": on_the_way, "function": queue + computing}
        parts = {"function": f": {computing:.0%} computing, {queue:.0%} in its queue"}
        first, *others = sorted(shares, key=lambda stage: -shares[stage])
        advice = ADVICE[first]
        if local and first == "function":
            advice = LOCAL_ADVICE
        elif first == "function" and not self._adaptive and queue < shares["function"] / 10:
            advice = CONCURRENCY_ADVICE
        listed = [f"{stage} {shares[stage]:.0%}" for stage in others if shares[stage] >= LISTED_SHARE]
        rest = f". The others: {', '.join(listed)}" if listed else ""
        return f"bound by {first} ({shares[first]:.0%} of the time{parts.get(first, '')}): {advice}{rest}"


def _function_shares(seconds: float, requests: RequestTimes, total: float) -> tuple[float, float, float]:
    """The share of the time that was waited for the function, split as the requests' time was: on the network, in the
    function's queue, and while it computed."""
    network, queue, computing = requests.network, requests.queue, requests.computing
    if computing < IDLE_FUNCTION * seconds:  # not even one worker was busy all the while
        network, queue = network + queue, 0.0
    trips = network + queue + computing or 1.0
    share = seconds / total
    return share * network / trips, share * queue / trips, share * computing / trips
