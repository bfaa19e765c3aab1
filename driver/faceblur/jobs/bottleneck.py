"""What bounds a run: looks twenty times a second at what each video waits for, and adds that up.

A stage is the bound where work stands before it and the stages behind it have none: the function while as many batches
are with it as may be, the encoder while it writes and more is ready, the decoder while it reads and nobody else has
enough to do. So the shares are of the run's time, not of anybody's CPU, and come to 1.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from faceblur.detection.concurrency_limit import ConcurrencyLimit
from faceblur.detection.request_statistics import RequestStatistics

LOOK_SECONDS = 0.05
# The share of a core from which on the event loop itself counts as full.
LOOP_FULL = 0.8
# Of the time that the run waited for the function, it computed for less than this: then no queue can have been there.
IDLE_FUNCTION = 0.8
ADVICE = {
    "decode": "more videos at a time (--jobs) or more cores make it faster",
    "JPEG": "more cores make it faster, or several drivers with some of the videos each",
    "network": "a faster way to the function makes it faster, or --return faces, which sends no pictures back",
    "function": "more workers or GPUs make it faster (replicas in function.yaml)",
    "encode": "a faster --preset, more videos at a time (--jobs) or more cores make it faster",
    "driver": "the driver's own thread is full: a larger --batch-size makes it faster, or several drivers",
}
LOCAL_ADVICE = "it runs on this machine: one on a GPU makes it faster (--function)"
CONCURRENCY_ADVICE = "a higher --concurrency makes it faster, or none: then the number finds itself"


class Gauge(Counter[str]):
    """Where a video's batches are at this moment; to be used from the event loop's thread.

    `decode`, `JPEG`, `function`, `encode` hold those that are being worked on, `ready` those that wait to be encoded.
    """

    @contextmanager
    def at(self, stage: str) -> Iterator[None]:
        self[stage] += 1
        try:
            yield
        finally:
            self[stage] -= 1


class HasGauge(Protocol):
    gauge: Gauge


def awaited(gauge: Gauge, *, full: bool, preparing: int) -> str:
    """The stage that a video waits for. `full`: as many batches as may be are with the function; `preparing`: batches
    of all videos that are made into JPEGs or covered."""
    if full and gauge["function"]:
        return "function"
    if gauge["encode"] and gauge["ready"]:
        return "encode"
    if preparing > 1 and gauge["JPEG"] and not gauge["decode"]:
        return "JPEG"
    for stage in ("decode", "encode", "function", "JPEG"):  # the last ones at the end of a video
        if gauge[stage]:
            return stage
    return "driver"


class Watch:
    """Looks at the running videos while its context is open; `told` afterwards."""

    def __init__(self, pressure: ConcurrencyLimit, running: Collection[HasGauge]) -> None:
        self._pressure, self._running = pressure, running
        self.seconds: dict[str, float] = defaultdict(float)

    async def __aenter__(self) -> Watch:
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()

    async def _look(self) -> None:
        then, loop_then = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now, loop_now = time.perf_counter(), time.thread_time()
            passed, worked = now - then, loop_now - loop_then
            then, loop_then = now, loop_now
            preparing = sum(job.gauge["JPEG"] for job in self._running)
            for job in self._running:
                stage = awaited(job.gauge, full=self._pressure.full, preparing=preparing)
                self.seconds["driver" if worked > LOOP_FULL * passed else stage] += passed / len(self._running)

    def told(self, statistics: RequestStatistics, *, local: bool) -> str:
        """The shares, the largest first, and what follows; empty when nothing was seen."""
        whole = sum(self.seconds.values())
        if not whole:
            return ""
        bound = max(self.seconds, key=lambda stage: self.seconds[stage])
        shares = {stage: self.seconds[stage] / whole for stage in ("decode", "JPEG", "encode", "driver")}
        shares |= _function_shares(self.seconds["function"], statistics, whole)
        function = shares["function queue"] + shares["function computing"]
        if bound == "function":
            inside = max(("function computing", "function queue"), key=lambda stage: shares[stage])
            bound = inside if function >= shares["network"] else "network"
        ordered = sorted(shares.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{stage} {share:.0%}" for stage, share in ordered if share or stage != "driver")
        advice = ADVICE[bound.split()[0]]
        if bound.startswith("function"):
            if local:
                advice = LOCAL_ADVICE
            elif not self._pressure.adaptive and shares["function queue"] < function / 10:
                advice = CONCURRENCY_ADVICE
        return f"bound by {bound}: {advice}. The time went to: {listed}"


def _function_shares(seconds: float, statistics: RequestStatistics, whole: float) -> dict[str, float]:
    """The share of the time that was waited for the function, split as the requests' time was."""
    network, queue, computing = statistics.network, statistics.queue, statistics.computing
    if computing < IDLE_FUNCTION * seconds:  # not even one worker was busy all the while
        network, queue = network + queue, 0.0
    trips = network + queue + computing or 1.0
    share = seconds / whole
    return {
        "network": share * network / trips,
        "function queue": share * queue / trips,
        "function computing": share * computing / trips,
    }
