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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from driver.bound import Gauge
from driver.client import FunctionClient
from driver.cover import Searched, cover, fill, prepare, tell
from driver.errors import VideoError
from driver.exchange import Answer
from driver.planes import quarter_turns
from driver.scenes import Step, Thumbnail, step
from driver.sidecar import FunctionUsed, Header, SettingsUsed, SidecarWriter, identify, sidecar_path, told_name
from driver.tracks import Moment, Tracker
from driver.video import Encoding, Packet, Picture, VideoFrame, VideoReader, VideoWriter
from function import wire

# A batch ends early at this many bytes of decoded frames: 10 frames of 1080p, 2 of 4K.
BATCH_BYTES = 32 << 20
# The look-ahead window holds at most this many bytes of decoded frames (86 of 1080p), whatever --look-around says.
WINDOW_BYTES = 256 << 20
# Faces from this score on, below the threshold, continue a track that a sure one started.
LOW_THRESHOLD = 0.05
# How far apart the video streams of a file may lie at one place of it: a sparse one's window waits no longer.
INTERLEAVED_SECONDS = 1.0
# Frames of fewer pixels in all go to a thread together: handing each over takes longer than the work.
SMALL_PIXELS = 1 << 19
Done = TypeVar("Done")
Opened = TypeVar("Opened", VideoReader, VideoWriter)
Item: TypeAlias = "Picture | Packet[Any]"


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
    tolerate_damage: bool = False

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
    damage: list[str] = field(default_factory=list)
    stage_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def notes(self) -> str:
        """What was left out or could not be read, in one line."""
        left_out = [f"left out: {one}" for one in self.left_out]
        return "; ".join([*left_out, *(f"damage: {one}" for one in self.damage)])


