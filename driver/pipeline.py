"""One video: read -> batch -> JPEG -> in flight -> in order -> cover on native planes, gaps too -> write -> rename.

Memory is bounded by the slots that all videos of a run share, and by each one's look-ahead window: a batch holds a slot
from before it is read until its frames enter the window, which moves on only as frames are written. No frame is written
that the function did not answer for, or for those on both sides of it (`driver.search`).
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from driver.batches import Batch, frame_bytes, read_batches
from driver.bound import Gauge
from driver.client import FunctionClient
from driver.cover import Searched, fill, tell
from driver.errors import VideoError
from driver.exchange import Answer
from driver.plan import Listener, Plan, Result, window_frames
from driver.planes import quarter_turns
from driver.scenes import Step, Thumbnail, step
from driver.search import End, Search
from driver.sidecar import FunctionUsed, Header, SidecarWriter, identify, sidecar_path, told_name
from driver.tracks import Moment, Tracker
from driver.video import Packet, Picture, VideoFrame, VideoReader, VideoWriter

# How far apart the video streams of a file may lie at one place of it: a sparse one's window waits no longer.
INTERLEAVED_SECONDS = 1.0
# Frames of fewer pixels in all go to one thread.
SMALL_PIXELS = 1 << 19
Done = TypeVar("Done")
Opened = TypeVar("Opened", VideoReader, VideoWriter)


@dataclass(slots=True)
class _Answered:
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

    def push(self, one: Searched, change: Step) -> Iterator[Moment[Searched]]:
        self.before, self.seconds = one.thumbnail, one.seconds
        return self.tracker.push(one, one.seconds, one.found, cut=change.cut, camera=change.camera)


@dataclass(slots=True)
class _Output:
    """The video and its sidecar, written frame by frame together."""

    writer: VideoWriter
    sidecar: SidecarWriter | None

    def write(self, item: Packet[Any] | Moment[Searched], threshold: float) -> None:
        if not isinstance(item, Moment):
            self.writer.write(item)
            return
        if self.sidecar is not None:
            self.sidecar.write(tell(item, self.writer.frames[item.item.picture.stream], threshold))
        self.writer.write(item.item.picture)

    def finish(self) -> None:
        # A sidecar without its video is written again by the next run; the other way round it would stay missing.
        if self.sidecar is not None:
            self.sidecar.finish()
        self.writer.finish()


class VideoJob:
    """Redacts one video. The client's slots bound the batches in memory; `codecs` are the threads for JPEG and planes.

    `function` is what the sidecar tells of the function.
    """

    def __init__(
        self,
        source: Path,
        target: Path,
        *,
        plan: Plan,
        client: FunctionClient,
        function: FunctionUsed,
        codecs: Executor,
        listener: Listener,
    ) -> None:
        self.result = Result(source, target)
        self._function = function
        self._plan, self._client, self._slots, self._codecs = plan, client, client.pressure.slots, codecs
        self._listener = listener
        self.gauge = Gauge()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._held = 0

    async def run(self) -> Result:
        """Write the whole video, or nothing. Raises VideoError or FunctionError; may be cancelled at any time."""
        start = time.perf_counter()
        # One thread each: PyAV's containers are not shared between threads at the same moment.
        with ThreadPoolExecutor(1, "read") as read_thread, ThreadPoolExecutor(1, "write") as write_thread:
            try:
                await self._stream(read_thread, write_thread)
            except BaseExceptionGroup as group:
                raise first_failure(group) from None
            finally:
                self._stop.set()
                for _ in range(self._held):
                    self._slots.release()
        self.result.seconds = time.perf_counter() - start
        return self.result

    async def _stream(self, read_thread: Executor, write_thread: Executor) -> None:
        loop = asyncio.get_running_loop()
        opening = partial(VideoReader, self.result.source, tolerate=self._plan.tolerate_damage)
        reader = await _opened(loop.run_in_executor(read_thread, opening))
        try:
            batches = self._stopping(read_batches(reader, self._plan))
            first = await self._read(batches, read_thread)
            if first is None or not first.pictures:
                raise VideoError(f"{self.result.source}: its video stream holds no frame")
            covers = await self._covers(reader, read_thread)
            self.result.left_out += reader.left_out
            pictures = [cover.picture for cover in covers]
            writer = await _opened(
                loop.run_in_executor(
                    write_thread, VideoWriter, self.result.target, reader, self._plan.encoding, pictures
                )
            )
            sidecar = None
            try:
                self.result.left_out += writer.left_out
                if self._plan.sidecar:
                    header = self._header(reader, first.pictures)
                    sidecar = SidecarWriter(sidecar_path(self.result.target), header)
                    for one in covers:
                        sidecar.write(tell(Moment(one, 0.0, 0), 0, self._plan.options.threshold))
                output, main = _Output(writer, sidecar), reader.stream.index
                pending: asyncio.Queue[asyncio.Task[_Answered] | None] = asyncio.Queue()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._produce(group, first, batches, read_thread, writer.pix_fmts, main, pending))
                    group.create_task(self._consume(group, output, write_thread, main, pending))
                if (written := sum(writer.frames.values())) != self.result.frames:
                    raise VideoError(f"{self.result.source}: {written} of {self.result.frames} frames written")
                self.result.damage = reader.damage.told()
                await self._writing(write_thread, output.finish)
            finally:
                self._stop.set()
                await asyncio.shield(loop.run_in_executor(write_thread, writer.abort))
                if sidecar is not None:
                    sidecar.abort()
        finally:
            self._stop.set()
            await asyncio.shield(loop.run_in_executor(read_thread, reader.close))

    def _header(self, reader: VideoReader, pictures: list[Picture]) -> Header:
        first = next((one for one in pictures if one.stream == reader.stream.index), pictures[0]).frame
        turned = quarter_turns(first) % 2
        return Header(
            video=identify(reader.path, reader.duration),
            output=told_name(self.result.target),
            function=self._function,
            settings=self._plan.settings(),
            frame_wh=(first.height, first.width) if turned else (first.width, first.height),
            time_base=str(first.time_base),
        )

    async def _read(self, batches: Iterator[Batch], read_thread: Executor) -> Batch | None:
        await self._slots.acquire()
        self._held += 1
        loop = asyncio.get_running_loop()
        with self.gauge.at("decode"):
            return await loop.run_in_executor(read_thread, self._timed, "decode", next, batches, None)

    async def _produce(
        self,
        group: asyncio.TaskGroup,
        batch: Batch | None,
        batches: Iterator[Batch],
        read_thread: Executor,
        pix_fmts: dict[int, str],
        main: int,
        pending: asyncio.Queue[asyncio.Task[_Answered] | None],
    ) -> None:
        search, before = self._search(pix_fmts), None
        while batch is not None:
            self.result.frames += len(batch.pictures)
            end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
            pending.put_nowait(group.create_task(self._redact(search, batch, main, before, end)))
            before = end if batch.ends else before
            batch = await self._read(batches, read_thread)
        pending.put_nowait(None)

    async def _consume(
        self,
        group: asyncio.TaskGroup,
        output: _Output,
        write_thread: Executor,
        main: int,
        pending: asyncio.Queue[asyncio.Task[_Answered] | None],
    ) -> None:
        """Take batches in order through the look-ahead windows, one a video stream, to the writer.

        While the writer is at work on some frames, those that come after them are made ready.
        """
        windows: dict[int, _Window] = {}
        waiting: deque[Packet[Any] | None] = deque()
        ready: list[Moment[Searched]] = []
        writing: asyncio.Task[None] | None = None
        taken = 0
        task = await pending.get()
        while task is not None:
            batch = await task
            taken += 1
            self.gauge["ready"] -= 1
            # Packets follow the main stream's frames. The muxer puts the other streams' frames among them.
            waiting.extend(batch.items)
            for one, change in zip(batch.frames, await self._steps(windows, batch.frames), strict=True):
                if one.picture.stream not in windows:
                    windows[one.picture.stream] = _Window(self._tracker(one.frame))
                ready += windows[one.picture.stream].push(one, change)
            if main in windows:
                for window in windows.values():
                    ready += window.tracker.complete(windows[main].seconds - INTERLEAVED_SECONDS)
            if followed := not pending.empty():
                task = pending.get_nowait()
            if not (followed and task is not None and task.done() and _are_small([one.item.frame for one in ready])):
                items = await self._finished(ready, main, waiting)
                writing = await self._followed(group, writing, self._hand_over(output, write_thread, items, taken))
                ready, taken = [], 0
                if not followed:
                    task = await pending.get()
        ready = [moment for window in windows.values() for moment in window.tracker.flush()]
        items = [*await self._finished(ready, main, waiting), *(packet for packet in waiting if packet is not None)]
        if None in waiting:
            raise VideoError(f"{self.result.source}: a frame was lost on its way: a defect of faceblur")
        await (await self._followed(group, writing, self._hand_over(output, write_thread, items, 0)))

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

    async def _hand_over(
        self, output: _Output, write_thread: Executor, items: list[Packet[Any] | Moment[Searched]], batches: int
    ) -> None:
        """Have frames and packets written; then the slots of so many batches are free again."""
        await self._writing(write_thread, self._write, output, items)
        self._held -= batches
        for _ in range(batches):
            self._slots.release()

    async def _steps(self, windows: dict[int, _Window], frames: list[Searched]) -> list[Step]:
        """How each frame follows the one before it in its stream."""
        before = {stream: window.before for stream, window in windows.items()}
        pairs = []
        for one in frames:
            pairs.append((before.get(one.picture.stream), one.thumbnail))
            before[one.picture.stream] = one.thumbnail
        works = [partial(step, *pair) for pair in pairs]
        return await self._coded("camera", works, [one.frame for one in frames])

    def _stopping(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            if self._stop.is_set():
                return
            yield batch

    def _tracker(self, frame: VideoFrame) -> Tracker[Searched]:
        return Tracker(
            threshold=self._plan.options.threshold,
            look_around=self._plan.look_around,
            most_frames=window_frames(frame_bytes(frame)),
        )

    async def _finished(
        self, ready: list[Moment[Searched]], main: int, waiting: deque[Packet[Any] | None]
    ) -> list[Packet[Any] | Moment[Searched]]:
        """Cover what the window found besides in these frames; they, and the packets that stand before them."""
        gaps = [moment for moment in ready if moment.missed]
        fills = [partial(fill, gap.item, gap.filled, self._plan.options) for gap in gaps]
        await self._coded("cover", fills, [gap.item.frame for gap in gaps])
        filled = sum(len(moment.missed) for moment in gaps)
        self.result.filled += filled
        self.result.faces += filled
        items: list[Packet[Any] | Moment[Searched]] = []
        for moment in ready:
            while moment.item.picture.stream == main and (packet := waiting.popleft()) is not None:
                items.append(packet)
            items.append(moment)
        return items

    async def _writing(self, write_thread: Executor, work: Any, *arguments: Any) -> None:
        with self.gauge.at("encode"):
            await asyncio.get_running_loop().run_in_executor(write_thread, self._timed, "write", work, *arguments)

    def _write(self, output: _Output, items: list[Packet[Any] | Moment[Searched]]) -> None:
        for item in items:
            if self._stop.is_set():
                return
            output.write(item, self._plan.options.threshold)

    async def _covers(self, reader: VideoReader, read_thread: Executor) -> list[Searched]:
        """The video's still pictures with their faces covered: they are written before anything else."""
        pictures = await asyncio.get_running_loop().run_in_executor(read_thread, reader.cover_pictures)
        pix_fmts = {picture.stream: picture.frame.format.name for picture in pictures}
        covers = await self._search(pix_fmts).every(pictures)
        self.result.faces += self._sure(covers)
        return covers

    def _search(self, pix_fmts: dict[int, str]) -> Search:
        return Search(self._plan, pix_fmts=pix_fmts, source=self.result.source, coded=self._coded, sent=self._sent)

    async def _sent(self, images: Sequence[bytes]) -> Answer:
        with self.gauge.at("function"):
            answer = await self._client.send(images, self._plan.asked, return_frames=self._plan.return_frames)
        self._count(answer)
        return answer

    async def _redact(
        self, search: Search, batch: Batch, main: int, before: asyncio.Future[End] | None, end: asyncio.Future[End]
    ) -> _Answered:
        """Have the batch's faces found and covered: when this returns, the sure ones are."""
        items = [None if isinstance(item, Picture) else item for item in batch.items if _is_of(main, item)]
        searched = await search.batch(batch.pictures, batch.ends, main, before, end)
        faces = self._sure(searched)
        self.result.faces += faces
        self.gauge["ready"] += 1
        self._listener.advanced(self.result.source, len(searched), faces)
        return _Answered(items, searched)

    def _sure(self, searched: list[Searched]) -> int:
        return sum(face.score >= self._plan.options.threshold for one in searched for face in one.found)

    async def _coded(self, stage: str, works: Sequence[Callable[[], Done]], frames: Sequence[VideoFrame]) -> list[Done]:
        """Have the codec threads do this for these frames."""
        if not works:
            return []
        loop = asyncio.get_running_loop()
        # A slice for each thread: to hand over every frame by itself takes as long as a part of the work.
        size = len(works) if _are_small(frames) else math.ceil(len(works) / codec_threads())
        slices = [works[first : first + size] for first in range(0, len(works), size)]
        with self.gauge.at("JPEG"):
            done = await asyncio.gather(
                *(loop.run_in_executor(self._codecs, self._timed, stage, _each, some) for some in slices)
            )
        return [one for some in done for one in some]

    def _count(self, answer: Answer) -> None:
        self.result.model, self.result.device = answer.model, answer.device
        self.result.searched += len(answer.faces)
        for stage, milliseconds in answer.timings_ms.items():
            name = stage if stage == "network" else f"function: {stage}"
            self.result.stage_seconds[name] += milliseconds / 1000

    def _timed(self, stage: str, work: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            with self._lock:
                self.result.stage_seconds[stage] += time.perf_counter() - start


def codec_threads() -> int:
    """How many threads there are for JPEG and planes: one for each core that this process may use."""
    return len(os.sched_getaffinity(0))


async def _opened(opening: asyncio.Future[Opened]) -> Opened:
    """What a thread is opening; when this is cancelled meanwhile, it is closed again."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).__exit__(None, None, None)
        raise


def _each(works: Sequence[Callable[[], Done]]) -> list[Done]:
    return [work() for work in works]


def _are_small(frames: Sequence[VideoFrame]) -> bool:
    return sum(frame.width * frame.height for frame in frames) < SMALL_PIXELS


def _is_of(main: int, item: Picture | Packet[Any]) -> bool:
    """Whether an item is a packet or of the main video stream."""
    return not isinstance(item, Picture) or item.stream == main


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a task group; the others are its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
