"""JPEG, WebP and PNG of 8 bits with one frame, read into a page and written again in their own format."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from faceblur.media.images.jpeg_settings import jpeg_settings
from faceblur.media.images.page import ImageFile, Page
from faceblur.media.images.pillow_pages import dropped_metadata, orientation_of, to_page, to_pillow
from faceblur.media.images.png_chunks import with_source_chunks
from faceblur.media.images.webp_settings import webp_settings


def read_single_image(image: Image.Image, content: bytes) -> ImageFile:
    """Read an image; of an MPO, the first one. Raises whatever Pillow does on damaged bytes."""
    orientation, file_format = orientation_of(image), "JPEG" if image.format == "MPO" else image.format
    left_out = dropped_metadata(image)
    if image.format == "MPO":
        left_out.append(f"{image.n_frames - 1} further image(s) of the MPO")  # type: ignore[attr-defined]
    page = to_page(image, orientation)
    settings: dict[str, Any] = {}
    if file_format == "JPEG":
        settings = jpeg_settings(image, orientation)
    elif file_format == "WEBP":
        settings = webp_settings(image, content)

    def encode(pages: list[Page]) -> bytes:
        buffer = io.BytesIO()
        to_pillow(pages[0]).save(buffer, file_format, **settings)
        return with_source_chunks(buffer.getvalue(), content) if file_format == "PNG" else buffer.getvalue()

    return ImageFile([page], encode, left_out)
