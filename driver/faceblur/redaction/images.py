"""Still images through the function: it tells where faces are, and they are covered on the image's own pixels.

Animations are treated as videos are: a face that is missed in some frames is covered from those around.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.base.atomic_files import write_whole
from faceblur.base.errors import FaceblurError, MediaError
from faceblur.detection.client import FunctionClient
from faceblur.jobs.discovery import Discovery, Places, Video, check_places, walk
from faceblur.jobs.scheduler import Outcome, failed
from faceblur.media.images.image_reader import measure, read_image
from faceblur.media.images.page import ImageFile
from faceblur.redaction.masking import mask_page
from faceblur.redaction.plan import BATCH_BYTES, LOW_THRESHOLD, Result
from faceblur.tracking.boxes import Box
from faceblur.tracking.tracker import Detection, Tracker
from faceblur_function import wire
from faceblur_function.defaults import MAX_FRAMES

SUFFIXES = frozenset(
    {".apng", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
    | {".avif", ".bmp", ".heic", ".heif", ".jp2", ".jxl"}  # not supported: named, not passed over
)
JPEG_QUALITY = 95
LOOK_AROUND = 0.4  # seconds, in animations
# A larger picture is searched in a smaller copy: no function takes more by default.
MAX_PIXELS = wire.Limits().max_megapixels * 1e6
# What a file may take as decoded pixels, and from where on files are read one at a time.
MAX_BYTES, LARGE_BYTES = 1 << 30, 64 << 20
View = NDArray[np.uint8]


def find_images(inputs: Sequence[Path], outdir: Path, stop: threading.Event | None = None) -> Discovery:
    """The images of the inputs, by their names; a named file is taken for an image. `stop` ends the search.

    Raises UsageError.
    """
    check_places(inputs, outdir)
    found, places = Discovery(), Places(outdir)
    for path, place, named in walk(inputs, SUFFIXES, found.broken, stop):
        if not named and path.suffix.lower() not in SUFFIXES:
            found.others.append(path)
        elif places.is_new(path):
            found.videos.append(Video(path, outdir / places.take(path, place), 1))
    found.settle(places)
    return found


async def redact_images(
    pictures: Iterable[Video],
    outcomes: dict[Path, Outcome],
    client: FunctionClient,
    options: wire.Options,
) -> None:
    """Redact pictures, as many at a time as the client sends requests; `outcomes` tells what became of each."""
    slots, large = client.pressure.slots, asyncio.Lock()

    async def one(picture: Video) -> None:
        async with slots:
            try:
                size = await asyncio.to_thread(measure, picture.source)
                if size > MAX_BYTES:
                    raise MediaError(f"{picture.source}: {size >> 20} MiB of pixels, of at most {MAX_BYTES >> 20}")
                async with large if size > LARGE_BYTES else nullcontext():
                    result = await _redact(picture, client, options)
                left_out = "; ".join(f"left out: {one}" for one in result.left_out)
                outcomes[picture.source] = Outcome(picture.source, "done", left_out, result)
            except FaceblurError as error:
                outcomes[picture.source] = failed(picture.source, str(error))
            except Exception as error:
                reason = f"a defect of faceblur: {type(error).__name__}: {error}"
                outcomes[picture.source] = failed(picture.source, reason)

    async with asyncio.TaskGroup() as group:
        for picture in pictures:
            group.create_task(one(picture))


async def _redact(picture: Video, client: FunctionClient, options: wire.Options) -> Result:
    start = time.perf_counter()
    result = Result(picture.source, picture.target)
    still = await asyncio.to_thread(read_image, picture.source)
    boxes = await _find(still, client, options, result)
    content = await asyncio.to_thread(_covered, still, boxes, options)
    try:
        await asyncio.to_thread(write_whole, picture.target, content)
    except OSError as error:
        raise MediaError(f"{picture.target}: cannot be written: {error.strerror}") from error
    result.frames, result.left_out = len(still.pages), still.left_out
    result.seconds = time.perf_counter() - start
    return result


def _covered(still: ImageFile, boxes: list[list[list[Box]]], options: wire.Options) -> bytes:
    for page, found in zip(still.pages, boxes, strict=True):
        mask_page(page, found, padding=options.padding, style=options.style)
    return still.encode(still.pages)


async def _find(
    still: ImageFile, client: FunctionClient, options: wire.Options, result: Result
) -> list[list[list[Box]]]:
    """The boxes to cover: for every page a list for each of its views."""
    asked = options.model_copy(update={"report_threshold": LOW_THRESHOLD}) if still.animated else options
    found: list[list[list[Detection]]] = []
    for first, last in _batches(still):
        views = await asyncio.to_thread(lambda: [page.views() for page in still.pages[first:last]])  # noqa: B023
        flat = [view for page in views for view in page]
        images = [await asyncio.to_thread(_encode, view) for view in flat]
        answer = await client.send([image for image, _ in images], asked, return_frames=False)
        result.model, result.device = answer.model, answer.device
        faces = iter(
            [Detection(_scaled(face.box, scale), face.score) for face in faces]
            for faces, (_, scale) in zip(answer.faces, images, strict=True)
        )
        found += [[next(faces) for _ in page] for page in views]
    sure = [[[one.box for one in view if one.score >= options.threshold] for view in page] for page in found]
    result.faces = sum(len(view) for page in sure for view in page)
    if still.animated:
        tracker: Tracker[list[list[Box]]] = Tracker(
            threshold=options.threshold, look_around=LOOK_AROUND, most_frames=len(found)
        )
        seconds = 0.0
        for index, page in enumerate(still.pages):
            moments = list(tracker.push(sure[index], seconds, found[index][0]))
            if index == len(found) - 1:
                moments += tracker.flush()
            for moment in moments:
                moment.item[0] += moment.filled
                result.filled += len(moment.filled)
                result.faces += len(moment.filled)
            seconds += max(page.seconds, 0.01)
    return sure


def _batches(still: ImageFile) -> Iterator[tuple[int, int]]:
    """Which pages go into one request, by their decoded size."""
    first, size = 0, 0
    for index, page in enumerate(still.pages):
        size += page.colours.nbytes
        if size >= BATCH_BYTES or 2 * (index + 1 - first) >= MAX_FRAMES // 2:  # each has up to two views
            yield first, index + 1
            first, size = index + 1, 0
    if first < len(still.pages):
        yield first, len(still.pages)


def _encode(view: View) -> tuple[bytes, tuple[float, float]]:
    """A view as it is sent, and by how much its boxes grow in width and height on their way back."""
    height, width = view.shape[:2]
    share = math.sqrt(MAX_PIXELS / (width * height))
    if share >= 1:
        return wire.encode_image(view, "jpeg", JPEG_QUALITY), (1.0, 1.0)
    size_wh = max(1, math.floor(width * share)), max(1, math.floor(height * share))
    small: View = cv2.resize(view, size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return wire.encode_image(small, "jpeg", JPEG_QUALITY), (width / size_wh[0], height / size_wh[1])


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    x1, y1, x2, y2 = box
    return x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]
