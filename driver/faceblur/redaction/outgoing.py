"""The way out of one video: answered batches in order -> look-ahead windows -> covers for gaps -> the writer."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from faceblur.base.errors import MediaError
from faceblur.media.frames import DecodedFrame, Packet
from faceblur.media.writer import VideoWriter
from faceblur.redaction.cover import Searched, fill, tell
from faceblur.redaction.plan import Plan, Result, window_frames
from faceblur.redaction.sidecar import SidecarWriter
from faceblur.redaction.stages import Stages, are_small
from faceblur.tracking.scenes import Step, Thumbnail, step
from faceblur.tracking.tracker import Tracker, WindowedFrame

# How far apart the video streams of a file may lie at one place of it: a sparse one's window waits no longer.
INTERLEAVED_SECONDS = 1.0


@dataclass(slots=True)
class Answered:
    """A batch that the function has answered for; in `items` None stands where a frame of the main stream was.

    The frames themselves are only in `frames`: what is written comes out of the look-ahead window, or not at all.
    """

    items: list[Packet[Any] | None]
    frames: list[Searched]


@dataclass(slots=True)
class _Window:
    """The look-ahead window of one video stream, and where it has come to."""

    tracker: Tracker[Searched]
    seconds: float = 0.0
    before: Thumbnail | None = None

    def push(self, one: Searched, change: Step) -> Iterator[WindowedFrame[Searched]]:
        self.before, self.seconds = one.thumbnail, one.seconds
        return self.tracker.push(one, one.seconds, one.found, cut=change.cut, camera=change.camera)


@dataclass(slots=True)
class Output:
    """The video and its sidecar, written frame by frame together."""

    writer: VideoWriter
    sidecar: SidecarWriter | None

    def write(self, item: Packet[Any] | WindowedFrame[Searched], threshold: float) -> None:
        if not isinstance(item, WindowedFrame):
            self.writer.write(item)
            return
        if self.sidecar is not None:
            self.sidecar.write(tell(item, self.writer.frames_written[item.item.picture.stream], threshold))
        self.writer.write(item.item.picture)

    def finish(self) -> None:
        # A sidecar without its video is written again by the next run; the other way round it would stay missing.
        if self.sidecar is not None:
            self.sidecar.finish()
        self.writer.finish()


class Outgoing:
    """Takes the batches of one video to its output, on `thread`. `main` is the index of its main video stream.

    `release` is told how many batches have been written; `stop` being set ends the writing.
    """

    def __init__(
        self,
        output: Output,
        thread: Executor,
        *,
        plan: Plan,
        result: Result,
        stages: Stages,
        main: int,
        stop: threading.Event,
        release: Callable[[int], None],
    ) -> None:
        self._output, self._thread, self._plan, self._result, self._stages = output, thread, plan, result, stages
        self._main, self._stop, self._release = main, stop, release

    async def take(self, group: asyncio.TaskGroup, pending: asyncio.Queue[asyncio.Task[Answered] | None]) -> None:
        """Take batches in order through the look-ahead windows, one a video stream, to the writer.

        While the writer is at work on some frames, those that come after them are made ready.
        """
        windows: dict[int, _Window] = {}
        waiting: deque[Packet[Any] | None] = deque()
        ready: list[WindowedFrame[Searched]] = []
        writing: asyncio.Task[None] | None = None
        taken = 0
        task = await pending.get()
        while task is not None:
            batch = await task
            taken += 1
            self._stages.gauge["ready"] -= 1
            # Packets follow the main stream's frames. The muxer puts the other streams' frames among them.
            waiting.extend(batch.items)
            for one, change in zip(batch.frames, await self._steps(windows, batch.frames), strict=True):
                if one.picture.stream not in windows:
                    windows[one.picture.stream] = _Window(self._tracker(one.frame))
                ready += windows[one.picture.stream].push(one, change)
            if self._main in windows:
                for window in windows.values():
                    ready += window.tracker.complete(windows[self._main].seconds - INTERLEAVED_SECONDS)
            if followed := not pending.empty():
                task = pending.get_nowait()
            if not (followed and task is not None and task.done() and are_small([one.item.frame for one in ready])):
                items = await self._finished(ready, waiting)
                writing = await self._followed(group, writing, self._hand_over(items, taken))
                ready, taken = [], 0
                if not followed:
                    task = await pending.get()
        ready = [moment for window in windows.values() for moment in window.tracker.flush()]
        items = [*await self._finished(ready, waiting), *(packet for packet in waiting if packet is not None)]
        if None in waiting:
            raise MediaError(f"{self._result.source}: a frame was lost on its way: a defect of faceblur")
        await (await self._followed(group, writing, self._hand_over(items, 0)))

    async def _followed(
        self, group: asyncio.TaskGroup, before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]
    ) -> asyncio.Task[None]:
        """Begin `work` as soon as what was begun before it is done."""
        try:
            if before is not None:
                await before
        except BaseException:
            work.close()
            raise
        return group.create_task(work)

    async def _hand_over(self, items: list[Packet[Any] | WindowedFrame[Searched]], batches: int) -> None:
        """Have frames and packets written; then the slots of so many batches are free again."""
        await self._writing(self._write, items)
        self._release(batches)

    async def finish(self) -> None:
        """Give the output its name."""
        await self._writing(self._output.finish)

    async def _steps(self, windows: dict[int, _Window], frames: list[Searched]) -> list[Step]:
        """How each frame follows the one before it in its stream."""
        before = {stream: window.before for stream, window in windows.items()}
        pairs = []
        for one in frames:
            pairs.append((before.get(one.picture.stream), one.thumbnail))
            before[one.picture.stream] = one.thumbnail
        works = [partial(step, *pair) for pair in pairs]
        return await self._stages.coded("camera", works, [one.frame for one in frames])

    def _tracker(self, frame: DecodedFrame) -> Tracker[Searched]:
        return Tracker(
            threshold=self._plan.options.threshold,
            look_around=self._plan.look_around,
            most_frames=window_frames(frame.size_bytes),
        )

    async def _finished(
        self, ready: list[WindowedFrame[Searched]], waiting: deque[Packet[Any] | None]
    ) -> list[Packet[Any] | WindowedFrame[Searched]]:
        """Cover what the window found besides in these frames; they, and the packets that stand before them."""
        gaps = [moment for moment in ready if moment.missed]
        fills = [partial(fill, gap.item, gap.filled, self._plan.options) for gap in gaps]
        await self._stages.coded("cover", fills, [gap.item.frame for gap in gaps])
        filled = sum(len(moment.missed) for moment in gaps)
        self._result.filled += filled
        self._result.faces += filled
        items: list[Packet[Any] | WindowedFrame[Searched]] = []
        for moment in ready:
            while moment.item.picture.stream == self._main and (packet := waiting.popleft()) is not None:
                items.append(packet)
            items.append(moment)
        return items

    async def _writing(self, work: Callable[..., None], *arguments: Any) -> None:
        with self._stages.gauge.at("encode"):
            await self._stages.on(self._thread, "write", work, *arguments)

    def _write(self, items: list[Packet[Any] | WindowedFrame[Searched]]) -> None:
        for item in items:
            if self._stop.is_set():
                return
            self._output.write(item, self._plan.options.threshold)
