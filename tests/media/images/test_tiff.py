"""TIFF: palettes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from faceblur.media.images.image_reader import read_image


@pytest.mark.parametrize("factor", [256, 257, 255])
def test_palette_of_a_tiff_is_read_to_the_bit(factor: int, tmp_path: Path) -> None:
    """Of 16 bits a colour, where programs put 8 in the upper half, in both, or take all."""
    palette = np.random.default_rng(2).integers(0, 256, (3, 256)).astype(np.uint16) * factor
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tifffile.imwrite(tmp_path / "palette.tif", indices, photometric="palette", colormap=palette)
    image = read_image(tmp_path / "palette.tif")
    (tmp_path / "again.tif").write_bytes(image.encode(image.pages))
    again = tifffile.imread(tmp_path / "again.tif").astype(np.uint16)
    assert np.array_equal(again * (factor if factor > 255 else 1), palette[:, indices].transpose(1, 2, 0))
