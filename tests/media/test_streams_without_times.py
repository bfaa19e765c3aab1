"""Elementary streams, which hold no times: their frames get those of the stream's rate, in the order of display."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.timestamps import MAX_HELD, FrameTimer
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


def test_frames_before_zero_in_matroska_are_put_before_the_first_time(tmp_path: Path) -> None:
    """FFmpeg gives them no time."""
    source = tmp_path / "early.mkv"
    early = "-output_ts_offset -0.1 -avoid_negative_ts disabled"
    inputs = "-f lavfi -i testsrc=s=64x48:r=25:d=1 -f lavfi -i sine=d=1"
    run_ffmpeg(f"{inputs} {early} -c:v libx264 -bf 2 -pix_fmt yuv420p -c:a aac {{path}}", path=source)
    note = "stream 0 (video, h264): 3 frames without a time, put where the rate has it"
    assert copy(source, tmp_path / "out" / "early.mkv") == [note]
    assert [time for time, _ in brightness(source)][:5] == pytest.approx([-0.1, -0.06, -0.02, 0.02, 0.06], abs=0.001)
    assert np.diff([time for time, _ in brightness(tmp_path / "out" / "early.mkv")]) == pytest.approx(0.04, abs=0.002)


@pytest.mark.parametrize(
    ("own", "given", "guessed"),
    [
        ([0, 40, 80], [0, 40, 80], 0),
        ([None, None, 20, 60], [-60, -20, 20, 60], 2),
        ([0, None, None, 120], [0, 40, 80, 120], 2),
        ([0, None, 40, 80], [0, 40, 41, 80], 1),  # the guess took the next one's time
        ([None, None, None], [0, 40, 80], 3),
        ([None] * MAX_HELD * 2 + [2000], [*range(0, 40 * MAX_HELD * 2, 40), 2000], MAX_HELD * 2),
    ],
)
def test_a_frame_without_a_time_gets_one_by_the_rate(own: list[int | None], given: list[int], guessed: int) -> None:
    timer = FrameTimer("matroska", Fraction(25), Fraction(1, 1000))
    found: list[int | None] = []

    def take(frames: list[av.VideoFrame]) -> None:
        for frame in frames:
            timer.put_after_the_last(frame)
            found.append(frame.pts)

    for pts in own:
        frame = av.VideoFrame(16, 16, "gray")
        frame.pts = pts
        take(timer.ready(frame))
    take(timer.rest())
    assert found == given and timer.guessed == guessed


def test_times_that_a_file_holds_are_its_own(tmp_path: Path) -> None:
    source = tmp_path / "late.mkv"
    run_ffmpeg("-f lavfi -i testsrc=s=64x48:r=25:d=1 -output_ts_offset 3 -c:v libx264 {path}", path=source)
    assert copy(source, tmp_path / "out" / "late.mkv") == []
    assert brightness(tmp_path / "out" / "late.mkv")[0][0] == pytest.approx(3, abs=0.001)


@pytest.mark.parametrize("suffix", [".mjpeg", ".mjpg"])
def test_jpeg_images_one_after_another_are_a_video(suffix: str, face: Image, tmp_path: Path) -> None:
    path = tmp_path / f"images{suffix}"
    path.write_bytes(b"".join(cv2.imencode(".jpg", image)[1].tobytes() for image in pan(face, (160, 120), 12)))
    with VideoReader(path) as reader:
        assert sum(isinstance(one, DecodedFrame) for one in reader) == 12
