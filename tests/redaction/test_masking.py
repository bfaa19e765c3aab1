"""Masks are drawn where the boxes of the upright frame are, on every plane, and nowhere else."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.frames import DecodedFrame
from faceblur.media.images.page import Page
from faceblur.media.planes import planes
from faceblur.media.reader import VideoReader
from faceblur.redaction.masking import mask_frame, mask_page

BOX = (100.0, 60.0, 180.0, 160.0)


def frame_of(image: Image, pix_fmt: str) -> DecodedFrame:
    pixels = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format=pix_fmt)
    pixels.pts, pixels.time_base = 0, Fraction(1, 25)
    return DecodedFrame(0, 0, pixels)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuva444p", "gbrp", "gbrap", "gray"])
def test_every_plane_is_masked_inside_the_region_only(face: Image, pix_fmt: str) -> None:
    frame = frame_of(face, pix_fmt)
    before = [view.array.copy() for view in planes(frame.pixels, with_alpha=True)]
    if pix_fmt in ("yuva444p", "gbrap"):
        *_, alpha = planes(frame.pixels, with_alpha=True)
        alpha.array[:], before[-1][:] = 7, 7
    mask_frame(frame, [BOX], style="solid", padding=0.0)
    for was, view in zip(before, planes(frame.pixels, with_alpha=True), strict=True):
        x1, y1, x2, y2 = (int(value / step) for value, step in zip(BOX, (view.step_x, view.step_y) * 2, strict=True))
        assert view.array[(y1 + y2) // 2, (x1 + x2) // 2] == view.black
        changed = was != view.array
        changed[y1 : y2 + 1, x1 : x2 + 1] = False
        assert not changed.any()


def test_page_is_masked_view_by_view() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (200, 1))
    page = Page(np.dstack([ramp] * 3), ramp.copy())
    mask_page(page, 0, [BOX], style="solid", padding=0.0)
    mask_page(page, 1, [(0.0, 0.0, 40.0, 40.0)], style="solid", padding=0.0)
    assert (page.colours[110, 140] == 0).all() and (page.colours[20, 20] == 20).all()
    assert page.alpha is not None and page.alpha[20, 20] == 255 and page.alpha[110, 140] == 140


def test_a_mask_stays_out_of_the_frames_that_are_decoded_by_it(face: Image, tmp_path: Path) -> None:
    """The decoder still refers to a frame that it has given."""
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (320, 240), 60), audio_codec=None)
    decoded: list[list[Image]] = []
    for masks in (False, True):
        with VideoReader(clip) as reader:
            decoded.append([])
            for frame in islice((one for one in reader if isinstance(one, DecodedFrame)), 60):
                decoded[-1].append(next(planes(frame.pixels)).array.copy())
                if masks:
                    mask_frame(frame, [BOX], style="solid", padding=0.0)
    assert all(np.array_equal(one, other) for one, other in zip(*decoded, strict=True))
