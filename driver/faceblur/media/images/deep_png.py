"""PNG of 16 bits per channel, which Pillow would cut to 8."""

from __future__ import annotations

import imagecodecs
import numpy as np
from PIL import Image

from faceblur.media.images.page import ImageFile, Page
from faceblur.media.images.pillow_pages import dropped_metadata, orientation_of
from faceblur.media.images.png_chunks import bit_depth, with_source_chunks
from faceblur.media.orientation import turned


def is_deep_png(image: Image.Image, content: bytes) -> bool:
    """Whether a file is such a PNG."""
    return image.format == "PNG" and bit_depth(content) == 16


def read_deep_png(image: Image.Image, content: bytes) -> ImageFile:
    """Read it. Raises whatever the decoder does on damaged bytes."""
    planes = imagecodecs.png_decode(content)
    planes = planes[..., None] if planes.ndim == 2 else planes
    orientation, has_alpha = orientation_of(image), planes.shape[2] in (2, 4)
    colours = planes.shape[2] - has_alpha
    alpha = turned(planes[..., colours], orientation) if has_alpha else None

    def encode(pages: list[Page]) -> bytes:
        page = pages[0]
        redacted = page.colours if page.alpha is None else np.dstack([page.colours, page.alpha])
        written = imagecodecs.png_encode(redacted[..., 0] if redacted.shape[2] == 1 else redacted)
        return with_source_chunks(bytes(written), content)

    return ImageFile([Page(turned(planes[..., :colours], orientation), alpha)], encode, dropped_metadata(image))
