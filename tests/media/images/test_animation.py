"""Animations: a face that is missed in a frame is masked, and the default image keeps its role."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageSequence

from examples.sample_clip import Image, pan
from faceblur.media.images.image_reader import read_image
from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support.images import bgr, invoke, read


def test_face_that_is_missed_in_a_frame_is_covered(
    face: Image, function_url: str, detector: Detector, tmp_path: Path
) -> None:
    frames = [np.ascontiguousarray(one) for one in pan(face, (320, 240), 48)][:6]
    x1, y1, x2, y2 = detector.detect([frames[3]], threshold=0.5)[0].xyxy[0].astype(int)
    frames[3][y1 + (y2 - y1) // 3 : y2, x1:x2] = 90  # a hand before the mouth: not detected, but tracked
    assert len(detector.detect([frames[3]], threshold=0.3)[0]) == 0
    first, *rest = [Pillow.fromarray(frame[..., ::-1].copy()) for frame in frames]
    first.save(tmp_path / "hand.webp", save_all=True, append_images=rest, duration=40, lossless=True)
    result = invoke("image", tmp_path / "hand.webp", "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "6 frames, 6 faces" in result.output, result.output
    after = read(tmp_path / "out" / "hand.webp")[3]
    assert detail_left(frames[3][y1:y2, x1:x2], bgr(after)[y1:y2, x1:x2]) < 0.25


def test_default_image_of_an_animation_keeps_its_part(face: Image, tmp_path: Path) -> None:
    """It is shown by programs that know no animated PNG, and is redacted as the frames are."""
    first, *rest = [Pillow.fromarray(one[..., ::-1].copy()) for one in list(pan(face, (64, 48), 48))[:4]]
    path = tmp_path / "default.png"
    first.save(path, save_all=True, append_images=rest, default_image=True, duration=[40, 80, 120], loop=0)
    source = read_image(path)
    (tmp_path / "again.png").write_bytes(source.encode(source.pages))
    durations = []
    with Pillow.open(tmp_path / "again.png") as image:
        assert image.info["default_image"]
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info.get("duration"))
    assert durations == [None, 40, 80, 120] and len(source.pages) == 4
