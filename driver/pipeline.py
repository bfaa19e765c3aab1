"""One video: read -> batch -> JPEG -> in flight -> in order -> cover on native planes, gaps too -> write -> rename.

Memory is bounded by the slots that all videos of a run share, and by each one's look-ahead window: a batch holds a slot
from before it is read until its frames enter the window, which moves on only as frames are written. No frame is written
that the function did not answer for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from driver.client import FunctionClient
from driver.cover import Searched, cover, fill, prepare, tell
from driver.errors import VideoError
from driver.exchange import Answer
from driver.planes import quarter_turns
from driver.scenes import is_cut
from driver.sidecar import FunctionUsed, Header, SettingsUsed, SidecarWriter, identify, sidecar_path
from driver.tracks import Moment, Tracker
from driver.video import Encoding, Packet, VideoFrame, VideoReader, VideoWriter
from function import wire

# A batch ends early at this many bytes of decoded frames: 10 frames of 1080p, 2 of 4K.
BATCH_BYTES = 32 << 20
# The look-ahead window holds at most this many bytes of decoded frames (86 of 1080p), whatever --look-around says.
WINDOW_BYTES = 256 << 20
# Faces from this score on, below the threshold, continue a track that a sure one started.
LOW_THRESHOLD = 0.1
Opened = TypeVar("Opened", VideoReader, VideoWriter)
Item: TypeAlias = "VideoFrame | Packet[Any]"


class Listener(Protocol):
    """Told how a video comes along, from the event loop's thread."""

    def advanced(self, source: Path, frames: int, faces: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What every video of a run has in common.

    `return_frames` False asks for boxes only; `look_around` is how long a face stays covered before and after it is
    found, in seconds; `sidecar` has `<name>.faces.jsonl` written beside each output.
    """

    options: wire.Options
    encoding: Encoding
    return_frames: bool = True
    batch_size: int = 16
    look_around: float = 0.4
    sidecar: bool = True

    def settings(self) -> SettingsUsed:
        """What the sidecar tells of them."""
        return SettingsUsed(
            threshold=self.options.threshold,
            low_threshold=min(self.options.threshold, LOW_THRESHOLD),
            padding=self.options.padding,
            style=self.options.style,
            look_around=self.look_around,
            encoder=self.encoding.encoder,
            crf=self.encoding.crf,
            preset=self.encoding.preset,
        )


@dataclass(slots=True)
class Result:
    """What became of one video.

    `faces` counts the finds above the threshold, `filled` what was covered besides, from the frames around;
    `stage_seconds` is where the time went, summed over threads and requests.
    """

    source: Path
    target: Path
    frames: int = 0
    faces: int = 0
    filled: int = 0
    seconds: float = 0.0
    model: str = ""
    device: str = ""
    left_out: list[str] = field(default_factory=list)
    stage_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(slots=True)
class _Batch:
    """Frames and the packets between them, in the source's order."""

    items: list[Item] = field(default_factory=list)
    frames: list[VideoFrame] = field(default_factory=list)


@dataclass(slots=True)
class _Answered:
    """A batch that the function has answered for; in `items` None stands where a frame was.

    The frames themselves are only in `frames`: what is written comes out of the look-ahead window, or not at all.
    """

    items: list[Packet[Any] | None]
    frames: list[Searched]


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
            self.sidecar.write(tell(item, self.writer.frames, threshold))
        self.writer.write(item.item.frame)

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
        reader = await _opened(loop.run_in_executor(read_thread, VideoReader, self.result.source))
        try:
            self.result.left_out += reader.left_out
            batches = self._batches(reader)
            first = await self._read(batches, read_thread)
            if first is None or not first.frames:
                raise VideoError(f"{self.result.source}: its video stream holds no frame")
            writer = await _opened(
                loop.run_in_executor(write_thread, VideoWriter, self.result.target, reader, self._plan.encoding)
            )
            sidecar = None
            try:
                self.result.left_out += writer.left_out
                if self._plan.sidecar:
                    header = self._header(reader, first.frames[0])
                    sidecar = SidecarWriter(sidecar_path(self.result.target), header)
                output = _Output(writer, sidecar)
                pending: asyncio.Queue[asyncio.Task[_Answered] | None] = asyncio.Queue()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._produce(group, first, batches, read_thread, writer.pix_fmt, pending))
                    group.create_task(self._consume(output, write_thread, pending))
                if writer.frames != self.result.frames:
                    raise VideoError(f"{self.result.source}: {writer.frames} of {self.result.frames} frames written")
                await loop.run_in_executor(write_thread, self._timed, "write", output.finish)
            finally:
                self._stop.set()
                await asyncio.shield(loop.run_in_executor(write_thread, writer.abort))
                if sidecar is not None:
                    sidecar.abort()
        finally:
            self._stop.set()
            await asyncio.shield(loop.run_in_executor(read_thread, reader.close))

    def _header(self, reader: VideoReader, first: VideoFrame) -> Header:
        turned = quarter_turns(first) % 2
        return Header(
            video=identify(reader.path, reader.duration),
            output=self.result.target.name,
            function=self._function,
            settings=self._plan.settings(),
            frame_wh=(first.height, first.width) if turned else (first.width, first.height),
            time_base=str(first.time_base),
        )

    async def _read(self, batches: Iterator[_Batch], read_thread: Executor) -> _Batch | None:
        await self._slots.acquire()
        self._held += 1
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(read_thread, self._timed, "decode", next, batches, None)

    def _batches(self, reader: VideoReader) -> Iterator[_Batch]:
        batch, size, begun = _Batch(), 0, False
        for item in reader:
            if self._stop.is_set():
                return
            batch.items.append(item)
            if isinstance(item, VideoFrame):
                batch.frames.append(item)
                size += sum(plane.buffer_size for plane in item.planes)
            else:
                size += item.size
            begun = begun or bool(batch.frames)  # the writer waits for a frame, however much sound goes before it
            if len(batch.frames) >= self._plan.batch_size or (size >= BATCH_BYTES and begun):
                yield batch
                batch, size = _Batch(), 0
        if batch.items:
            yield batch

    async def _produce(
        self,
        group: asyncio.TaskGroup,
        batch: _Batch | None,
        batches: Iterator[_Batch],
        read_thread: Executor,
        pix_fmt: str,
        pending: asyncio.Queue[asyncio.Task[_Answered] | None],
    ) -> None:
        while batch is not None:
            self.result.frames += len(batch.frames)
            pending.put_nowait(group.create_task(self._redact(batch, pix_fmt)))
            batch = await self._read(batches, read_thread)
        pending.put_nowait(None)

    async def _consume(
        self, output: _Output, write_thread: Executor, pending: asyncio.Queue[asyncio.Task[_Answered] | None]
    ) -> None:
        """Take batches in order through the look-ahead window to the writer."""
        loop = asyncio.get_running_loop()
        tracker: Tracker[Searched] | None = None
        waiting: deque[Packet[Any] | None] = deque()
        before = None
        while (task := await pending.get()) is not None:
            batch = await task
            waiting.extend(batch.items)
            ready: list[Moment[Searched]] = []
            for one in batch.frames:
                tracker = tracker or self._tracker(one.frame)
                cut, before = is_cut(before, one.thumbnail), one.thumbnail
                ready += tracker.push(one, one.seconds, one.found, cut=cut)
            await self._write_ready(output, write_thread, waiting, ready)
            self._held -= 1
            self._slots.release()
        if tracker is not None:
            await self._write_ready(output, write_thread, waiting, list(tracker.flush()))
        rest = [packet for packet in waiting if packet is not None]
        if len(rest) != len(waiting):
            raise VideoError(f"{self.result.source}: a frame was lost on its way: a defect of faceblur")
        await loop.run_in_executor(write_thread, self._timed, "write", self._write, output, rest)

    def _tracker(self, frame: VideoFrame) -> Tracker[Searched]:
        size = sum(plane.buffer_size for plane in frame.planes)
        return Tracker(
            threshold=self._plan.options.threshold,
            look_around=self._plan.look_around,
            most_frames=max(1, WINDOW_BYTES // size),
        )

    async def _write_ready(
        self,
        output: _Output,
        write_thread: Executor,
        waiting: deque[Packet[Any] | None],
        ready: list[Moment[Searched]],
    ) -> None:
        """Cover what the window found besides and write these frames, with the packets that stand before them."""
        loop = asyncio.get_running_loop()
        options = self._plan.options
        gaps = [moment for moment in ready if moment.missed]
        await asyncio.gather(
            *(
                loop.run_in_executor(self._codecs, self._timed, "cover", fill, moment.item, moment.filled, options)
                for moment in gaps
            )
        )
        self.result.filled += sum(len(moment.missed) for moment in gaps)
        items: list[Packet[Any] | Moment[Searched]] = []
        for moment in ready:
            while (packet := waiting.popleft()) is not None:
                items.append(packet)
            items.append(moment)
        await loop.run_in_executor(write_thread, self._timed, "write", self._write, output, items)

    def _write(self, output: _Output, items: list[Packet[Any] | Moment[Searched]]) -> None:
        for item in items:
            if self._stop.is_set():
                return
            output.write(item, self._plan.options.threshold)

    async def _redact(self, batch: _Batch, pix_fmt: str) -> _Answered:
        """Have the batch's faces found and covered: when this returns, the sure ones are."""
        if not batch.frames:
            return _Answered(_without_frames(batch), [])
        loop = asyncio.get_running_loop()
        prepared = await asyncio.gather(
            *(loop.run_in_executor(self._codecs, self._timed, "JPEG", prepare, frame) for frame in batch.frames)
        )
        options = self._plan.options
        if self._plan.look_around:
            options = options.model_copy(update={"report_threshold": LOW_THRESHOLD})
        images = [one.image for one in prepared]
        answer = await self._client.send(images, options, return_frames=self._plan.return_frames)
        self._count(answer)
        cover_one = partial(cover, options=options, pix_fmt=pix_fmt, source=self.result.source)
        redacted: Sequence[bytes | None] = [None] * len(images) if answer.frames is None else answer.frames
        searched = await asyncio.gather(
            *(
                loop.run_in_executor(self._codecs, self._timed, "cover", cover_one, *one)
                for one in zip(batch.frames, prepared, answer.faces, redacted, strict=True)
            )
        )
        faces = sum(face.score >= options.threshold for faces in answer.faces for face in faces)
        self.result.faces += faces
        self._listener.advanced(self.result.source, len(batch.frames), faces)
        return _Answered(_without_frames(batch), list(searched))

    def _count(self, answer: Answer) -> None:
        self.result.model, self.result.device = answer.model, answer.device
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


async def _opened(opening: asyncio.Future[Opened]) -> Opened:
    """What a thread is opening; when this is cancelled meanwhile, it is closed again."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).__exit__(None, None, None)
        raise


def _without_frames(batch: _Batch) -> list[Packet[Any] | None]:
    return [None if isinstance(item, VideoFrame) else item for item in batch.items]


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a task group; the others are its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
