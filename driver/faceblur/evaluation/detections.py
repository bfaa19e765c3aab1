"""Runs the function over a labelled dataset: requests as a run sends them, for boxes only, with low scores too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faceblur.base.errors import MediaError, RequestRejected, RequestTooLarge, UsageError
from faceblur.base.options import Options
from faceblur.base.stages import first_failure
from faceblur.detection.client import FunctionClient
from faceblur.evaluation.labels import Dataset, LabelledImage, LabelledVideo, visible
from faceblur.evaluation.samples import EvaluatedFrame, EvaluatedVideo, Sample
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.video_frame import VideoFrame
from faceblur.tracking.boxes import Detection
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.scene_cuts import transition
from faceblur.tracking.thumbnails import Thumbnail
from faceblur_function import images as codec
from faceblur_function import wire

# Faces from this score on count for the AP, and it is the lowest threshold of a sweep. Of the detections below it,
# thousands in a crowd, hardly one is right.
REPORT_FROM = 0.05
BATCH_SIZE = Options().batch_size


@dataclass(slots=True)
class DatasetDetections:
    """What was detected where. `detect_seconds` is the function's own time, `long_side` the largest image's, in pixels.

    `videos` are in the order of the dataset, as `images` are.
    """

    images: list[Sample] = field(default_factory=list)
    videos: list[EvaluatedVideo] = field(default_factory=list)
    detect_seconds: float = 0.0
    long_side: int = 0

    @property
    def samples(self) -> list[Sample]:
        """Those of the images and of every video's frames."""
        return self.images + [sample for video in self.videos for sample in video.samples()]


@dataclass(frozen=True, slots=True)
class _FrameTime:
    """What is kept of a frame: its time, and what happened since the frame before."""

    seconds: float
    cut: bool
    camera: CameraMotion


class DatasetDetector:
    """Has the function search a dataset; `advance` is called with the number of images that were answered."""

    def __init__(self, client: FunctionClient, advance: Callable[[int], None]) -> None:
        self._client, self._advance = client, advance
        self._slots = client.limit.batches
        self._options = wire.RequestOptions(report_threshold=REPORT_FROM)
        self._result = DatasetDetections()

    async def run(self, dataset: Dataset) -> DatasetDetections:
        """Raises MediaError or FunctionError for the first image that is not available, UsageError for wrong labels."""
        await self._images(dataset.images)
        for video in dataset.videos:
            await self._video(video)
        return self._result

    async def _images(self, images: list[LabelledImage]) -> None:
        async with _task_group() as group:
            tasks = [group.create_task(self._image(image)) for image in images]
        self._result.images = [task.result() for task in tasks]

    async def _image(self, image: LabelledImage) -> Sample:
        async with self._slots:
            try:
                content = await asyncio.to_thread(image.path.read_bytes)
                size_wh = codec.upright_size(content)
            except OSError as error:
                raise MediaError(f"{image.path}: cannot be read: {error.strerror}") from error
            except wire.WireError as error:
                raise MediaError(f"{image.path}: {error}") from error
            try:
                (detections,) = await self._send([content])
            except (RequestRejected, RequestTooLarge) as error:
                raise MediaError(f"{image.path}: {error}") from error
        self._note_size(*size_wh)
        return Sample(visible(image.labels, size_wh), detections)

    async def _video(self, video: LabelledVideo) -> None:
        decoder = _VideoDecoder(video.path)
        frames = [
            EvaluatedFrame(frame.seconds, frame.cut, frame.camera, video.labels.get(number, []), faces)
            for number, (frame, faces) in enumerate(await self._frames(decoder))
        ]
        if beyond := [number for number in video.labels if number >= len(frames)]:
            labelled = f"labels frame {min(beyond) + 1}, but {video.path} has {len(frames)}"
            raise UsageError(f"{video.source}: {labelled}")
        self._note_size(*decoder.frame_wh)
        self._result.videos.append(
            EvaluatedVideo(video.path, decoder.frame_wh, decoder.frame_bytes, frames, decoder.thumbnails)
        )

    async def _frames(self, decoder: _VideoDecoder) -> list[tuple[_FrameTime, list[Detection]]]:
        """Each frame of a video, in order, with its detections."""
        loop = asyncio.get_running_loop()
        batches = decoder.batches()
        decoded: list[_FrameTime] = []
        tasks: list[asyncio.Task[list[list[Detection]]]] = []

        async def send_all(group: asyncio.TaskGroup, thread: Executor) -> None:
            while True:
                await self._slots.acquire()
                batch = await loop.run_in_executor(thread, next, batches, None)
                if batch is None:
                    return
                tasks.append(group.create_task(self._batch([image for image, _ in batch])))
                decoded.extend(frame for _, frame in batch)

        with ThreadPoolExecutor(1, "read") as thread:
            try:
                async with _task_group() as group:
                    await send_all(group, thread)
            finally:
                self._slots.release()  # the one that waits for the next batch
                await asyncio.shield(loop.run_in_executor(thread, batches.close))
        detections = [faces for task in tasks for faces in task.result()]
        return list(zip(decoded, detections, strict=True))

    async def _batch(self, images: list[bytes]) -> list[list[Detection]]:
        try:
            return await self._send(images)
        finally:
            self._slots.release()

    async def _send(self, images: list[bytes]) -> list[list[Detection]]:
        answer = await self._client.send(images, self._options, return_frames=False)
        self._result.detect_seconds += answer.timings_ms.get("detect", 0.0) / 1000
        self._advance(len(images))
        return [[Detection(face.box, face.score) for face in faces] for faces in answer.faces]

    def _note_size(self, width: int, height: int) -> None:
        self._result.long_side = max(self._result.long_side, width, height)


class _VideoDecoder:
    """Decodes a video into batches of encoded frames; afterwards its size and that of a frame in bytes are known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frame_wh, self.frame_bytes = (1, 1), 1

    def batches(self) -> Generator[list[tuple[bytes, _FrameTime]]]:
        batch: list[tuple[bytes, _FrameTime]] = []
        before: Thumbnail | None = None
        for item in self._decoded():
            self.frame_wh, self.frame_bytes = item.upright_wh, item.size_bytes
            frame = VideoFrame.of(item)
            frame.make_thumbnail()
            time = _FrameTime(frame.seconds, *transition(before, frame.thumbnail))
            before = frame.thumbnail
            (image,) = frame.encode()
            batch.append((image, time))
            if len(batch) == BATCH_SIZE:
                yield batch
                batch = []
        if batch:
            yield batch

    def thumbnails(self) -> Iterator[Thumbnail]:
        """The thumbnail of each frame, read again."""
        for item in self._decoded():
            frame = VideoFrame.of(item)
            frame.make_thumbnail()
            yield frame.thumbnail

    def _decoded(self) -> Iterator[DecodedFrame]:
        """The frames of its main stream."""
        with VideoReader(self._path) as reader:
            for item in reader:
                if isinstance(item, DecodedFrame) and item.stream == reader.main_stream.index:
                    yield item


@asynccontextmanager
async def _task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A group of tasks that raises the first failure itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise first_failure(failures) from None
