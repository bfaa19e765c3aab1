"""Pages: what is searched and masked of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.media.images.image_reader import read_image
from faceblur.media.images.page import Page
from tests.conftest import detail_left
from tests.support.images import bgr, invoke, read


def test_face_in_the_alpha_and_in_what_is_transparent(face: Image, function_url: str, tmp_path: Path) -> None:
    """A cut-out whose alpha is the image, and an image that is in the file though no viewer shows it."""
    gray = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)
    Pillow.fromarray(np.dstack([np.zeros_like(face), gray])).save(tmp_path / "stencil.png")
    Pillow.fromarray(np.dstack([face[..., ::-1], np.zeros_like(gray)])).save(tmp_path / "hidden.png")
    dark = (face[..., ::-1].astype(np.uint16) * 16) // 2  # 11 bits of 16: black on a screen
    (tmp_path / "dark16.png").write_bytes(imagecodecs.png_encode(dark))
    pale = (1 << 15) + face[..., ::-1].astype(np.uint16) * 2  # two shades of gray on a screen
    (tmp_path / "pale16.png").write_bytes(imagecodecs.png_encode(pale))
    result = invoke("image", tmp_path, "-o", tmp_path.parent / "masks-out", "--function", function_url)
    assert result.exit_code == 0 and "4 frames, 4 faces" in result.output, result.output
    out = tmp_path.parent / "masks-out"
    stencil, hidden, bright = (read(out / name)[0] for name in ("stencil.png", "hidden.png", "dark16.png"))
    face_at = (slice(80, 180), slice(180, 270))
    assert detail_left(cv2.cvtColor(gray[face_at], cv2.COLOR_GRAY2BGR), bgr(stencil[..., 3])[face_at]) < 0.25
    assert detail_left(face[face_at], bgr(hidden)[face_at]) < 0.25
    assert detail_left(face[face_at], (bright[..., 2::-1] >> 3).astype(np.uint8)[face_at]) < 0.25


@pytest.mark.parametrize(
    ("channels", "white_is_zero", "black"),
    [(1, False, [0]), (1, True, [65535]), (3, False, [0, 0, 0]), (4, False, [0, 0, 0, 65535])],
)
def test_planes_of_a_page_and_their_black(channels: int, white_is_zero: bool, black: list[int]) -> None:
    page = Page(np.ones((4, 6, channels), np.uint16), np.zeros((4, 6), np.uint16), white_is_zero)
    found = list(page.planes(0))
    assert [value for _, value in found] == black and all(plane.shape == (4, 6) for plane, _ in found)
    found[-1][0][...] = 7
    assert (page.colours[..., -1] == 7).all()
    assert [value for _, value in page.planes(1)] == [65535]
    assert list(Page(page.colours).planes(1)) == []


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_a_colour_that_is_transparent_stays_so(mode: str, face: Image, tmp_path: Path) -> None:
    Pillow.fromarray(face[..., ::-1]).convert(mode).save(
        tmp_path / "a.png", transparency=0 if mode != "RGB" else (0,) * 3
    )
    source = read_image(tmp_path / "a.png")
    (tmp_path / "again.png").write_bytes(source.encode(source.pages))
    before, after = (np.array(Pillow.open(tmp_path / name).convert("RGBA")) for name in ("a.png", "again.png"))
    assert before[..., 3].min() == 0 and np.array_equal(before, after)
