"""Frames in which the detector misses a face, in a complete run: they are masked from their neighbours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import decode_image, encode_image
from faceblur_function.mask_shapes import regions
from faceblur_function.styles import redact
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.hostile import scripted

MISSED = {3, 4, 10, 11, 12, 13, 14, 25, 26, 27, 28, 29}
FRAMES = 30


@pytest.fixture
def clip(face: Image, tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in" / "gaps.mp4", media.numbered(pan(face, (192, 144), FRAMES)))


def forgetful(detector: Detector, missed: set[int], body: dict[str, Any]) -> dict[str, Any]:
    """A function that works, but detects nothing in the frames that are burnt as one of `missed`."""
    faces, frames = [], []
    for text in body["frames"]:
        image = decode_image(wire.decode_base64(text))
        detected = detector.detect([image], threshold=0.3)[0] if media.number(image) not in missed else None
        boxes = [] if detected is None else detected.xyxy.tolist()
        faces.append([{"box": box, "score": 0.99} for box in boxes])
        redact(image, regions(boxes, body["padding"]), body["style"])
        frames.append(wire.encode_base64(encode_image(image, "jpeg", 95)))
    reply = {"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}}
    return reply | ({"frames": frames} if body["return"] == "frames" else {})


def hesitant(detector: Detector, body: dict[str, Any]) -> dict[str, Any]:
    """A function that works, but is sure of a face in the first frame only, and lists what it was asked for."""
    faces = []
    for text in body["frames"]:
        image = decode_image(wire.decode_base64(text))
        score = 0.9 if media.number(image) == 0 else 0.1
        boxes = detector.detect([image], threshold=0.3)[0].xyxy.tolist()
        faces.append([{"box": box, "score": score} for box in boxes if score >= body.get("report_threshold", 0.3)])
    return {"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}}


def run(
    clip: Path,
    out: Path,
    detector: Detector,
    *more: str,
    missed: set[int] = MISSED,
    function: Callable[[Detector, dict[str, Any]], dict[str, Any]] | None = None,
) -> str:
    answer = function or (lambda detector, body: forgetful(detector, missed, body))

    async def go() -> subprocess.CompletedProcess[str]:
        async with scripted(lambda body: answer(detector, body)) as server:
            arguments = ("run", str(clip), "-o", str(out), "--function", server.url, *more)
            command = [sys.executable, "-m", "faceblur", *arguments]
            return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)

    done = asyncio.run(go())
    assert done.returncode == 0, done.stderr
    return done.stdout


def exposed(clip: Path, out: Path, detector: Detector) -> set[int]:
    """The numbers of the frames in which a face's detail is left."""
    numbers = set()
    for source, output in zip(media.frames(clip), media.frames(out / clip.name), strict=True):
        for x1, y1, x2, y2 in detector.detect([source], threshold=0.5)[0].xyxy.astype(int):
            if detail_left(source[y1:y2, x1:x2], output[y1:y2, x1:x2]) > 0.35:
                numbers.add(media.number(source))
    return numbers


@pytest.mark.parametrize("returned", ["frames", "faces"])
@pytest.mark.parametrize("batch_size", ["1", "7"])
def test_missed_frames_are_masked(
    clip: Path, detector: Detector, tmp_path: Path, returned: str, batch_size: str
) -> None:
    run(clip, tmp_path / "out", detector, "--return", returned, "--batch-size", batch_size, "--concurrency", "1")
    assert exposed(clip, tmp_path / "out", detector) == set()
    assert media.times(tmp_path / "out" / clip.name) == media.times(clip)


def test_without_looking_around_they_would_be_exposed(clip: Path, detector: Detector, tmp_path: Path) -> None:
    run(clip, tmp_path / "out", detector, "--look-around", "0")
    assert exposed(clip, tmp_path / "out", detector) == MISSED


def test_face_that_is_detected_once_is_masked_along_the_camera_s_motion(
    clip: Path, detector: Detector, tmp_path: Path
) -> None:
    detected = 15
    run(clip, tmp_path / "out", detector, "--batch-size", "4", missed=set(range(FRAMES)) - {detected})
    clear = exposed(clip, tmp_path / "out", detector)
    assert clear and not clear & set(range(detected - 10, detected + 11))


def test_a_face_of_low_scores_stays_masked(clip: Path, detector: Detector, tmp_path: Path) -> None:
    run(clip, tmp_path / "out", detector, "--return", "faces", function=hesitant)
    assert exposed(clip, tmp_path / "out", detector) == set()


def test_result_does_not_depend_on_batches(clip: Path, detector: Detector, tmp_path: Path) -> None:
    outputs = []
    for index, more in enumerate((("--batch-size", "1", "--concurrency", "1"), ("--batch-size", "64"))):
        run(clip, tmp_path / str(index), detector, "--return", "faces", "--crf", "0", *more)
        outputs.append(media.frames(tmp_path / str(index) / clip.name))
    assert all((a == b).all() for a, b in zip(*outputs, strict=True))


def test_mask_is_not_carried_over_a_cut(face: Image, detector: Detector, tmp_path: Path) -> None:
    other = np.full((144, 192, 3), (40, 200, 60), np.uint8)
    images = [*list(pan(face, (192, 144), 12)), *[other] * 12]
    clip = write_clip(tmp_path / "in" / "cut.mkv", media.numbered(images))
    run(clip, tmp_path / "out", detector, "--crf", "0")
    source, output = media.frames(clip)[12:], media.frames(tmp_path / "out" / "cut.mkv")[12:]
    assert all((a == b).all() for a, b in zip(source, output, strict=True))