@dataclass(slots=True)
class _Batch:
    """Frames and the packets between them, in the source's order."""

    items: list[Item] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


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
            batches = self._batches(reader)
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
                    group.create_task(self._consume(output, write_thread, main, pending))
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

    async def _read(self, batches: Iterator[_Batch], read_thread: Executor) -> _Batch | None:
        await self._slots.acquire()
        self._held += 1
        loop = asyncio.get_running_loop()
        with self.gauge.at("decode"):
            return await loop.run_in_executor(read_thread, self._timed, "decode", next, batches, None)

    def _batches(self, reader: VideoReader) -> Iterator[_Batch]:
        batch, size, begun = _Batch(), 0, False
        for item in reader:
            if self._stop.is_set():
                return
            batch.items.append(item)
            if isinstance(item, Picture):
                batch.pictures.append(item)
                size += sum(plane.buffer_size for plane in item.frame.planes)
            else:
                size += item.size
            begun = begun or bool(batch.pictures)  # the writer waits for a frame, however much sound goes before it
            if len(batch.pictures) >= self._plan.batch_size or (size >= BATCH_BYTES and begun):
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
        pix_fmts: dict[int, str],
        main: int,
        pending: asyncio.Queue[asyncio.Task[_Answered] | None],
    ) -> None:
        while batch is not None:
            self.result.frames += len(batch.pictures)
            pending.put_nowait(group.create_task(self._redact(batch, pix_fmts, main)))
            batch = await self._read(batches, read_thread)
        pending.put_nowait(None)

    async def _consume(
        self, output: _Output, write_thread: Executor, main: int, pending: asyncio.Queue[asyncio.Task[_Answered] | None]
    ) -> None:
        """Take batches in order through the look-ahead windows, one a video stream, to the writer."""
        windows: dict[int, _Window] = {}
        waiting: deque[Packet[Any] | None] = deque()
        ready: list[Moment[Searched]] = []
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
                await self._write_ready(output, write_thread, main, waiting, ready)
                self._held -= taken
                for _ in range(taken):
                    self._slots.release()
                ready, taken = [], 0
                if not followed:
                    task = await pending.get()
        for window in windows.values():
            await self._write_ready(output, write_thread, main, waiting, list(window.tracker.flush()))
        rest = [packet for packet in waiting if packet is not None]
        if len(rest) != len(waiting):
            raise VideoError(f"{self.result.source}: a frame was lost on its way: a defect of faceblur")
        await self._writing(write_thread, self._write, output, rest)

    async def _steps(self, windows: dict[int, _Window], frames: list[Searched]) -> list[Step]:
        """How each frame follows the one before it in its stream."""
        before = {stream: window.before for stream, window in windows.items()}
        pairs = []
        for one in frames:
            pairs.append((before.get(one.picture.stream), one.thumbnail))
            before[one.picture.stream] = one.thumbnail
        works = [partial(step, *pair) for pair in pairs]
        return await self._coded("camera", works, [one.frame for one in frames])

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
        main: int,
        waiting: deque[Packet[Any] | None],
        ready: list[Moment[Searched]],
    ) -> None:
        """Cover what the window found besides and write these frames, with the packets that stand before them."""
        gaps = [moment for moment in ready if moment.missed]
        fills = [partial(fill, gap.item, gap.filled, self._plan.options) for gap in gaps]
        await self._coded("cover", fills, [gap.item.frame for gap in gaps])
        self.result.filled += sum(len(moment.missed) for moment in gaps)
        items: list[Packet[Any] | Moment[Searched]] = []
        for moment in ready:
            while moment.item.picture.stream == main and (packet := waiting.popleft()) is not None:
                items.append(packet)
            items.append(moment)
        await self._writing(write_thread, self._write, output, items)

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
        covers: list[Searched] = []
        for start in range(0, len(pictures), self._plan.batch_size):
            some = pictures[start : start + self._plan.batch_size]
            covers += await self._search(some, {picture.stream: picture.frame.format.name for picture in some})
        return covers

    async def _redact(self, batch: _Batch, pix_fmts: dict[int, str], main: int) -> _Answered:
        """Have the batch's faces found and covered: when this returns, the sure ones are."""
        items = [None if isinstance(item, Picture) else item for item in batch.items if _is_of(main, item)]
        faces = self.result.faces
        searched = await self._search(batch.pictures, pix_fmts) if batch.pictures else []
        self.gauge["ready"] += 1
        self._listener.advanced(self.result.source, len(searched), self.result.faces - faces)
        return _Answered(items, searched)

    async def _search(self, pictures: list[Picture], pix_fmts: dict[int, str]) -> list[Searched]:
        """Pictures, at most a batch of them, with their sure faces covered."""
        frames = [picture.frame for picture in pictures]
        prepared = await self._coded("JPEG", [partial(prepare, frame) for frame in frames], frames)
        options = self._plan.options
        if self._plan.look_around:
            options = options.model_copy(update={"report_threshold": LOW_THRESHOLD})
        images = [one.image for one in prepared]
        with self.gauge.at("function"):
            answer = await self._client.send(images, options, return_frames=self._plan.return_frames)
        self._count(answer)
        redacted: Sequence[bytes | None] = [None] * len(images) if answer.frames is None else answer.frames
        covers = [
            partial(cover, *one, options=options, pix_fmt=pix_fmts[one[0].stream], source=self.result.source)
            for one in zip(pictures, prepared, answer.faces, redacted, strict=True)
        ]
        self.result.faces += sum(face.score >= options.threshold for faces in answer.faces for face in faces)
        return await self._coded("cover", covers, frames)

    async def _coded(self, stage: str, works: Sequence[Callable[[], Done]], frames: Sequence[VideoFrame]) -> list[Done]:
        """Have the codec threads do this for these frames."""
        if not works:
            return []
        loop = asyncio.get_running_loop()
        slices = [works] if _are_small(frames) else [[work] for work in works]
        with self.gauge.at("JPEG"):
            done = await asyncio.gather(
                *(loop.run_in_executor(self._codecs, self._timed, stage, _each, some) for some in slices)
            )
        return [one for some in done for one in some]

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


def _each(works: Sequence[Callable[[], Done]]) -> list[Done]:
    return [work() for work in works]


def _are_small(frames: Sequence[VideoFrame]) -> bool:
    return sum(frame.width * frame.height for frame in frames) < SMALL_PIXELS


def _is_of(main: int, item: Item) -> bool:
    """Whether an item is a packet or of the main video stream."""
    return not isinstance(item, Picture) or item.stream == main


def first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure of a task group; the others are its consequences."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
