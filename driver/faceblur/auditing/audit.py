"""The audit of one output: which frames belong together, then every check on every pair of them, in order."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from faceblur.auditing.alignment import Alignment
from faceblur.auditing.check import Checked, check, note_seen
from faceblur.auditing.listed import Listed
from faceblur.auditing.looks import Followed, Follower, look
from faceblur.auditing.moments import Detector, Facts, Findings, Report, Sight
from faceblur.auditing.order import Misplaced, Order
from faceblur.auditing.pairs import Place, Twins, Unit, aligned, units
from faceblur.detection.client import FunctionClient
from faceblur.redaction.sidecar import SettingsUsed
from faceblur_function import wire

# From this score on, or the run's threshold if that is higher, a look is sure; a place of which two looks are sure, at
# the two sizes or in two frames, is taken for a face. On clips without an uncovered face (560 frames: a street, people,
# an animation) what was no face came to 0.8 in one frame of a pattern, and to 0.66 elsewhere. What is less sure is a
# candidate; below CANDIDATE it is not told.
SURE, SURE_LOOKS, CANDIDATE = 0.7, 2, 0.3
# Smaller faces, in pixels of height, are candidates only: it is from here on that benchmarks/leaks.py counts them.
MIN_HEIGHT = 16.0


class Listener(Protocol):
    """Told how an audit comes along."""

    def aligned(self) -> None:
        """A frame of the first pass, in which it is found out which frames belong together; from a thread."""

    def checking(self) -> None:
        """The second pass begins."""

    def checked(self, faces: int) -> None:
        """A step of the second pass."""


@dataclass(slots=True)
class Tally:
    """What the checks of all frames come to. `begin` a video stream, `add` its steps in order, `end` it."""

    settings: SettingsUsed
    moments: Findings = field(default_factory=Findings)
    streams: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=lambda: [0, 0])
    regions: int = 0
    most_kept: float = 0.0
    seconds: float = 0.0
    time_offset: float = 0.0
    psnr_sum: float = 0.0
    psnr_frames: int = 0
    psnr_lowest: float | None = None
    _tolerance: float = 0.0
    _offset: float | None = None
    _last: float = 0.0
    _order: Order = field(default_factory=Order)
    _follower: Follower = field(init=False)
    _listed: Listed = field(init=False)

    @property
    def _sure(self) -> float:
        return max(SURE, self.settings.threshold)

    def begin(self, twins: Twins, alignment: Alignment) -> None:
        self.moments.begin(twins.source)
        self.streams.append(twins.source)
        self.frames[0] += alignment.source_frames
        self.frames[1] += alignment.output_frames
        self._tolerance, self._offset = twins.tolerance, None
        self._order, self._follower = Order(), Follower(self._sure)
        self._listed = Listed(self.moments, self.settings.threshold)

    def add(self, unit: Unit, checked: Checked | None) -> None:
        """Take the next step: `checked` is None where it is no pair of frames."""
        step = unit.step
        if unit.line is not None:
            self._listed.push(unit.line, unit.source_seconds)
            self._last = unit.source_seconds
        if checked is None:
            if step.kind == "missing":
                text = "this frame of the source is not in the output"
                sight = Sight(step.source, unit.source_seconds, 1.0, text)
                self.moments.add("missing", [sight])
            else:
                text = f"the output has a frame more here (its frame {step.output}), which was not compared"
                sight = Sight(step.source, unit.output_seconds, 1.0, text, output_frame=step.output)
                self.moments.add("extra", [sight])
            return
        self._check_time(unit)
        self.regions += len(checked.covered)
        self.most_kept = max(self.most_kept, checked.most_kept)
        if checked.psnr is not None:
            self.psnr_sum, self.psnr_frames = self.psnr_sum + checked.psnr, self.psnr_frames + 1
            self.psnr_lowest = min(checked.psnr, self.psnr_lowest or checked.psnr)
        self.moments.add("exposed", checked.exposed)
        self.moments.add("changed", checked.changed)
        for misplaced in self._order.push(step.source, step.output, *checked.stills):
            self._misplaced(misplaced)
        for followed in self._follower.push(checked.stills[0].seconds, checked.seen):
            self._judge(followed)

    def _check_time(self, unit: Unit) -> None:
        late = unit.output_seconds - unit.source_seconds
        if self._offset is None:
            self._offset = late
            self.time_offset = max(self.time_offset, late, key=abs)
        late -= self._offset
        if abs(late) > self._tolerance:
            text = f"shown {abs(late):.3f} s too {'late' if late > 0 else 'early'}"
            sight = Sight(unit.step.source, unit.source_seconds, abs(late), text, output_frame=unit.step.output)
            self.moments.add("time", [sight])

    def _misplaced(self, one: Misplaced) -> None:
        if one.shows is None:
            text = "the output shows another picture, which is none of those around it"
        elif one.swapped:
            text = f"swapped: the output shows frame {one.shows} in its place"
        else:
            text = f"not shown: the output shows frame {one.shows} in its place"
        self.moments.add("order", [Sight(one.source, one.seconds, 1.0, text, output_frame=one.output)])

    def _judge(self, followed: Followed) -> None:
        legible = followed.legible
        if legible is None:
            return
        box = legible.worst.box
        height = box[3] - box[1] if box else 0.0
        if followed.score >= self._sure and followed.sure >= SURE_LOOKS and height >= MIN_HEIGHT:
            self.moments.close("uncovered", legible)
        elif (legible.worst.score or 0.0) >= CANDIDATE:
            self.moments.close("candidate", legible)

    def end(self) -> None:
        """Judge what was waiting for more frames."""
        self.seconds += self._last
        self._listed.flush()
        for misplaced in self._order.flush():
            self._misplaced(misplaced)
        for followed in self._follower.flush():
            self._judge(followed)


async def audit(
    place: Place,
    clients: Sequence[FunctionClient],
    detectors: list[Detector],
    listener: Listener,
) -> tuple[Report, dict[Twins, Alignment]]:
    """Audit one output; `clients` are the detectors of the second look. The report, and which frames belong together.

    Raises MediaError, SidecarError or FunctionError; may be cancelled at any time.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    tally = Tally(place.header.settings)
    alignments: dict[Twins, Alignment] = {}
    with ThreadPoolExecutor(1, "read") as read_thread, ThreadPoolExecutor(2, "check") as checkers:
        try:
            for twins in place.twins:
                alignment = await loop.run_in_executor(read_thread, aligned, place, twins, listener.aligned, stop)
                alignments[twins] = alignment
            listener.checking()
            for twins, alignment in alignments.items():
                tally.begin(twins, alignment)
                walk = units(place, twins, alignment)
                try:
                    await _check_all(place, walk, tally, clients, read_thread, checkers, listener)
                finally:
                    await asyncio.shield(loop.run_in_executor(read_thread, walk.close))
                tally.end()
        finally:
            stop.set()
    for stream in place.surplus:
        tally.moments.begin(stream)
        text = f"the output has a video stream more, its stream {stream}, which was not compared"
        tally.moments.add("extra", [Sight(0, 0.0, 1.0, text)])
    findings, watch = tally.moments.finish()
    facts = Facts(
        streams=tally.streams,
        source_frames=tally.frames[0],
        output_frames=tally.frames[1],
        size_wh=place.header.frame_wh,
        seconds=round(tally.seconds, 3),
        regions=tally.regions,
        most_kept=round(tally.most_kept, 4),
        time_offset=round(tally.time_offset, 6),
        psnr_lowest=None if tally.psnr_lowest is None else round(tally.psnr_lowest, 2),
        psnr_mean=round(tally.psnr_sum / tally.psnr_frames, 2) if tally.psnr_frames else None,
    )
    report = Report(
        source=str(place.source),
        output=str(place.output),
        sidecar=str(place.sidecar),
        passed=not findings,
        facts=facts,
        detectors=detectors,
        counts=dict(tally.moments.counts),
        findings=findings,
        watch=watch,
    )
    return report, alignments


