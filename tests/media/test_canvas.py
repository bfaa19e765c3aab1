"""One form for frames of several: the largest; what is smaller is scaled, keeps its shape and gets black bars."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.video.reformatter import ColorRange

from examples.sample_clip import Image, pan
from faceblur.media.canvas import Canvas, choose_canvas
from faceblur.media.frame_form import FrameForm
from faceblur.media.frames import VideoFrame
from faceblur.media.orientation import turned_back
from faceblur.media.planes import planes

FORM = FrameForm(320, 180, None, "yuv420p", 0, 2, 2, 2, 1)


def form(width: int, height: int, **more: object) -> FrameForm:
    return FORM._replace(width=width, height=height, **more)  # type: ignore[arg-type]


def canvas(*forms: FrameForm) -> Canvas:
    return choose_canvas("stream 0", [(float(index), one) for index, one in enumerate(forms)])


def frame(image: Image, pix_fmt: str = "yuv420p") -> VideoFrame:
    pixels = VideoFrame.from_ndarray(image, "bgr24").reformat(format=pix_fmt)
    pixels.pts, pixels.time_base = 7, Fraction(1, 25)
    return pixels


def shown(pixels: VideoFrame) -> np.ndarray:
    return pixels.to_ndarray(format="bgr24").astype(int)


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        ([form(320, 180), form(640, 360)], form(640, 360)),
        ([form(640, 360), form(320, 180), form(640, 360)], form(640, 360)),
        ([form(480, 270), form(270, 480)], form(480, 270)),
        (
            [form(720, 576, aspect=Fraction(16, 15)), form(720, 576, aspect=Fraction(64, 45))],
            form(720, 576, aspect=Fraction(64, 45)),
        ),
        ([FORM, FORM._replace(pix_fmt="yuv444p")], FORM._replace(pix_fmt="yuv444p")),
        ([FORM._replace(pix_fmt="yuv420p10le"), FORM], FORM._replace(pix_fmt="yuv420p10le")),
        # Neither holds the other: one that holds both.
        (
            [FORM._replace(pix_fmt="yuv420p10le"), form(640, 360, pix_fmt="yuv444p")],
            form(640, 360, pix_fmt="yuv444p10le"),
        ),
        ([FORM._replace(pix_fmt="nv12"), FORM], FORM),
        # Of several orientations the frames are turned upright.
        ([form(320, 180), form(360, 640, orientation=6, aspect=Fraction(1, 2))], form(640, 360, aspect=Fraction(2))),
        ([form(320, 180, orientation=8), form(640, 360, orientation=8)], form(640, 360, orientation=8)),
    ],
)
def test_the_largest_form_is_chosen(forms: list[FrameForm], expected: FrameForm) -> None:
    assert canvas(*forms).form == expected


def test_the_note_names_what_changes_and_counts_the_rest() -> None:
    changes = [(0.0, form(320, 180)), (0.48, form(640, 360)), (0.96, form(640, 360, aspect=Fraction(16, 11)))]
    start = "stream 0 changes: 640x360 from 0.480 s on; pixels of 16:11 from 0.960 s on"
    end = "all frames are written as 640x360 yuv420p, scaled, with bars where their shape differs"
    assert choose_canvas("stream 0", changes).note == f"{start}: {end}"
    many = choose_canvas("stream 0", [(float(index), form(320 + index % 2, 180)) for index in range(9)])
    assert many.note is not None and "; 321x180 from 3.000 s on, and 5 changes more: all" in many.note
    depth = canvas(FORM, FORM._replace(pix_fmt="yuv420p10le"))
    assert depth.note == "stream 0 changes: yuv420p10le from 1.000 s on: all frames are written as 320x180 yuv420p10le"
    assert canvas(FORM).note is None
    # Unknown colours are no others.
    assert canvas(FORM, FORM._replace(colorspace=1, color_trc=1, color_primaries=1, color_range=1)).note is None
    other = canvas(FORM._replace(colorspace=1), FORM._replace(colorspace=6, color_range=2)).note
    assert other is not None and "full range, other colours from" in other


@pytest.mark.parametrize(
    ("small", "inner"),
    [
        (form(320, 180), (0, 0, 640, 360)),
        (form(180, 320), (216, 0, 204, 360)),
        (form(360, 360), (140, 0, 360, 360)),
        (form(640, 120), (0, 120, 640, 120)),
        (form(319, 180), (0, 0, 640, 360)),  # no sliver
        (form(180, 180, aspect=Fraction(2)), (0, 20, 640, 320)),
    ],
)
def test_a_frame_keeps_its_shape(small: FrameForm, inner: tuple[int, int, int, int], face: Image) -> None:
    image = next(pan(face, (small.width, small.height), 1))
    pixels, orientation = canvas(small, form(640, 360)).take(frame(image), small, 0.0)
    assert (pixels.width, pixels.height, pixels.pts, pixels.time_base, orientation) == (640, 360, 7, Fraction(1, 25), 1)
    left, top, width, height = inner
    result = shown(pixels)
    expected = shown(frame(image).reformat(width=width, height=height))
    assert np.abs(result[top : top + height, left : left + width] - expected).mean() < 3
    result[top : top + height, left : left + width] = 0
    assert result.max() <= 2


def test_a_frame_of_the_canvas_stays_as_it_is(face: Image) -> None:
    pixels = frame(face)
    own = form(512, 512)
    assert canvas(FORM, own).take(pixels, own, 0.0)[0] is pixels


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuva420p", "gbrp", "gray"])
@pytest.mark.parametrize("orientation", [2, 6, 7])
def test_frames_are_turned_upright_where_the_orientation_changes(pix_fmt: str, orientation: int, face: Image) -> None:
    upright = next(pan(face, (128, 96), 1))
    stored = turned_back(upright, orientation)
    own = form(stored.shape[1], stored.shape[0], pix_fmt=pix_fmt, orientation=orientation)
    fitted, now = canvas(form(128, 96, pix_fmt=pix_fmt), own).take(frame(stored, pix_fmt), own, 0.0)
    expected = frame(upright, pix_fmt)
    assert now == 1 and fitted.format.name == pix_fmt
    assert np.abs(shown(fitted) - shown(expected)).mean() < 3
    if pix_fmt == "yuva420p":
        assert list(planes(fitted, with_alpha=True))[3].array.min() == 255


def test_range_and_matrix_are_converted(face: Image) -> None:
    image = next(pan(face, (320, 180), 1))
    full = FORM._replace(color_range=2, colorspace=1)
    pixels = VideoFrame.from_ndarray(image, "bgr24").reformat(
        format="yuv420p", dst_colorspace=1, dst_color_range=ColorRange.JPEG
    )
    pixels.pts, pixels.time_base = 0, Fraction(1, 25)
    fitted, _ = canvas(form(640, 360, color_range=1, colorspace=6), full).take(pixels, full, 0.0)
    assert (fitted.color_range, fitted.colorspace) == (1, 6)
    expected = frame(image).reformat(width=640, height=360).to_ndarray()
    assert np.abs(fitted.to_ndarray().astype(int) - expected).mean() < 1.5
