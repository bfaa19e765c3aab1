"""What the tests of the detectors share: ResNet-50 weights as seeded random numbers, and photographs."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from benchmarks.random_weights import write_random_weights
from faceblur_function.detectors.detector import Frame


@cache
def random_weights(seed: int = 1) -> Path:
    """A file of seeded weights, which detect boxes all over a frame; it is removed when the tests are done."""
    folder = Path(tempfile.mkdtemp(prefix="faceblur-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_random_weights(folder / f"random-{seed}.pth", seed)


@cache
def photograph(name: str) -> Frame:
    """One of scikit-image's photographs as `(H, W, 3) uint8 BGR`."""
    rgb = getattr(data, name)()[..., :3]
    frame: Frame = np.ascontiguousarray(rgb[..., ::-1])
    frame.flags.writeable = False
    return frame


def crowd(square: int, rows: int, columns: int) -> Frame:
    """The same face `rows * columns` times, in squares with sides of `square` pixels."""
    face = photograph("astronaut")[0:224, 112:336]
    small = cv2.resize(face, (square, square), interpolation=cv2.INTER_AREA)
    return np.tile(small, (rows, columns, 1))