async def _check_all(
    place: Place,
    walk: Generator[Unit],
    tally: Tally,
    clients: Sequence[FunctionClient],
    read_thread: Executor,
    checkers: Executor,
    listener: Listener,
) -> None:
    """Have as many pairs under way as the detectors take, and tally them in order."""
    loop = asyncio.get_running_loop()
    settings = place.header.settings
    options = wire.Options(threshold=settings.low_threshold)

    async def one(unit: Unit) -> Checked | None:
        if unit.source is None or unit.output is None:
            return None
        source = await loop.run_in_executor(checkers, unit.source.upright)
        output = await loop.run_in_executor(checkers, unit.output.upright)
        checked, found = await asyncio.gather(
            loop.run_in_executor(checkers, check, unit, (source, output), settings.padding, settings.style),
            look(clients, source, output, options),
        )
        await loop.run_in_executor(checkers, note_seen, checked, unit, found)
        return checked

    under_way = max((client.pressure.limit for client in clients), default=2)
    pending: deque[tuple[Unit, asyncio.Task[Checked | None]]] = deque()
    try:
        while True:
            unit = await loop.run_in_executor(read_thread, next, walk, None)
            if unit is not None:
                pending.append((unit, asyncio.create_task(one(unit))))
            while pending and (unit is None or len(pending) > under_way):
                done, task = pending.popleft()
                checked = await task
                tally.add(done, checked)
                listener.checked(0 if done.line is None else len(done.line.faces))
            if unit is None:
                return
    finally:
        for _, task in pending:
            task.cancel()
        await asyncio.gather(*(task for _, task in pending), return_exceptions=True)
