"""Runs the function over a labelled dataset: requests as a run sends them, for boxes only, with low scores too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faceblur.base.errors import FramesChange, MediaError, RequestRejected, RequestTooLarge, UsageError
from faceblur.base.options import Options
from faceblur.base.stages import Stages
from faceblur.detection.client import FunctionClient
from faceblur.evaluation.labels import Dataset, LabelledImage, LabelledVideo, visible
from faceblur.evaluation.samples import EvaluatedFrame, EvaluatedVideo, Sample
from faceblur.media.canvas import Canvas
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.survey import Survey
from faceblur.redaction.threads import OwnThread
from faceblur.redaction.video_frame import VideoFrame
from faceblur.tracking.boxes import Detection
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
        async with Stages() as group:
            tasks = [group.start(self._image(image)) for image in images]
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
                (detections,) = await self._send([[content]])
            except (RequestRejected, RequestTooLarge) as error:
                raise MediaError(f"{image.path}: {error}") from error
        self._note_size(*size_wh)
        return Sample(visible(image.labels, size_wh), detections)

    async def _video(self, video: LabelledVideo) -> None:
        decoder, seconds_before = _VideoDecoder(video.path), self._result.detect_seconds
        try:
            found = await self._frames(decoder)
        except FramesChange:
            self._result.detect_seconds = seconds_before
            decoder = _VideoDecoder(video.path, await _canvases(video.path))
            found = await self._frames(decoder)
        frames = [
            EvaluatedFrame(seconds, video.labels.get(number, []), faces)
            for number, (seconds, faces) in enumerate(found)
        ]
        if beyond := [number for number in video.labels if number >= len(frames)]:
            labelled = f"labels frame {min(beyond) + 1}, but {video.path} has {len(frames)}"
            raise UsageError(f"{video.source}: {labelled}")
        self._note_size(*decoder.frame_wh)
        self._result.videos.append(EvaluatedVideo(video.path, decoder.frame_wh, frames, decoder.canvases))

    async def _frames(self, decoder: _VideoDecoder) -> list[tuple[float, list[Detection]]]:
        """The time of each frame of a video, in order, with its detections."""
        loop = asyncio.get_running_loop()
        batches = decoder.batches()
        times: list[float] = []
        tasks: list[asyncio.Task[list[list[Detection]]]] = []

        async def send_all(group: Stages, thread: Executor) -> None:
            while True:
                await self._slots.acquire()
                batch = await loop.run_in_executor(thread, next, batches, None)
                if batch is None:
                    return
                tasks.append(group.start(self._batch([images for images, _ in batch])))
                times.extend(seconds for _, seconds in batch)

        with ThreadPoolExecutor(1, "read") as thread:
            try:
                async with Stages() as group:
                    await send_all(group, thread)
            finally:
                self._slots.release()  # the one that waits for the next batch
                await asyncio.shield(loop.run_in_executor(thread, batches.close))
        detections = [faces for task in tasks for faces in task.result()]
        return list(zip(times, detections, strict=True))

    async def _batch(self, frames: list[list[bytes]]) -> list[list[Detection]]:
        try:
            return await self._send(frames)
        finally:
            self._slots.release()

    async def _send(self, frames: list[list[bytes]]) -> list[list[Detection]]:
        """The detections of each frame, in all of its images: a frame with an alpha plane has two."""
        images = [image for own in frames for image in own]
        answer = await self._client.send(images, self._options, return_frames=False)
        self._result.detect_seconds += answer.timings_ms.get("detect", 0.0) / 1000
        self._advance(len(frames))
        faces = iter(answer.faces)
        return [[Detection(face.box, face.score) for _ in own for face in next(faces)] for own in frames]

    def _note_size(self, width: int, height: int) -> None:
        self._result.long_side = max(self._result.long_side, width, height)


class _VideoDecoder:
    """Decodes a video's main stream into batches of frames: the encoded images of each, and its time in seconds.

    `canvases` are those of its streams where its frames change their form, as a run writes them.
    """

    def __init__(self, path: Path, canvases: Mapping[int, Canvas] | None = None) -> None:
        self._path, self.canvases, self.frame_wh = path, canvases, (1, 1)

    def batches(self) -> Generator[list[tuple[list[bytes], float]]]:
        """All batches, in order; afterwards `frame_wh` is known. Raises MediaError."""
        batch: list[tuple[list[bytes], float]] = []
        with VideoReader(self._path, canvases=self.canvases) as reader:
            for item in reader:
                if not isinstance(item, DecodedFrame) or item.stream != reader.main_stream.index:
                    continue
                self.frame_wh = item.upright_wh
                batch.append((VideoFrame.of(item).encode(), item.seconds))
                if len(batch) == BATCH_SIZE:
                    yield batch
                    batch = []
        if batch:
            yield batch


async def _canvases(path: Path) -> dict[int, Canvas]:
    """The form that a run gives to the frames of a video that change theirs. Raises MediaError."""
    async with OwnThread(partial(Survey, path), "survey") as own:
        return await own.call(own.object.choose_canvases, own.stop)
