"""GIF, APNG and WebP animations: every frame is read as it is shown, though files hold only what changes."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageSequence

from faceblur.media.images.gif_palette import palette_of, with_palette
from faceblur.media.images.page import ImageFile, Page
from faceblur.media.images.pillow_pages import dropped_metadata, orientation_of, to_page, to_pillow
from faceblur.media.images.png_chunks import with_source_chunks
from faceblur.media.images.webp_settings import webp_settings


def read_animation(image: Image.Image, content: bytes) -> ImageFile:
    """Read all frames. Raises whatever Pillow does on damaged bytes."""
    file_format, left_out = str(image.format), dropped_metadata(image)
    kept = {"loop", "default_image"} & image.info.keys()
    settings: dict[str, Any] = {name: image.info[name] for name in kept}
    settings |= webp_settings(image, content) if file_format == "WEBP" else {}
    pages, durations = _frames(image)
    if len(pages) > 1:
        # An APNG's default image is no part of the animation.
        settings["duration"] = [round(one) for one in durations[bool(settings.get("default_image")) :]]
    palettes = [palette_of(page.colours, page.alpha) for page in pages] if file_format == "GIF" else []
    if any(palette is None for palette in palettes):
        left_out.append("colours: some frames of this GIF have more than 256, which become the nearest 256")

    def encode(pages: list[Page]) -> bytes:
        buffer = io.BytesIO()
        if file_format == "GIF":
            first, *rest = [
                with_palette(page.colours, page.alpha, palette) for page, palette in zip(pages, palettes, strict=True)
            ]
            settings["disposal"] = 1 if pages[0].alpha is None else 2
        else:
            first, *rest = map(to_pillow, pages)
        first.save(buffer, file_format, save_all=True, append_images=rest, **settings)
        return with_source_chunks(buffer.getvalue(), content) if file_format == "PNG" else buffer.getvalue()

    return ImageFile(pages, encode, left_out, animated=True)


def _frames(image: Image.Image) -> tuple[list[Page], list[float]]:
    """All frames as pages, without alpha where none of them has any, and their durations in milliseconds."""
    orientation = orientation_of(image)
    pages, durations = list[Page](), list[float]()
    for frame in ImageSequence.Iterator(image):
        frame.load()
        durations.append(frame.info.get("duration", 0))
        page = to_page(frame.convert("RGBA"), orientation)
        page.seconds = durations[-1] / 1000
        pages.append(page)
    if all(page.alpha is not None and page.alpha.min() == 255 for page in pages):
        for page in pages:
            page.alpha = None
    return pages, durations
