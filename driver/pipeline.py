"""One video: read -> batch -> JPEG -> in flight -> in order -> redact on native planes -> write -> rename.

Memory is bounded by the slots that all videos of a run share: a batch holds one from before it is read until it is
written, so that a slow writer slows the reader. No frame is written that the function did not answer for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from driver.client import FunctionClient
from driver.errors import InvalidReply, VideoError
from driver.exchange import Answer
from driver.planes import quarter_turns, redact_frame, stored_box, take_redacted, upright
from driver.video import Encoding, Packet, VideoFrame, VideoReader, VideoWriter
from function import wire
from function.redact import regions

# A batch ends early at this many bytes of decoded frames: 10 frames of 1080p, 2 of 4K.
BATCH_BYTES = 32 << 20
Item: TypeAlias = "VideoFrame | Packet[Any]"


class Listener(Protocol):
    """Told how a video comes along, from the event loop's thread."""

    def advanced(self, source: Path, frames: int, faces: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What every video of a run has in common. `frames` False asks for boxes only and redacts here."""

    options: wire.Options
    encoding: Encoding
    return_frames: bool = True
    batch_size: int = 16


@dataclass(slots=True)
class Result:
    """What became of one video; `stage_seconds` is where the time went, summed over threads and requests."""

    source: Path
    target: Path
    frames: int = 0
    faces: int = 0
    seconds: float = 0.0
    model: str = ""
    device: str = ""
    left_out: list[str] = field(default_factory=list)
    stage_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(slots=True)
class _Batch:
    """Frames and the packets between them, in the source's order."""

    items: list[Item]
    frames: list[VideoFrame]


class VideoJob:
    """Redacts one video. `slots` bounds the batches in memory; `codecs` are the threads for JPEG and planes."""

    def __init__(
        self,
        source: Path,
        target: Path,
        *,
        plan: Plan,
        client: FunctionClient,
        slots: asyncio.Semaphore,
        codecs: Executor,
        listener: Listener,
    ) -> None:
        self.result = Result(source, target)
        self._plan, self._client, self._slots, self._codecs, self._listener = plan, client, slots, codecs, listener
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
                raise _first(group) from None
            finally:
                self._stop.set()
                for _ in range(self._held):
                    self._slots.release()
        self.result.seconds = time.perf_counter() - start
        return self.result

    async def _stream(self, read_thread: Executor, write_thread: Executor) -> None:
        loop = asyncio.get_running_loop()
        reader = await loop.run_in_executor(read_thread, VideoReader, self.result.source)
        try:
            self.result.left_out += reader.left_out
            batches = self._batches(reader)
            first = await self._read(batches, read_thread)
            if first is None or not first.frames:
                raise VideoError(f"{self.result.source}: its video stream holds no frame")
            rotation = first.frames[0].rotation
            writer = await loop.run_in_executor(
                write_thread, VideoWriter, self.result.target, reader, self._plan.encoding, rotation
            )
            try:
                self.result.left_out += writer.left_out
                pending: asyncio.Queue[asyncio.Task[_Batch] | None] = asyncio.Queue()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._produce(group, first, batches, read_thread, writer.pix_fmt, pending))
                    group.create_task(self._consume(writer, write_thread, pending))
                if writer.frames != self.result.frames:
                    raise VideoError(f"{self.result.source}: {writer.frames} of {self.result.frames} frames written")
                await loop.run_in_executor(write_thread, self._timed, "write", writer.finish)
            finally:
                self._stop.set()
                await asyncio.shield(loop.run_in_executor(write_thread, writer.abort))
        finally:
            self._stop.set()
            await asyncio.shield(loop.run_in_executor(read_thread, reader.close))

    async def _read(self, batches: Iterator[_Batch], read_thread: Executor) -> _Batch | None:
        await self._slots.acquire()
        self._held += 1
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(read_thread, self._timed, "decode", next, batches, None)

    def _batches(self, reader: VideoReader) -> Iterator[_Batch]:
        batch, size = _Batch([], []), 0
        for item in reader:
            if self._stop.is_set():
                return
            batch.items.append(item)
            if isinstance(item, VideoFrame):
                batch.frames.append(item)
                size += sum(plane.buffer_size for plane in item.planes)
            else:
                size += item.size
            if len(batch.frames) >= self._plan.batch_size or size >= BATCH_BYTES:
                yield batch
                batch, size = _Batch([], []), 0
        if batch.items:
            yield batch

    async def _produce(
        self,
        group: asyncio.TaskGroup,
        batch: _Batch | None,
        batches: Iterator[_Batch],
        read_thread: Executor,
        pix_fmt: str,
        pending: asyncio.Queue[asyncio.Task[_Batch] | None],
    ) -> None:
        while batch is not None:
            self.result.frames += len(batch.frames)
            pending.put_nowait(group.create_task(self._redact(batch, pix_fmt)))
            batch = await self._read(batches, read_thread)
        pending.put_nowait(None)

    async def _consume(
        self, writer: VideoWriter, write_thread: Executor, pending: asyncio.Queue[asyncio.Task[_Batch] | None]
    ) -> None:
        loop = asyncio.get_running_loop()
        while (task := await pending.get()) is not None:
            batch = await task
            await loop.run_in_executor(write_thread, self._timed, "write", self._write, writer, batch)
            self._held -= 1
            self._slots.release()

    def _write(self, writer: VideoWriter, batch: _Batch) -> None:
        for item in batch.items:
            if self._stop.is_set():
                return
            writer.write(item)

    async def _redact(self, batch: _Batch, pix_fmt: str) -> _Batch:
        """Have the batch's faces found and covered; the batch's frames are redacted when this returns."""
        if not batch.frames:
            return batch
        loop = asyncio.get_running_loop()
        images = await asyncio.gather(
            *(loop.run_in_executor(self._codecs, self._timed, "JPEG", _to_jpeg, frame) for frame in batch.frames)
        )
        answer = await self._client.send(images, self._plan.options, return_frames=self._plan.return_frames)
        self._count(answer)
        redacted = await asyncio.gather(
            *(
                loop.run_in_executor(
                    self._codecs,
                    self._timed,
                    "cover",
                    self._cover,
                    frame,
                    pix_fmt,
                    answer.faces[index],
                    answer.frames[index] if answer.frames is not None else None,
                )
                for index, frame in enumerate(batch.frames)
            )
        )
        replaced = iter(redacted)
        items: list[Item] = [next(replaced) if isinstance(item, VideoFrame) else item for item in batch.items]
        faces = sum(face.score >= self._plan.options.threshold for faces in answer.faces for face in faces)
        self.result.faces += faces
        self._listener.advanced(self.result.source, len(batch.frames), faces)
        return _Batch(items, redacted)

    def _cover(self, frame: VideoFrame, pix_fmt: str, faces: list[wire.Face], image: bytes | None) -> VideoFrame:
        """The frame in the encoder's pixel format with its faces covered; it keeps its timestamp."""
        options, turns = self._plan.options, quarter_turns(frame)
        upright_wh = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
        boxes = [stored_box(face.box, turns, upright_wh) for face in faces if face.score >= options.threshold]
        covered = regions(boxes, options.padding)
        native = frame.reformat(format=pix_fmt, threads=1)
        native.pts, native.time_base = frame.pts, frame.time_base
        if image is None:
            redact_frame(native, covered, options.style)
        elif covered:
            try:
                redacted = wire.decode_image(image)
            except wire.WireError as error:
                raise InvalidReply(f"{self.result.source}: the function's image is {error}") from error
            take_redacted(native, np.rot90(redacted, -turns), covered)
        return native

    def _count(self, answer: Answer) -> None:
        self.result.model, self.result.device = answer.model, answer.device
        for stage, milliseconds in answer.timings_ms.items():
            self.result.stage_seconds[f"function: {stage}"] += milliseconds / 1000

    def _timed(self, stage: str, work: Any, *arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            with self._lock:
                self.result.stage_seconds[stage] += time.perf_counter() - start


def _to_jpeg(frame: VideoFrame) -> bytes:
    return wire.encode_image(upright(frame), "jpeg", 95)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a task group; the others are its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
