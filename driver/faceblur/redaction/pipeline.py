"""One video: read -> batch -> JPEG -> in flight -> in order -> cover on native planes, gaps too -> write -> rename.

Memory is bounded by the slots that all videos of a run share, and by each one's look-ahead window: a batch holds a slot
from before it is read until what it pushes out of the window is written (`outgoing`). No frame is written that
the function did not answer for, or for those on both sides of it (`search`).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from faceblur.base.errors import MediaError
from faceblur.detection.client import FunctionClient
from faceblur.detection.reply_checks import Answer
from faceblur.media.frames import DecodedFrame, Packet
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter
from faceblur.redaction.batches import Batch, read_batches
from faceblur.redaction.cover import Searched, tell
from faceblur.redaction.outgoing import Answered, Outgoing, Output
from faceblur.redaction.plan import Listener, Plan, Result
from faceblur.redaction.search import End, Search
from faceblur.redaction.sidecar import FunctionUsed, Header, SidecarWriter, identify, sidecar_path, told_name
from faceblur.redaction.stages import Stages
from faceblur.tracking.tracker import WindowedFrame

Opened = TypeVar("Opened", VideoReader, VideoWriter)


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
        self._plan, self._client, self._slots, self._listener = plan, client, client.pressure.slots, listener
        self._stages = Stages(codecs, self.result.stage_seconds)
        self.gauge = self._stages.gauge
        self._stop = threading.Event()
        self._held = 0

    async def run(self) -> Result:
        """Write the whole video, or nothing. Raises MediaError or FunctionError; may be cancelled at any time."""
        start = time.perf_counter()
        # One thread each: PyAV's containers are not shared between threads at the same moment.
        with ThreadPoolExecutor(1, "read") as read_thread, ThreadPoolExecutor(1, "write") as write_thread:
            try:
                await self._stream(read_thread, write_thread)
            except BaseExceptionGroup as group:
                raise first_failure(group) from None
            finally:
                self._stop.set()
                self._release(self._held)
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
                raise MediaError(f"{self.result.source}: its video stream holds no frame")
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
                        sidecar.write(tell(WindowedFrame(one, 0.0, 0), 0, self._plan.options.threshold))
                main = reader.main_stream.index
                outgoing = Outgoing(
                    *(Output(writer, sidecar), write_thread),
                    plan=self._plan,
                    result=self.result,
                    stages=self._stages,
                    main=main,
                    stop=self._stop,
                    release=self._release,
                )
                pending: asyncio.Queue[asyncio.Task[Answered] | None] = asyncio.Queue()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._produce(group, first, batches, read_thread, writer.pix_fmts, main, pending))
                    group.create_task(outgoing.take(group, pending))
                if (written := sum(writer.frames_written.values())) != self.result.frames:
                    raise MediaError(f"{self.result.source}: {written} of {self.result.frames} frames written")
                self.result.damage = reader.damage.summary()
                await outgoing.finish()
            finally:
                self._stop.set()
                await asyncio.shield(loop.run_in_executor(write_thread, writer.abort))
                if sidecar is not None:
                    sidecar.abort()
        finally:
            self._stop.set()
            await asyncio.shield(loop.run_in_executor(read_thread, reader.close))

    def _header(self, reader: VideoReader, pictures: list[DecodedFrame]) -> Header:
        first = next((one for one in pictures if one.stream == reader.main_stream.index), pictures[0])
        return Header(
            video=identify(reader.path, reader.duration),
            output=told_name(self.result.target),
            function=self._function,
            settings=self._plan.settings(),
            frame_wh=first.upright_wh,
            time_base=str(first.time_base),
        )

    async def _read(self, batches: Iterator[Batch], read_thread: Executor) -> Batch | None:
        await self._slots.acquire()
        self._held += 1
        with self.gauge.at("decode"):
            batch: Batch | None = await self._stages.on(read_thread, "decode", next, batches, None)
        return batch

    def _release(self, batches: int) -> None:
        self._held -= batches
        for _ in range(batches):
            self._slots.release()

    async def _produce(
        self,
        group: asyncio.TaskGroup,
        batch: Batch | None,
        batches: Iterator[Batch],
        read_thread: Executor,
        pix_fmts: dict[int, str],
        main: int,
        pending: asyncio.Queue[asyncio.Task[Answered] | None],
    ) -> None:
        search, before = self._search(pix_fmts), None
        while batch is not None:
            self.result.frames += len(batch.pictures)
            end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
            pending.put_nowait(group.create_task(self._redact(search, batch, main, before, end)))
            before = end if batch.ends else before
            batch = await self._read(batches, read_thread)
        pending.put_nowait(None)

    def _stopping(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            if self._stop.is_set():
                return
            yield batch

    async def _covers(self, reader: VideoReader, read_thread: Executor) -> list[Searched]:
        """The video's still pictures with their faces covered: they are written before anything else."""
        pictures = await asyncio.get_running_loop().run_in_executor(read_thread, reader.cover_art_frames)
        pix_fmts = {picture.stream: picture.pixels.format.name for picture in pictures}
        covers = await self._search(pix_fmts).every(pictures)
        self.result.faces += self._sure(covers)
        return covers

    def _search(self, pix_fmts: dict[int, str]) -> Search:
        return Search(
            self._plan, pix_fmts=pix_fmts, source=self.result.source, coded=self._stages.coded, sent=self._sent
        )

    async def _sent(self, images: Sequence[bytes]) -> Answer:
        with self.gauge.at("function"):
            answer = await self._client.send(images, self._plan.asked, return_frames=self._plan.return_frames)
        self._count(answer)
        return answer

    async def _redact(
        self, search: Search, batch: Batch, main: int, before: asyncio.Future[End] | None, end: asyncio.Future[End]
    ) -> Answered:
        """Have the batch's faces found and covered: when this returns, the sure ones are."""
        items = [None if isinstance(item, DecodedFrame) else item for item in batch.items if _is_of(main, item)]
        searched = await search.batch(batch.pictures, batch.ends, main, before, end)
        faces = self._sure(searched)
        self.result.faces += faces
        self.gauge["ready"] += 1
        self._listener.advanced(self.result.source, len(searched), faces)
        return Answered(items, searched)

    def _sure(self, searched: list[Searched]) -> int:
        return sum(face.score >= self._plan.options.threshold for one in searched for face in one.found)

    def _count(self, answer: Answer) -> None:
        self.result.model, self.result.device = answer.model, answer.device
        self.result.searched += len(answer.faces)
        for stage, milliseconds in answer.timings_ms.items():
            name = stage if stage == "network" else f"function: {stage}"
            self.result.stage_seconds[name] += milliseconds / 1000


async def _opened(opening: asyncio.Future[Opened]) -> Opened:
    """What a thread is opening; when this is cancelled meanwhile, it is closed again."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).__exit__(None, None, None)
        raise


def _is_of(main: int, item: DecodedFrame | Packet[Any]) -> bool:
    """Whether an item is a packet or of the main video stream."""
    return not isinstance(item, DecodedFrame) or item.stream == main


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a task group; the others are its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
