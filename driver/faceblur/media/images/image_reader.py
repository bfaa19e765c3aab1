"""Opens image files by their content: what their pixels take in memory, and all their pages.

Each is written upright with its colour profile and resolution. All other metadata is dropped: it may identify the
location, and it may hold a small copy of the image, with its faces.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from faceblur.base.errors import MediaError
from faceblur.media.images.animation import read_animation
from faceblur.media.images.carried_parts import carried_parts
from faceblur.media.images.cut_images import check_complete
from faceblur.media.images.deep_png import is_deep_png, read_deep_png
from faceblur.media.images.page import ImageFile
from faceblur.media.images.pillow_pages import MODES
from faceblur.media.images.single_image import read_single_image
from faceblur.media.images.tiff import measure_tiff, read_tiff
from faceblur_function.images import MAX_SCANS, has_too_many_scans, looks_like_image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def measure(path: Path) -> int:
    """How many bytes a file takes decoded, from its headers alone. Raises MediaError."""
    content = _content(path)
    if content.startswith(TIFF_BEGINS):
        return measure_tiff(path, content)
    image, frames = _opened(path, content)
    width, height = image.size
    return width * height * (8 if is_deep_png(image, content) else 4) * frames


def read_image(path: Path) -> ImageFile:
    """Read a file with all its pages, by its content. Raises MediaError for what cannot be written again as it is."""
    content = _content(path)
    if content.startswith(TIFF_BEGINS):
        found = read_tiff(path, content)
        found.left_out += carried_parts("TIFF", content)
        return found
    image, frames = _opened(path, content)
    is_deep, is_animated = is_deep_png(image, content), frames > 1
    if is_deep and is_animated:
        raise MediaError(f"{path}: an animation of 16 bits cannot be written as it is: convert it first")
    if not is_deep and image.mode not in MODES:
        raise MediaError(f"{path}: pixels of the kind {image.mode} cannot be written as they are: convert it first")
    try:
        if is_animated or image.format == "GIF":
            found = read_animation(image, content)
        else:
            found = read_deep_png(image, content) if is_deep else read_single_image(image, content)
        found.left_out += carried_parts(str(image.format), content)
        return found
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        raise MediaError(f"{path}: a damaged or cut {image.format} image") from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error


def _opened(path: Path, content: bytes) -> tuple[Image.Image, int]:
    """The image, whose pixels are not decoded yet, and how many frames it has."""
    if has_too_many_scans(content):
        raise MediaError(f"{path}: a JPEG of more than {MAX_SCANS} scans, which would take minutes: convert it first")
    try:
        check_complete(content)
    except ValueError as error:
        raise MediaError(f"{path}: a damaged or cut image: {error}") from error
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        return image, 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        if looks_like_image(content) or content.startswith(b"GIF8"):
            raise MediaError(f"{path}: a damaged or cut image") from error
        raise MediaError(f"{path}: not a JPEG, PNG, WebP, GIF or TIFF image: convert it to one first") from error
