"""A JPEG that is written again loses next to nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.media.images.image_reader import read_image
from faceblur.media.orientation import turned


@pytest.mark.parametrize("size", [(512, 400), (511, 397)])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_jpeg_that_is_turned_loses_next_to_nothing(
    face: Image, tmp_path: Path, orientation: int, size: tuple[int, int]
) -> None:
    """Turned by 90 degrees its blocks of 8x8 pixels may end up between those of the new file."""
    truth = Pillow.fromarray(face[..., ::-1].copy()).resize(size)
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    truth.save(tmp_path / "in.jpg", quality=85, exif=exif)
    image = read_image(tmp_path / "in.jpg")
    before = image.pages[0].colours.astype(float)
    after = np.array(Pillow.open(io.BytesIO(image.encode(image.pages)))).astype(float)
    original = turned(np.array(truth), orientation).astype(float)

    def psnr(a: np.ndarray, b: np.ndarray) -> float:
        return float(20 * np.log10(255) - 10 * np.log10(((a - b) ** 2).mean()))

    assert psnr(before, after) > (42 if orientation != 1 and size[0] % 16 else 50)
    assert psnr(after, original) > psnr(before, original) - 0.8
