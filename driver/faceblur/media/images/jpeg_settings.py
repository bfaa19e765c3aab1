"""How a JPEG is written again: with the source's own quantisation, sampling, profile and resolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import JpegImagePlugin

from faceblur.media.images.pillow_pages import kept_profile
from faceblur.media.orientation import UPRIGHT, is_sideways

GRID = 16  # pixels of JPEG's largest blocks
# Divides the quantisation of blocks that are rounded again off their grid: keeps what the first rounding left.
FINER = 3


def jpeg_settings(image: Any, orientation: int) -> dict[str, Any]:
    """Pillow's options that keep the pixels outside the masks as near to the source as JPEG can."""
    sideways = is_sideways(orientation)
    tables = [np.array(image.quantization[layer[3]]) for layer in image.layer]
    plain = len(tables) == 1 or (len(tables) == 3 and image.info.get("adobe_transform") != 0)
    if not plain:  # channels may be written in another order: the finest table for all
        tables = [np.minimum.reduce(tables)]
    if sideways:
        tables = [table.reshape(8, 8).T.ravel() for table in tables]
    if orientation != UPRIGHT and any(side % GRID for side in image.size):  # turned off its grid: all is rounded again
        tables = [np.maximum(1, table // FINER) for table in tables]
    sampling = JpegImagePlugin.get_sampling(image) if plain else 0
    settings = {
        "qtables": [table.tolist() for table in tables],
        "subsampling": sampling if sampling == 2 or (sampling == 1 and not sideways) else 0,
        "optimize": True,
        "progressive": bool(image.info.get("progressive")),
        "icc_profile": kept_profile(image),
    }
    if "dpi" in image.info:
        settings["dpi"] = image.info["dpi"][::-1] if sideways else image.info["dpi"]
    return settings
