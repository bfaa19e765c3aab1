"""What the function finds in a labelled dataset: asked as a run asks, for boxes only, down to weak ones."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from faceblur.base.errors import MediaError, RequestRejected, RequestTooLarge, UsageError
from faceblur.detection.client import FunctionClient
from faceblur.evaluation.datasets import Dataset, LabelledImage, LabelledVideo
from faceblur.evaluation.exposure import Clip, ClipFrame
from faceblur.evaluation.labels import visible
from faceblur.evaluation.scores import Sample
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.cover import encode_upright
from faceblur.redaction.pipeline import first_failure
from faceblur.redaction.plan import Plan
from faceblur.tracking.scenes import Step, Thumbnail, frame_thumbnail, step
from faceblur.tracking.tracker import Detection
from faceblur_function import wire

# Faces from this score on count for the AP, and it is the lowest threshold of a sweep. Of the weaker finds, thousands
# in a crowd, hardly one is right.
REPORT_FROM = 0.05
BATCH_SIZE = Plan.__dataclass_fields__["batch_size"].default


@dataclass(slots=True)
class Detections:
    """What was found where. `detect_seconds` is the function's own time for it, `long_side` the largest picture's."""

    images: list[Sample] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    detect_seconds: float = 0.0
    long_side: int = 0

    @property
    def samples(self) -> list[Sample]:
        """Those of the images and of every video's frames."""
        return self.images + [sample for clip in self.clips for sample in clip.samples()]


@dataclass(frozen=True, slots=True)
class _Shot:
    """What is kept of a frame: when it is shown, and how it follows the one before."""

    seconds: float
    step: Step


class Detecting:
    """Asks the function about a whole dataset; `advance` is told how many pictures were answered."""

    def __init__(self, client: FunctionClient, advance: Callable[[int], None]) -> None:
        self._client, self._advance = client, advance
        self._slots = client.pressure.slots
        self._options = wire.Options(report_threshold=REPORT_FROM)
        self._result = Detections()

    async def run(self, dataset: Dataset) -> Detections:
        """Raises MediaError or FunctionError for the first picture that cannot be had, UsageError for wrong labels."""
        await self._images(dataset.images)
        for video in dataset.videos:
            await self._video(video)
        return self._result

    async def _images(self, images: list[LabelledImage]) -> None:
        async with _group() as group:
            tasks = [group.create_task(self._image(image)) for image in images]
        self._result.images = [task.result() for task in tasks]

    async def _image(self, image: LabelledImage) -> Sample:
        async with self._slots:
            try:
                content = await asyncio.to_thread(image.path.read_bytes)
                size_wh = _upright_size(content)
                (found,) = await self._ask([content])
            except OSError as error:
                raise MediaError(f"{image.path}: cannot be read: {error.strerror}") from error
            except (wire.WireError, RequestRejected, RequestTooLarge) as error:
                raise MediaError(f"{image.path}: {error}") from error
        self._saw(*size_wh)
        return Sample(visible(image.labels, size_wh), found)

    async def _video(self, video: LabelledVideo) -> None:
        loop = asyncio.get_running_loop()
        reading = _Reading(video.path)
        batches = reading.batches()
        shots: list[_Shot] = []
        tasks: list[asyncio.Task[list[list[Detection]]]] = []
        with ThreadPoolExecutor(1, "read") as thread:
            try:
                async with _group() as group:
                    while True:
                        await self._slots.acquire()
                        batch = await loop.run_in_executor(thread, next, batches, None)
                        if batch is None:
                            break
                        tasks.append(group.create_task(self._batch([image for image, _ in batch])))
                        shots += [shot for _, shot in batch]
            finally:
                self._slots.release()  # the one that waits for the next batch
                await asyncio.shield(loop.run_in_executor(thread, batches.close))
        found = [faces for task in tasks for faces in task.result()]
        frames = [
            ClipFrame(shot.seconds, shot.step, video.labels.get(number, []), faces)
            for number, (shot, faces) in enumerate(zip(shots, found, strict=True))
        ]
        if beyond := [number for number in video.labels if number >= len(frames)]:
            told = f"labels frame {min(beyond) + 1}, but {video.path} has {len(frames)}"
            raise UsageError(f"{video.source}: {told}")
        self._saw(*reading.frame_wh)
        self._result.clips.append(Clip(video.path, reading.frame_wh, reading.frame_bytes, frames))

    async def _batch(self, images: list[bytes]) -> list[list[Detection]]:
        try:
            return await self._ask(images)
        finally:
            self._slots.release()

    async def _ask(self, images: list[bytes]) -> list[list[Detection]]:
        answer = await self._client.send(images, self._options, return_frames=False)
        self._result.detect_seconds += answer.timings_ms.get("detect", 0.0) / 1000
        self._advance(len(images))
        return [[Detection(face.box, face.score) for face in faces] for faces in answer.faces]

    def _saw(self, width: int, height: int) -> None:
        self._result.long_side = max(self._result.long_side, width, height)


class _Reading:
    """Decodes a video into batches of encoded frames; afterwards its size and that of a frame in bytes are known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.frame_wh, self.frame_bytes = (1, 1), 1

    def batches(self) -> Generator[list[tuple[bytes, _Shot]]]:
        batch: list[tuple[bytes, _Shot]] = []
        before: Thumbnail | None = None
        with VideoReader(self._path) as reader:
            for item in reader:
                if not isinstance(item, DecodedFrame) or item.stream != reader.main_stream.index:
                    continue
                self.frame_wh, self.frame_bytes = item.upright_wh, item.size_bytes
                small = frame_thumbnail(item)
                shot, before = _Shot(item.seconds, step(before, small)), small
                batch.append((encode_upright(item), shot))
                if len(batch) == BATCH_SIZE:
                    yield batch
                    batch = []
        if batch:
            yield batch


def _upright_size(content: bytes) -> tuple[int, int]:
    """Width and height of an encoded image as a viewer shows it. Raises WireError."""
    width, height = wire.image_size(content)
    with Image.open(io.BytesIO(content)) as image:
        turned = image.getexif().get(wire.ORIENTATION, 1) >= 5
    return (height, width) if turned else (width, height)


@asynccontextmanager
async def _group() -> AsyncIterator[asyncio.TaskGroup]:
    """A group of tasks that raises the first failure itself."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise first_failure(failures) from None
