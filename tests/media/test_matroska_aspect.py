"""The pixels' aspect in Matroska and WebM."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media import integrity
from tests.support.copies import copy
from tests.support.probe import probe


@pytest.mark.parametrize(
    ("name", "codec", "aspect", "title"),
    [
        ("wide.mkv", "ffv1", Fraction(16, 11), ""),
        ("wide.webm", "libvpx-vp9", Fraction(4, 3), "a title"),
        ("square.mkv", "libvpx", Fraction(1), ""),
    ],
)
def test_pixel_aspect_that_only_the_container_holds(
    face: Image, tmp_path: Path, name: str, codec: str, aspect: Fraction, title: str
) -> None:
    width, height = 320, 240
    plain = write_clip(tmp_path / name, pan(face, (width, height), 4), video_codec=codec, audio_codec=None)
    options = ["-aspect", str(aspect * width / height).replace("/", ":"), "-metadata:s:v", f"title={title}"]
    clip, target = tmp_path / "in" / name, tmp_path / "out" / name
    clip.parent.mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", plain, "-c", "copy", *options, clip], check=True)
    assert copy(clip, target) == []
    before, after = (probe(path).streams["video"][0] for path in (clip, target))
    assert before.facts == after.facts and before.times == after.times
    assert after.facts["title"] == (title or None)
    assert integrity.find_fault(target, "matroska") is None
