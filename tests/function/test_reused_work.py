"""What is done once: the memory for frames of all sizes, and the preparation for the size of closer looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from examples.sample_clip import Image
from faceblur_function.detectors.closer_look import PICTURE_WH
from faceblur_function.detectors.detector import Detector, Faces
from faceblur_function.detectors.load import load_detector
from faceblur_function.service import Service
from faceblur_function.settings import Settings


@pytest.mark.parametrize("name", ["retinaface-mobilenet0.25", "centerface"])
def test_a_thread_uses_its_memory_for_frames_of_all_sizes(name: str, face: Image) -> None:
    used, new = (load_detector(name, threads=1) for _ in range(2))
    small = np.ascontiguousarray(face[:200, 100:350])
    expected = new.detect([small], threshold=0.1)[0]
    seen = used.detect([face, small, face, small], threshold=0.1)
    for one in (seen[1], seen[3]):
        assert len(one) and np.array_equal(one.xyxy, expected.xyxy) and np.array_equal(one.scores, expected.scores)
    network = used._network  # type: ignore[attr-defined]
    assert np.shares_memory(network.buffer(96, 96), network.buffer(32, 64))


def test_the_size_of_closer_looks_is_ready_at_the_start(monkeypatch: pytest.MonkeyPatch, detector: Detector) -> None:
    shown: list[tuple[int, ...]] = []

    def detect(frames: Sequence[Image], *, threshold: float) -> list[Faces]:
        shown.extend(frame.shape for frame in frames)
        return type(detector).detect(detector, frames, threshold=threshold)

    monkeypatch.setattr(detector, "detect", detect)
    monkeypatch.setattr("faceblur_function.service.load_detector", lambda *_, **__: detector)
    Service(Settings())
    assert shown == [(PICTURE_WH[1], PICTURE_WH[0], 3)]
