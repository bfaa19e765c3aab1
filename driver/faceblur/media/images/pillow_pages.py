"""Pillow's images as pages and back, and what of their metadata is dropped."""

from __future__ import annotations

import numpy as np
from PIL import Image

from faceblur.media.hidden_files import holds_file
from faceblur.media.images.page import Page, Samples
from faceblur.media.orientation import TAG, UPRIGHT, turned

# The mode that a page is made of, by the image's own: palettes and bits become colours and gray of the same values.
MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB", "P": "RGB", "CMYK": "CMYK"}
METADATA = {"exif": "EXIF", "xmp": "XMP", "comment": "comment", "photoshop": "Photoshop's"}
PROFILE, PROFILE_WITH_PICTURE = "icc_profile", "a colour profile that holds a picture"


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none."""
    orientation: int = image.getexif().get(TAG, UPRIGHT)
    return orientation


def to_page(image: Image.Image, orientation: int) -> Page:
    """An image of one of MODES as an upright page."""
    mode = MODES[image.mode]
    if mode in ("L", "RGB") and image.has_transparency_data:
        mode += "A"
    planes: Samples = np.array(image if image.mode == mode else image.convert(mode))
    planes = planes[..., None] if planes.ndim == 2 else planes
    if mode not in ("LA", "RGBA"):
        return Page(turned(planes, orientation))
    return Page(turned(planes[..., :-1], orientation), turned(planes[..., -1], orientation))


def to_pillow(page: Page) -> Image.Image:
    """A page of 8 bits as an image."""
    planes = page.colours if page.alpha is None else np.dstack([page.colours, page.alpha])
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA" if page.alpha is not None else "CMYK"}[planes.shape[2]]
    height, width = planes.shape[:2]
    return Image.frombytes(mode, (width, height), planes.tobytes())


def kept_profile(image: Image.Image) -> bytes | None:
    """The image's colour profile; None where it has none, and where a picture is hidden in it."""
    profile: bytes | None = image.info.get(PROFILE)
    return None if profile is None or holds_file(profile) else profile


def dropped_metadata(image: Image.Image) -> list[str]:
    """The line that reports metadata which an output does not keep; none where there is none."""
    names = {METADATA[name] for name in METADATA.keys() & image.info.keys()}
    names |= {"EXIF"} if image.getexif() else set()
    names |= {"text"} if getattr(image, "text", None) else set()
    if PROFILE in image.info and kept_profile(image) is None:
        names.add(PROFILE_WITH_PICTURE)
    return [f"metadata ({', '.join(sorted(names))})"] if names else []
