"""Still images through the function: redacted regions are taken over, everything else stays the source's pixels.

Written upright in their own format with their colour profile. All other metadata is dropped: it may tell the place.
"""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from driver.client import FunctionClient
from driver.discover import check_places, walk
from driver.errors import DriverError, InvalidReply, UsageError, VideoError
from driver.files import write_whole
from driver.pipeline import Result
from driver.run import Outcome, failed
from function import wire
from function.redact import regions, transfer, was_redacted

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
FORMATS = ("JPEG", "PNG", "WEBP")
# Modes that survive as they are, by the one that redaction works in.
WORKING_MODES = {"RGB": "RGB", "L": "RGB", "RGBA": "RGBA", "LA": "RGBA", "P": "RGBA", "1": "RGB"}
SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"quality": 95},
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One still image to redact."""

    source: Path
    target: Path


def find_images(
    inputs: Sequence[Path], outdir: Path, stop: threading.Event | None = None
) -> tuple[list[Picture], list[tuple[Path, str]], list[Path]]:
    """The images of the inputs, what cannot be read and why, and the other files; a named file is taken for an image.

    `stop` ends the search. Raises UsageError.
    """
    check_places(inputs, outdir)
    pictures, others = list[Picture](), list[Path]()
    places: dict[str, Path] = {}
    broken: list[tuple[Path, str]] = []
    for path, place, named in walk(inputs, SUFFIXES, broken, stop):
        if not named and path.suffix.lower() not in SUFFIXES:
            others.append(path)
            continue
        target = outdir / place
        if other := places.get(str(target).casefold()):
            raise UsageError(f"{path} and {other} would both be written to {target}: run them into two output folders")
        if target.exists() and target.resolve() == path.resolve():
            raise UsageError(f"{path} would be written over itself: choose another output folder")
        places[str(target).casefold()] = path
        pictures.append(Picture(path, target))
    return pictures, broken, others


async def redact_images(
    pictures: Iterable[Picture],
    outcomes: dict[Path, Outcome],
    client: FunctionClient,
    options: wire.Options,
) -> None:
    """Redact pictures, as many at a time as the client sends requests; `outcomes` tells what became of each."""
    slots = asyncio.Semaphore(client.pressure.limit)

    async def one(picture: Picture) -> None:
        async with slots:
            try:
                result = await _redact(picture, client, options)
                outcomes[picture.source] = Outcome(picture.source, "done", "", result)
            except DriverError as error:
                outcomes[picture.source] = failed(picture.source, str(error))
            except Exception as error:
                reason = f"a defect of faceblur: {type(error).__name__}: {error}"
                outcomes[picture.source] = failed(picture.source, reason)

    async with asyncio.TaskGroup() as group:
        for picture in pictures:
            group.create_task(one(picture))


async def _redact(picture: Picture, client: FunctionClient, options: wire.Options) -> Result:
    start = time.perf_counter()
    image, profile, file_format = await asyncio.to_thread(_load, picture.source)
    pixels = np.array(image.convert("RGB"))[..., ::-1].copy()
    sent = await asyncio.to_thread(wire.encode_image, pixels, "png", 100)
    answer = await client.send([sent], options, return_frames=True)
    assert answer.frames is not None
    faces = [face for face in answer.faces[0] if face.score >= options.threshold]
    redacted = wire.decode_image(answer.frames[0])
    covered = regions((face.box for face in faces), options.padding)
    if not was_redacted(pixels, redacted, covered, options.style):
        raise InvalidReply("a face came back from the function without being redacted")
    for region in covered:
        rows, columns = region.window(image.width, image.height)
        transfer(redacted[rows, columns], pixels, region, rows, columns)
    content = await asyncio.to_thread(_encode, pixels, image, profile, file_format)
    try:
        await asyncio.to_thread(write_whole, picture.target, content)
    except OSError as error:
        raise VideoError(f"{picture.target}: cannot be written: {error.strerror}") from error
    seconds = time.perf_counter() - start
    return Result(
        *(picture.source, picture.target),
        frames=1,
        faces=len(faces),
        seconds=seconds,
        model=answer.model,
        device=answer.device,
    )


def _load(path: Path) -> tuple[Image.Image, bytes | None, str]:
    """The upright image as RGB or RGBA, its ICC profile and its format. Raises VideoError."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if getattr(image, "is_animated", False):
                raise VideoError(f"{path}: an animation; convert it to a video first")
            if image.mode not in WORKING_MODES:
                raise VideoError(f"{path}: pixels of the kind {image.mode} cannot be written as they are; convert it")
            profile, file_format = image.info.get("icc_profile"), "JPEG" if image.format == "MPO" else image.format
            upright = ImageOps.exif_transpose(image)
            mode = WORKING_MODES[image.mode]
            if image.mode == "P" and "transparency" not in image.info:
                mode = "RGB"
            return upright.convert(mode), profile, str(file_format)
    except (OSError, SyntaxError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a JPEG, PNG or WebP image"
        raise VideoError(f"{path}: {reason}") from error


def _encode(pixels: wire.Frame, image: Image.Image, profile: bytes | None, file_format: str) -> bytes:
    result = Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    buffer = io.BytesIO()
    result.save(buffer, file_format, icc_profile=profile, **SAVE_OPTIONS[file_format])
    return buffer.getvalue()
