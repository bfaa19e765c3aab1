"""Which frames a run searches: not all where the faces around agree, and every one where they do not."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.base import memory_bounds
from faceblur.cli.app import main
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import decode_image
from tests.conftest import ServerThread, detail_left
from tests.support import clips as media
from tests.support.hostile import scripted

# Blocks that change by as little as noise does: a number in black and white would be new content in each frame.
FAINT = (126, 130)
FRAMES = 37  # at 30 frames a second every 6th and the last one end an interval: 7


def numbers(image: Image) -> np.ndarray:
    """The edge of a frame in which its number is burnt: also a faint one tells it from the other frames."""
    return image[-12:-4].astype(int)


class Recorder:
    """A function that works, and remembers the numbers of the frames of a clip that it was asked to search."""

    def __init__(self, detector: Detector, clip: Path) -> None:
        self.detector, self.asked = detector, list[int]()
        self.strips = np.array([numbers(frame) for frame in media.frames(clip)])

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        faces = []
        for text in body["frames"]:
            image = decode_image(wire.decode_base64(text))
            self.asked.append(int(np.abs(self.strips - numbers(image)).mean(axis=(1, 2, 3)).argmin()))
            (detected,) = self.detector.detect([image], threshold=0.3)
            faces.append([{"box": box, "score": 0.99} for box in detected.xyxy.tolist()])
        return {"version": 1, "model": "m", "device": "d", "faces": faces, "timings_ms": {}}


def run(clip: Path, out: Path, detector: Detector, *more: object) -> list[int]:
    """Run with default settings but `more`; the numbers of the frames that were searched, in order."""
    recorder = Recorder(detector, clip)

    with ServerThread(scripted(recorder)) as server:
        options = ("--function", server.url, "--return", "faces", *map(str, more))
        result = CliRunner().invoke(main, ["run", str(clip), "-o", str(out), *options])
    assert result.exit_code == 0, result.output
    assert len(recorder.asked) == len(set(recorder.asked)), "a frame was searched twice"
    return sorted(recorder.asked)


def exposed(clip: Path, output: Path, detector: Detector) -> list[int]:
    numbers = []
    for index, (source, now) in enumerate(zip(media.frames(clip), media.frames(output), strict=True)):
        for x1, y1, x2, y2 in detector.detect([source], threshold=0.5)[0].xyxy.astype(int):
            if detail_left(source[y1:y2, x1:x2], now[y1:y2, x1:x2]) > 0.35:
                numbers.append(index)
    return numbers


@pytest.fixture(scope="module")
def calm(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that moves slowly."""
    images = islice(pan(face, (320, 240), 400), FRAMES)
    return write_clip(tmp_path_factory.mktemp("in") / "calm.mkv", media.numbered(images, FAINT), rate=Fraction(30))


def test_a_calm_face_is_searched_at_intervals(calm: Path, detector: Detector, tmp_path: Path) -> None:
    assert run(calm, tmp_path, detector) == [*range(0, FRAMES, 6)]
    assert exposed(calm, tmp_path / calm.name, detector) == []
    assert media.times(tmp_path / calm.name) == media.times(calm)


@pytest.mark.parametrize(("every", "searched"), [(1, [*range(FRAMES)]), (2, [*range(0, 36, 2), 36])])
def test_interval_that_was_given(
    calm: Path, detector: Detector, tmp_path: Path, every: int, searched: list[int]
) -> None:
    assert run(calm, tmp_path, detector, "--detect-every", every) == searched


def test_what_is_searched_does_not_depend_on_batches(calm: Path, detector: Detector, tmp_path: Path) -> None:
    asked = [run(calm, tmp_path / str(size), detector, "--batch-size", size, "--crf", 0) for size in (1, 3, 64)]
    assert asked[0] == asked[1] == asked[2]
    outputs = [media.frames(tmp_path / str(size) / calm.name) for size in (1, 3, 64)]
    assert all((np.array(outputs[0]) == np.array(other)).all() for other in outputs[1:])


def test_without_masked_gaps_every_frame_is_searched(calm: Path, detector: Detector, tmp_path: Path) -> None:
    assert run(calm, tmp_path, detector, "--look-around", 0) == [*range(FRAMES)]


@pytest.mark.parametrize(("window", "searched"), [(11, [*range(0, 37, 3)]), (5, [*range(FRAMES)])])
def test_the_smaller_the_window_the_more_frames_are_searched(
    calm: Path, detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int, searched: list[int]
) -> None:
    monkeypatch.setattr(memory_bounds, "WINDOW_BYTES", window * 320 * 240 * 3 // 2)
    assert run(calm, tmp_path, detector) == searched


def test_a_face_that_comes_jumps_or_goes_is_searched_up_to_that_frame(
    face: Image, detector: Detector, tmp_path: Path
) -> None:
    """It is there for frames 10 to 21 only, and at frame 17 it is elsewhere: both within intervals."""
    (here,) = islice(pan(face, (320, 240), 400), 1)
    empty = np.full_like(here, 90)
    there = np.roll(here, 130, axis=1)
    images = [*[empty] * 10, *[here] * 7, *[there] * 5, *[empty] * 15]
    clip = write_clip(tmp_path / "in" / "jump.mkv", media.numbered(images, FAINT), rate=Fraction(30))
    asked = run(clip, tmp_path, detector)
    assert {9, 10, 16, 17, 21, 22} <= set(asked)
    assert len(asked) < FRAMES / 2
    assert exposed(clip, tmp_path / clip.name, detector) == []


@pytest.mark.parametrize(("seen", "is_beside"), [(1, False), (2, True), (4, False)])
def test_a_face_that_is_seen_only_between_two_searched_frames(
    face: Image, detector: Detector, tmp_path: Path, seen: int, is_beside: bool
) -> None:
    """Every 12 frames a face appears elsewhere, after a frame that is searched in any case; another one may stay."""
    head = cv2.resize(face[20:220, 130:320], (86, 90), interpolation=cv2.INTER_AREA)
    images, shown = [], []
    for index in range(FRAMES):
        image = np.full((360, 640, 3), (90, 110, 100), np.uint8)
        if is_beside:
            image[40:130, 20:106] = head
        if 1 <= index % 12 <= seen:
            x = 150 + 120 * (index // 12)
            image[200:290, x : x + 86] = head
            shown.append(index)
        images.append(image)
    clip = write_clip(tmp_path / "in" / "glimpses.mkv", media.numbered(images, FAINT), rate=Fraction(30))
    asked = run(clip, tmp_path, detector)
    assert exposed(clip, tmp_path / clip.name, detector) == []
    assert set(asked) & set(shown)
    assert len(asked) < FRAMES * 2 / 3
