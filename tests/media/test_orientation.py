"""Frames and images are turned and mirrored as a viewer shows them, and boxes with them."""

from __future__ import annotations

import math
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.frames import DecodedFrame
from faceblur.media.orientation import is_exact, of_matrix, stored_box, turned, turned_back
from faceblur.media.pyav import display_matrix
from faceblur.media.reader import VideoReader
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy
from tests.support.orientations import STORED_BY, matrix_of, write_stored

ALL = pytest.mark.parametrize("orientation", range(1, 9))
ONE = 1 << 16


def rotated(degrees: float) -> tuple[int, ...]:
    """The matrix of a picture that is shown turned clockwise."""
    sine, cosine = (round(value(math.radians(degrees)) * ONE) for value in (math.sin, math.cos))
    return (cosine, sine, 0, -sine, cosine, 0, 0, 0, 1 << 30)


@ALL
def test_every_orientation_is_what_a_viewer_shows(orientation: int) -> None:
    stored = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    image = Pillow.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = turned(stored, orientation)
    assert np.array_equal(upright, np.array(ImageOps.exif_transpose(image)))
    assert np.array_equal(turned_back(upright, orientation), stored)


@ALL
def test_box_of_the_upright_frame_in_the_stored_one(orientation: int) -> None:
    stored = np.zeros((48, 64), np.uint8)
    stored[10:20, 5:30] = 1
    upright = turned(stored, orientation)
    rows, columns = np.nonzero(upright)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert stored_box(box, orientation, (upright.shape[1], upright.shape[0])) == (5, 10, 30, 20)


@ALL
def test_matrix_of_a_video_is_applied_as_ffmpeg_does_and_kept(orientation: int, face: Image, tmp_path: Path) -> None:
    upright = write_clip(tmp_path / "upright.mp4", pan(face, (192, 128), 2))
    stored = tmp_path / f"stored{orientation}.mp4"
    matrix = write_stored(upright, stored, orientation, (192, 128))
    run_ffmpeg("-i {stored} -frames:v 1 {shown}", stored=stored, shown=tmp_path / "shown.png")
    shown = np.array(Pillow.open(tmp_path / "shown.png"))[..., ::-1].astype(int)
    with VideoReader(stored) as reader:
        frame = next(item for item in reader if isinstance(item, DecodedFrame))
    assert frame.orientation == orientation and frame.upright_wh == (192, 128)
    assert frame.upright().shape == shown.shape and np.abs(frame.upright() - shown).mean() < 2
    small = frame.thumbnail(96)
    assert small.shape == (64, 96, 3) and np.abs(small - shown[::2, ::2]).mean() < 12
    assert not [line for line in copy(stored, tmp_path / "copy.mp4") if "matrix" in line]
    with av.open(str(tmp_path / "copy.mp4")) as container:
        kept = display_matrix(next(container.decode(video=0)))
    assert kept == (None if orientation == 1 else matrix)


@pytest.mark.parametrize(
    ("matrix", "orientation", "exact"),
    [
        *((matrix_of(one, (64, 48)), one, True) for one in STORED_BY),
        (rotated(0.3), 1, True),
        (rotated(30), 1, False),
        (rotated(60), 6, False),
        (rotated(-100), 8, False),
        ((-2 * ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), 2, True),  # twice as wide
        ((ONE, 0, 0, ONE // 2, ONE, 0, 0, 0, 1 << 30), 1, False),  # sheared
        ((0, 0, 0, 0, 0, 0, 0, 0, 0), 1, False),
        ((-(1 << 31),) * 9, 3, False),
    ],
)
def test_any_matrix_has_a_nearest_orientation(matrix: tuple[int, ...], orientation: int, exact: bool) -> None:
    assert (of_matrix(matrix), is_exact(matrix)) == (orientation, exact)


@pytest.mark.parametrize("orientation", [2, 6, 7])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_cover_art_is_upright_as_its_exif_says(orientation: int, suffix: str, face: Image, tmp_path: Path) -> None:
    image, exif = Pillow.fromarray(turned_back(face[:400], orientation)[..., ::-1]), Pillow.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"cover.{suffix}", exif=exif, quality=95)
    write_clip(tmp_path / "plain.mp4", pan(face, (64, 48), 2))
    paths = {"clip": tmp_path / "plain.mp4", "cover": tmp_path / f"cover.{suffix}", "both": tmp_path / "both.mp4"}
    run_ffmpeg("-i {clip} -i {cover} -map 0 -map 1 -c copy -disposition:v:1 attached_pic {both}", **paths)
    copy(tmp_path / "both.mp4", tmp_path / "copy.mp4")
    for path in (tmp_path / "both.mp4", tmp_path / "copy.mp4"):
        with VideoReader(path) as reader:
            (frame,) = reader.cover_art_frames()
        assert frame.orientation == 1 and np.abs(frame.upright().astype(int) - face[:400]).mean() < 4
    assert b"Exif" not in (tmp_path / "copy.mp4").read_bytes()
