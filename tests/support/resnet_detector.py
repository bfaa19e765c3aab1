"""The GPU model with seeded weights, and the comparison of its faces with expected ones."""

from __future__ import annotations

from functools import cache

import numpy as np

from faceblur_function.detectors.detector import Faces
from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch
from tests.support.resnet import random_weights


@cache
def ours(seed: int = 1, detect_size: int = 1920, precision: str | None = None, device: str = "cpu") -> RetinaFaceTorch:
    return RetinaFaceTorch(
        weights=str(random_weights(seed)), device=device, detect_size=detect_size, threads=1, precision=precision
    )


def assert_same(found: Faces, expected: Faces, *, pixels: float = 0.5, score: float = 1e-3) -> None:
    """Each expected face is detected once. Equal scores may change their order, so faces are paired by position."""
    assert len(found) == len(expected)
    if not len(expected):
        return
    apart = np.abs(found.xyxy[:, None] - expected.xyxy[None]).max(axis=2)
    # Boxes that are clamped to the border can coincide: the score separates them.
    apart += np.abs(found.scores[:, None] - expected.scores[None])
    pairs = apart.argmin(axis=1)
    assert sorted(pairs) == list(range(len(expected)))
    assert np.abs(found.xyxy - expected.xyxy[pairs]).max() <= pixels
    assert np.abs(found.scores - expected.scores[pairs]).max() <= score
    assert np.abs(found.landmarks - expected.landmarks[pairs]).max() <= pixels
