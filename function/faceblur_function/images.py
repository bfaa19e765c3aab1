"""The image codec: encoded JPEG, PNG and WebP images to frames, and frames to JPEG and PNG.

An image is hostile until it is checked: its number of bytes and the size in its header are checked before any pixel is
decoded. Pixels are those of the image as a viewer shows it: an EXIF rotation is applied.
"""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from faceblur_function.defaults import Format
from faceblur_function.detectors.detector import Frame as Frame  # callers annotate with `images.Frame`
from faceblur_function.errors import WireError, frame_prefix

EXIF_ORIENTATION = 0x0112
END_OF_JPEG = b"\xff\xd9"
START_OF_SCAN, MAX_SCANS = b"\xff\xda", 100  # a progressive JPEG has about 10; each one takes as long as an image
# A marker that is followed by a segment, or the end. In a scan's data 0xFF stands before zeros and restarts only.
MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
FORMATS = ("JPEG", "PNG", "WEBP")
# What CVAT sends is a file of the task as it was uploaded. Within a TIFF, libtiff itself reads 100 scans at most.
CVAT_FORMATS = (*FORMATS, "BMP", "GIF", "TIFF")
# Chunks of a PNG that hold pixels, besides those with an upper-case name, which every decoder needs.
OTHER_PIXELS = frozenset({b"acTL", b"fcTL", b"fdAT", b"tRNS"})
# `check_images` checks the size from the header. Pillow's own limit would only warn before that.
Image.MAX_IMAGE_PIXELS = None
# What it says of damaged metadata, which is dropped: two lines on stderr that name no file.
warnings.filterwarnings("ignore", module=r"PIL\.")


def looks_like_image(body: object) -> bool:
    """Whether a body begins as a JPEG, PNG or WebP does: no JSON begins so."""
    return isinstance(body, bytes) and (
        body.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n")) or (body[:4] == b"RIFF" and body[8:12] == b"WEBP")
    )


def check_images(
    contents: Iterable[bytes], *, max_bytes: int, max_megapixels: float, formats: tuple[str, ...] = FORMATS
) -> list[tuple[int, int]]:
    """Check encoded images by their number of bytes in all and by their headers alone. Raises WireError.

    Returns each image's width and height as it is stored.
    """
    total = 0
    sizes = []
    for frame, content in enumerate(contents):
        total += len(content)
        if total > max_bytes:
            raise WireError("too_large", f"frame {frame}: over {max_bytes} bytes in one request", frame=frame)
        width, height = _open(content, frame, formats).size
        if width * height > max_megapixels * 1e6:
            message = f"frame {frame}: {width}x{height} is more than {max_megapixels:g} megapixels"
            raise WireError("too_large", message, frame=frame)
        sizes.append((width, height))
    return sizes


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of an encoded image as it is stored, from its header alone. Raises WireError."""
    return _open(content, None).size


def upright_size(content: bytes) -> tuple[int, int]:
    """Width and height of an encoded image as a viewer shows it, from its header alone. Raises WireError."""
    image = _open(content, None)
    width, height = image.size
    try:
        is_turned = image.getexif().get(EXIF_ORIENTATION, 1) >= 5
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        raise WireError("bad_image", "a damaged or cut image") from error
    return (height, width) if is_turned else (width, height)


def has_too_many_scans(content: bytes) -> bool:
    """Whether an image is a JPEG that would take minutes to decode: one of more than MAX_SCANS scans."""
    if not content.startswith(b"\xff\xd8") or _count_of_scans(content) <= MAX_SCANS:
        return False
    scans, marker = 0, MARKER.search(content, 2)
    # Within a segment, and behind the end, the bytes of a marker are no marker.
    while marker is not None and marker[0] != END_OF_JPEG and scans <= MAX_SCANS:
        scans += marker[0] == START_OF_SCAN
        length = int.from_bytes(content[marker.end() : marker.end() + 2], "big")
        marker = MARKER.search(content, marker.end() + length)
    return scans > MAX_SCANS


def _count_of_scans(content: bytes) -> int:
    """How often START_OF_SCAN is in it, be it a marker or not. `bytes.count` takes seven times as long."""
    data = np.frombuffer(content, np.uint8)
    return int(np.count_nonzero((data[:-1] == START_OF_SCAN[0]) & (data[1:] == START_OF_SCAN[1])))


def has_wrong_check_sum(content: bytes) -> bool:
    """Whether a PNG is damaged in a chunk that its pixels need: Pillow would read on with wrong colours."""
    at, name = 8, b""
    while content.startswith(b"\x89PNG") and at + 12 <= len(content) and name != b"IEND":
        name, stop = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if name[:1].isupper() or name in OTHER_PIXELS:
            check_sum = int.from_bytes(content[stop - 4 : stop], "big")
            if zlib.crc32(memoryview(content)[at + 4 : stop - 4]) != check_sum:
                return True
        at = stop
    return False


def _open(content: bytes, frame: int | None, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    if has_too_many_scans(content):
        message = f"{frame_prefix(frame)}a JPEG of more than {MAX_SCANS} scans"
        raise WireError("bad_image", message, frame=frame)
    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        *others, last = ("WebP" if one == "WEBP" else one for one in formats)
        why = "a damaged or cut" if looks_like_image(content) else f"not a {', '.join(others)} or {last}"
        raise WireError("bad_image", f"{frame_prefix(frame)}{why} image", frame=frame) from error


def decode_image(content: bytes, *, frame: int | None = None, formats: tuple[str, ...] = FORMATS) -> Frame:
    """Decode an image to `(H, W, 3) uint8 BGR`, upright. Raises WireError for a cut or damaged file."""
    image = _open(content, frame, formats)
    try:
        if has_wrong_check_sum(content):
            raise ValueError("a check sum is wrong")
        rotated = image.getexif().get(EXIF_ORIENTATION, 1) != 1
        if image.format == "JPEG" and image.mode == "RGB" and content.endswith(END_OF_JPEG) and not rotated:
            # OpenCV takes a third of Pillow's time, but would fill up a file that was cut.
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            if pixels is None or pixels.shape[1::-1] != image.size:
                raise ValueError("OpenCV could not decode it")
            return pixels  # type: ignore[return-value]
        if image.mode.startswith("I"):  # 16 bit: Pillow would clip instead of scale
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode == "F":
            image = Image.fromarray(_in_8_bit(np.asarray(image)))
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode != "RGB":
            image = image.convert("RGB")
        return cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR)  # type: ignore[return-value]
    except MemoryError:
        raise
    except Exception as error:
        raise WireError("bad_image", f"{frame_prefix(frame)}a damaged or cut image", frame=frame) from error


def _in_8_bit(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Floating point pixels, as some TIFFs have them, from the lowest to the highest."""
    values = np.nan_to_num(values, posinf=0, neginf=0).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    return ((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)


def encode_image(image: Frame, format: Format, quality: int) -> bytes:
    """Encode `(H, W, 3) uint8 BGR` as JPEG of a quality from 1 to 100, or as PNG. Raises ValueError."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality] if format == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    encoded, buffer = cv2.imencode(".jpg" if format == "jpeg" else ".png", image, parameters)
    if not encoded:
        raise ValueError(f"OpenCV could not encode {image.shape} as {format}")
    return buffer.tobytes()
