"""Frames that change their form are noticed, and a survey says from which frame on."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import FramesChange
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.survey import Survey
from tests.support import awkward
from tests.support import clips as media
from tests.support.changing import write_parts

X264 = "-c:v libx264 -preset ultrafast -g 12 -bf 2"
FRAMES = 24  # of each part: more than a decoder holds back on any machine


def changing(face: Image, folder: Path, name: str, *parts: str) -> Path:
    clip = write_clip(folder / "clip.mkv", pan(face, (160, 96), FRAMES), video_codec="ffv1", audio_codec=None)
    return write_parts(clip, folder / name, parts, FRAMES)


def frames(reader: VideoReader) -> list[DecodedFrame]:
    with reader:
        return [item for item in reader if isinstance(item, DecodedFrame)]


@pytest.mark.parametrize(
    ("name", "first", "second", "change"),
    [
        ("size.ts", X264, f"{X264} -vf scale=80:48", "80x48"),
        ("size.flv", X264, f"{X264} -vf scale=80:48", ""),  # its header says the last size
        ("larger.webm", "-c:v libvpx -b:v 1M -vf scale=80:48", "-c:v libvpx -b:v 1M", "160x96"),
        ("aspect.ts", f"{X264} -vf setsar=12/11", f"{X264} -vf setsar=16/11", "pixels of 16:11"),
        ("chroma.ts", X264, f"{X264} -pix_fmt yuv444p", "yuv444p"),
        ("depth.ts", X264, f"{X264} -pix_fmt yuv420p10le", "yuv420p10le"),
        ("range.ts", f"{X264} -bf 0", f"{X264} -bf 0 -vf scale=out_range=pc -color_range pc", "full range"),
        ("matrix.ts", f"{X264} -colorspace bt709", f"{X264} -colorspace smpte170m", "other colours"),
        ("size.mpg", "-c:v mpeg2video -q:v 3", "-c:v mpeg2video -q:v 3 -vf scale=320:192", "320x192"),
        ("reordered.ts", "-c:v mpeg4 -q:v 3 -bf 2", "-c:v mpeg4 -q:v 3 -bf 2 -vf scale=320:192", "320x192"),
        ("size.avi", "-c:v mjpeg -q:v 3", "-c:v mjpeg -q:v 3 -vf scale=320:192", "320x192"),
    ],
)
def test_a_change_is_noticed_and_dated(
    name: str, first: str, second: str, change: str, face: Image, tmp_path: Path
) -> None:
    clip = changing(face, tmp_path, name, first, second)
    with pytest.raises(FramesChange, match=f"its frames change at .* s: .*{change}"):
        frames(VideoReader(clip))
    with Survey(clip) as survey:
        (canvas,) = survey.choose_canvases(threading.Event()).values()
    read = frames(VideoReader(clip, canvases={0: canvas}))
    assert len(read) == 2 * FRAMES
    sizes = {(one.pixels.width, one.pixels.height, one.pixels.format.name) for one in read}
    assert sizes == {(canvas.form.width, canvas.form.height, canvas.form.pix_fmt)}
    assert canvas.note is not None
    assert f" from {read[FRAMES].seconds:.3f} s on: all frames are written as" in canvas.note


def test_aspect_changes_with_the_right_frame(face: Image, tmp_path: Path) -> None:
    """Decoders that reorder frames report it too early."""
    clip = changing(face, tmp_path, "aspect.ts", f"{X264} -vf setsar=1", f"{X264} -vf setsar=2")
    with Survey(clip) as survey:
        canvases = survey.choose_canvases(threading.Event())
    assert canvases[0].form.aspect == Fraction(2)
    read = [one.upright().astype(int) for one in frames(VideoReader(clip, canvases=canvases))]
    assert [one[:, :36].max() < 5 for one in read] == [True] * FRAMES + [False] * FRAMES
    # The bars are not drawn on the decoder's own frames, of which later ones are predicted.
    for one, plain in zip(read[:FRAMES], media.frames(clip), strict=False):
        assert np.abs(one[:, 40:120] - cv2.resize(plain, (80, 96), interpolation=cv2.INTER_AREA)).mean() < 4


def test_a_survey_can_be_stopped(face_clip: Path) -> None:
    stop = threading.Event()
    stop.set()
    with Survey(face_clip) as survey:
        assert survey.choose_canvases(stop) == {}


def test_ordinary_files_do_not_change(tmp_path: Path) -> None:
    """None of the awkward files is surveyed: that would take twice the time."""
    awkward.make_all(awkward.HEALTHY, tmp_path / "material", tmp_path)
    for kind in awkward.HEALTHY:
        assert frames(VideoReader(tmp_path / kind.name)), kind.name
