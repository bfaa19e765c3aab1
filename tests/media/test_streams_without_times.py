"""Elementary streams, which hold no times: their frames get those of the stream's rate, in the order of display."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg") and not os.environ.get("CI"), reason="no ffmpeg")
FRAMES = 20
NTSC = Fraction(30000, 1001)


def brightness(path: Path) -> list[tuple[float, float]]:
    """When each frame is shown, in seconds, and how bright it is."""
    with VideoReader(path) as reader:
        frames = [one for one in reader if isinstance(one, DecodedFrame)]
    return [(one.seconds, float(one.upright().mean())) for one in frames]


@pytest.mark.parametrize(
    ("suffix", "encoder", "rate"),
    [
        (".h264", "libx264 -bf 3 -g 12", Fraction(25)),
        (".h264", "libx264 -bf 0", NTSC),
        (".hevc", "libx265 -x265-params bframes=3:log-level=error", Fraction(25)),
        (".m2v", "mpeg2video -bf 2", Fraction(25)),
        (".m1v", "mpeg1video -bf 2", NTSC),
        (".drc", "vc2 -strict -1", Fraction(25)),
    ],
)
def test_frames_get_the_times_of_the_rate(suffix: str, encoder: str, rate: Fraction, tmp_path: Path) -> None:
    source = tmp_path / f"raw{suffix}"
    # Each frame is brighter than the one before it.
    picture = f"color=black:s=176x144:r={rate}:d={float(FRAMES / rate)},geq=lum='30+10*N':cb=128:cr=128"
    run_ffmpeg(f"-f lavfi -i {picture} -pix_fmt yuv420p -threads 1 -c:v {encoder} {{path}}", path=source)
    with VideoReader(source) as reader:
        target = tmp_path / "out" / reader.output_name()
    notes = copy(source, target)
    assert any("no times, and get those of" in one and f"{float(rate):.6g} frames a second" in one for one in notes)
    for path in (source, target):
        times, lights = zip(*brightness(path), strict=True)
        assert times == pytest.approx([n / float(rate) for n in range(FRAMES)], abs=0.001)
        assert np.all(np.diff(lights) > 5)
    with av.open(str(target)) as container:
        assert container.streams.video[0].average_rate == pytest.approx(rate, rel=0.01)


def test_times_that_a_file_holds_are_its_own(tmp_path: Path) -> None:
    source = tmp_path / "late.mkv"
    run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=1 -output_ts_offset 3 -c:v libx264 {path}", path=source)
    assert copy(source, tmp_path / "out" / "late.mkv") == []
    assert brightness(tmp_path / "out" / "late.mkv")[0][0] == pytest.approx(3, abs=0.001)
