"""The defaults and limits of a request, for the function and its callers alike: no package is loaded for them."""

from __future__ import annotations

from typing import Literal

Style = Literal["blur", "pixelate", "solid"]

MAX_FRAMES = 64  # in one request
THRESHOLD = 0.3  # the score from which a face is redacted
STYLE: Style = "blur"
PADDING = 0.25  # by how much a box grows on each side, as a share of its size
JPEG_QUALITY = 95
