"""What the tests of the evaluation share: labelled images, and a labelled video."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from examples.sample_clip import Image, write_clip
from faceblur.tracking.boxes import Box
from tests.evaluation.labelled import FRAMES, Labelled, blank, paste
from tests.support import clips as media


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory, face: Image) -> Labelled:
    """Images, and labels of which the detector detects 3 of 5, besides a false one and one to be ignored."""
    folder = tmp_path_factory.mktemp("labelled") / "images"
    (folder / "0--Parade").mkdir(parents=True)
    first, second = blank(), blank()
    nothing = (500.0, 20.0, 560.0, 90.0)
    a, b = paste(face, first, 80, 20, 20), paste(face, first, 40, 300, 200)
    c, ignored = paste(face, second, 100, 30, 150), paste(face, second, 60, 300, 20)
    labels = {
        "0--Parade/a b.png": [(a, False), (nothing, False), (b, False)],
        "0--Parade/empty.png": [],
        "second.png": [(c, False), (ignored, True), ((600.0, 350.0, 606.0, 358.0), False)],
    }
    paste(face, second, 70, 450, 200)  # a face that nobody labelled counts as false
    for name, image in zip(labels, (first, blank(), second), strict=True):
        cv2.imwrite(str(folder / name), image)
    return folder, labels


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, face: Image) -> tuple[Path, list[Box]]:
    """A clip of a face, 60 pixels high, that moves to the right; its number is burnt in below. And its boxes."""
    images, boxes = [], []
    for index in range(FRAMES):
        image = blank(320, 240)
        boxes.append(paste(face, image, 60, 20 + 6 * index, 30))
        images.append(image)
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", media.numbered(images)), boxes
