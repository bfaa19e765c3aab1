"""A clip in which a face moves: it comes with a cut, and something hides it at the end. And an output of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from examples.sample_clip import Image, astronaut, write_clip
from tests.cli.calls import invoke
from tests.support.faces import BOX

SIZE_WH, SIDE = (320, 240), 60  # pixels; the face is so high
CUT, COVERED, FRAMES = 20, 70, 80  # the face is from the cut on; something is before it from COVERED on


def true_box(frame: int) -> tuple[float, float, float, float]:
    """Where the face is."""
    x, y = 60 + 3.2 * (frame - CUT), 120 + 20 * math.sin((frame - CUT) / 9)
    half = SIDE / 2 * float((BOX[2] - BOX[0]) / (BOX[3] - BOX[1]))
    return x - half, y - SIDE / 2, x + half, y + SIDE / 2


def scene(name: str) -> Image:
    photograph = np.ascontiguousarray(getattr(skimage.data, name)()[:, :, ::-1])
    return np.asarray(cv2.resize(photograph, SIZE_WH, interpolation=cv2.INTER_AREA), np.uint8)


def images() -> Iterator[Image]:
    """A rocket that stands still; after a cut a face that moves before cups, until something hides it."""
    rocket, cups = scene("rocket"), scene("coffee")
    scale = SIDE / (BOX[3] - BOX[1])
    head = cv2.GaussianBlur(astronaut(), (0, 0), 0.4 / scale)
    for frame in range(FRAMES):
        if frame < CUT:
            yield rocket
            continue
        image, (x1, y1, x2, y2) = cups.copy(), true_box(frame)
        matrix = np.array([[scale, 0, x1 - scale * BOX[0]], [0, scale, y1 - scale * BOX[1]]])
        shown = cv2.warpAffine(head, matrix, SIZE_WH)
        middle = round((x1 + x2) / 2), round((y1 + y2) / 2)
        mask = cv2.ellipse(np.zeros(SIZE_WH[::-1], np.uint8), middle, (29, 37), 0, 0, 360, 1, -1)
        image[mask > 0] = shown[mask > 0]
        if frame >= COVERED:
            image[50:190, 140:] = (40, 90, 60)
        yield image


@pytest.fixture(scope="session")
def made(function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("followed")
    source = write_clip(folder / "in" / "face.mp4", images(), audio_codec=None)
    result = invoke("run", source, "-o", folder / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    return folder
