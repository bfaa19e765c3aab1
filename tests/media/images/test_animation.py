"""Animations: a face that is missed in a frame is masked, and the default image keeps its role."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageSequence

from examples.sample_clip import Image, pan
from faceblur.base.errors import MediaError
from faceblur.media.images.image_reader import measure, read_image
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


def test_frames_that_are_missing_from_a_file_are_no_silent_loss(face: Image, tmp_path: Path) -> None:
    """A GIF that was cut, at a frame's end too, and a PNG that announces other frames than it has."""
    first, *rest = [Pillow.fromarray(one[..., ::-1].copy()) for one in list(pan(face, (64, 48), 48))[:4]]
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest)
    first.save(tmp_path / "a.png", save_all=True, append_images=rest)
    gif, png = (tmp_path / "a.gif").read_bytes(), (tmp_path / "a.png").read_bytes()
    assert len(read_image(tmp_path / "a.gif").pages) == len(read_image(tmp_path / "a.png").pages) == 4
    for content in (gif[:-1], gif[: len(gif) // 2], gif[:14]):
        (tmp_path / "cut.gif").write_bytes(content)
        with pytest.raises(MediaError, match=r"cut.gif: a damaged or cut image: it was cut: its end is missing"):
            measure(tmp_path / "cut.gif")
    at = png.index(b"acTL") + 4
    for number in (0, 1, 9):
        body = b"acTL" + struct.pack(">II", number, 0)
        lying = png[: at - 4] + body + struct.pack(">I", zlib.crc32(body)) + png[at + 12 :]
        (tmp_path / "lying.png").write_bytes(lying)
        with pytest.raises(MediaError, match=f"lying.png: .*: it announces {number} frames, and has 4"):
            measure(tmp_path / "lying.png")
    animation = ("ffmpeg", "-v", "error", "-i", tmp_path / "a.png", "-plays", "0", "-f", "apng")
    (tmp_path / "pipe.png").write_bytes(subprocess.run([*animation, "-"], capture_output=True, check=True).stdout)
    with pytest.raises(MediaError, match=r"as FFmpeg writes it to a pipe: .* by `ffmpeg -i IMAGE -plays 0 -f apng NEW"):
        measure(tmp_path / "pipe.png")
    (tmp_path / "stray.gif").write_bytes(gif[:-1] + b"\0\0" + gif[-1:])
    assert len(read_image(tmp_path / "stray.gif").pages) == 4 and not read_image(tmp_path / "stray.gif").left_out
