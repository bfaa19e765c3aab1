"""JPEG, PNG, WebP and GIF files, still and animated, read into pages and written again in their own format.

Each is written upright with its colour profile and resolution. All other metadata goes: it may tell the place, and it
may hold a small copy of the picture, with its faces.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence, JpegImagePlugin

from faceblur.base.errors import MediaError
from faceblur.media.images.page import Page, Still, turned
from faceblur.media.images.tiff import measure_tiff, read_tiff
from faceblur_function.masks import Plane

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
TIFF_BEGINS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 0x0112
# What of a PNG says how its colours and pixels are meant: https://www.w3.org/TR/png-3/#5ChunkOrdering
PNG_DEPTH_AT = 24  # in IHDR, the first chunk
PNG_BEGIN = 33  # its signature and IHDR
PNG_KEPT = (b"cHRM", b"cICP", b"gAMA", b"iCCP", b"mDCV", b"cLLI", b"sRGB", b"pHYs")
GRID, FINER = 16, 3  # pixels of JPEG's largest blocks; 3 keeps what the first rounding left
WEBP_QUALITY = 95  # of lossy ones: their own cannot be told
# Modes by the one that pages are made of; palettes and bits become colours and gray of the same values.
MODES = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB", "P": "RGB", "CMYK": "CMYK"}
METADATA = {"exif": "EXIF", "xmp": "XMP", "comment": "comment", "photoshop": "Photoshop's"}


def measure(path: Path) -> int:
    """How many bytes a file takes decoded, from its headers alone. Raises MediaError."""
    content = _content(path)
    if content.startswith(TIFF_BEGINS):
        return measure_tiff(path, content)
    image, frames = _opened(path, content)
    width, height = image.size
    return width * height * (8 if _is_deep(image, content) else 4) * frames


def read_still(path: Path) -> Still:
    """Read a file with all its pages, by its content. Raises MediaError for what cannot be written again as it is."""
    content = _content(path)
    if content.startswith(TIFF_BEGINS):
        return read_tiff(path, content)
    image, frames = _opened(path, content)
    deep, moving = _is_deep(image, content), frames > 1
    if deep and moving:
        raise MediaError(f"{path}: an animation of 16 bits cannot be written as it is: convert it first")
    if not deep and image.mode not in MODES:
        raise MediaError(f"{path}: pixels of the kind {image.mode} cannot be written as they are: convert it first")
    try:
        if moving or image.format == "GIF":
            return _animation(image, content)
        return _deep_png(image, content) if deep else _single(image, content)
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        raise MediaError(f"{path}: a damaged or cut {image.format} image") from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read: {error.strerror}") from error


def _opened(path: Path, content: bytes) -> tuple[Image.Image, int]:
    """The image, whose pixels are not decoded yet, and how many frames it has."""
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        return image, 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        raise MediaError(f"{path}: not a JPEG, PNG, WebP, GIF or TIFF image: convert it to one first") from error


def _is_deep(image: Image.Image, content: bytes) -> bool:
    return image.format == "PNG" and content[PNG_DEPTH_AT] == 16


def _single(image: Image.Image, content: bytes) -> Still:
    orientation, file_format = image.getexif().get(ORIENTATION, 1), "JPEG" if image.format == "MPO" else image.format
    left_out = _left_out(image)
    if image.format == "MPO":
        left_out.append(f"{image.n_frames - 1} further picture(s) of the MPO")  # type: ignore[attr-defined]
    page = _page(image, orientation)
    if file_format == "JPEG":
        options = _jpeg_options(image, orientation)
    elif file_format == "WEBP":
        options = _webp_options(image, content)

    def encode(pages: list[Page]) -> bytes:
        buffer = io.BytesIO()
        if file_format == "PNG":
            _image(pages[0]).save(buffer, "PNG")
            return _with_chunks(buffer.getvalue(), content)
        _image(pages[0]).save(buffer, file_format, **options)
        return buffer.getvalue()

    return Still([page], encode, left_out)


def _deep_png(image: Image.Image, content: bytes) -> Still:
    """16 bits a channel, which Pillow would cut to 8."""
    planes = imagecodecs.png_decode(content)
    planes = planes[..., None] if planes.ndim == 2 else planes
    orientation, has_alpha = image.getexif().get(ORIENTATION, 1), planes.shape[2] in (2, 4)
    colours = planes.shape[2] - has_alpha
    alpha = turned(planes[..., colours], orientation) if has_alpha else None

    def encode(pages: list[Page]) -> bytes:
        page = pages[0]
        again = page.colours if page.alpha is None else np.dstack([page.colours, page.alpha])
        written = imagecodecs.png_encode(again[..., 0] if again.shape[2] == 1 else again)
        return _with_chunks(bytes(written), content)

    return Still([Page(turned(planes[..., :colours], orientation), alpha)], encode, _left_out(image))


def _animation(image: Image.Image, content: bytes) -> Still:
    """Every frame as it is shown, whole: files hold no more than what changes."""
    file_format, left_out = str(image.format), _left_out(image)
    orientation, kept = image.getexif().get(ORIENTATION, 1), {"loop", "default_image"} & image.info.keys()
    options: dict[str, Any] = {name: image.info[name] for name in kept}
    options |= _webp_options(image, content) if file_format == "WEBP" else {}
    pages, durations = list[Page](), list[float]()
    for frame in ImageSequence.Iterator(image):
        frame.load()
        durations.append(frame.info.get("duration", 0))
        page = _page(frame.convert("RGBA"), orientation)
        page.seconds = durations[-1] / 1000
        pages.append(page)
    # An APNG's default image is no part of the animation.
    shown = [round(one) for one in durations[bool(options.get("default_image")) :]]
    if len(pages) > 1:
        options["duration"] = shown
    if all(page.alpha is not None and page.alpha.min() == 255 for page in pages):
        for page in pages:
            page.alpha = None
    palettes = [_colours_of(page) for page in pages] if file_format == "GIF" else []
    if any(palette is None for palette in palettes):
        left_out.append("colours: some frames of this GIF have more than 256, which become the nearest 256")

    def encode(pages: list[Page]) -> bytes:
        buffer = io.BytesIO()
        if file_format == "GIF":
            first, *rest = map(_in_palette, pages, palettes)
            options["disposal"] = 1 if pages[0].alpha is None else 2
        else:
            first, *rest = map(_image, pages)
        first.save(buffer, file_format, save_all=True, append_images=rest, **options)
        return _with_chunks(buffer.getvalue(), content) if file_format == "PNG" else buffer.getvalue()

    return Still(pages, encode, left_out, animated=True)


def _page(image: Image.Image, orientation: int) -> Page:
    mode = MODES[image.mode]
    if mode == "RGB" and image.has_transparency_data:
        mode = "RGBA"
    planes: Plane = np.array(image if image.mode == mode else image.convert(mode))
    planes = planes[..., None] if planes.ndim == 2 else planes
    if mode not in ("LA", "RGBA"):
        return Page(turned(planes, orientation))
    return Page(turned(planes[..., :-1], orientation), turned(planes[..., -1], orientation))


def _image(page: Page) -> Image.Image:
    planes = page.colours if page.alpha is None else np.dstack([page.colours, page.alpha])
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA" if page.alpha is not None else "CMYK"}[planes.shape[2]]
    height, width = planes.shape[:2]
    return Image.frombytes(mode, (width, height), planes.tobytes())


def _jpeg_options(image: Any, orientation: int) -> dict[str, Any]:
    """The source's own quantisation, so that what is not covered stays what it was as nearly as JPEG can."""
    lies = orientation >= 5
    tables = [np.array(image.quantization[layer[3]]) for layer in image.layer]
    plain = len(tables) == 1 or (len(tables) == 3 and image.info.get("adobe_transform") != 0)
    if not plain:  # channels may change their places: the finest table for all
        tables = [np.minimum.reduce(tables)]
    if lies:
        tables = [table.reshape(8, 8).T.ravel() for table in tables]
    if orientation != 1 and any(side % GRID for side in image.size):  # turned off its grid: all is rounded anew
        tables = [np.maximum(1, table // FINER) for table in tables]
    sampling = JpegImagePlugin.get_sampling(image) if plain else 0
    options = {
        "qtables": [table.tolist() for table in tables],
        "subsampling": sampling if sampling == 2 or (sampling == 1 and not lies) else 0,
        "optimize": True,
        "progressive": bool(image.info.get("progressive")),
        "icc_profile": image.info.get("icc_profile"),
    }
    if "dpi" in image.info:
        options["dpi"] = image.info["dpi"][::-1] if lies else image.info["dpi"]
    return options


def _webp_options(image: Image.Image, content: bytes) -> dict[str, Any]:
    lossless = b"VP8L" in (name for name, _ in _riff_chunks(content))
    profile = {"icc_profile": image.info.get("icc_profile")}
    return profile | ({"lossless": True, "exact": True} if lossless else {"quality": WEBP_QUALITY})


def _riff_chunks(content: bytes, start: int = 12) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP file, those of its frames too: https://developers.google.com/speed/webp/docs/riff_container"""
    while start + 8 <= len(content):
        name, size = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        body = content[start + 8 : start + 8 + size]
        yield name, body
        if name == b"ANMF":
            yield from _riff_chunks(body, 16)
        start += 8 + size + size % 2


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 8
    while start + 12 <= len(content):
        (size,) = struct.unpack(">I", content[start : start + 4])
        yield content[start + 4 : start + 8], content[start : start + 12 + size]
        start += 12 + size


def _with_chunks(written: bytes, source: bytes) -> bytes:
    """A PNG with what its source says about colours and resolution."""
    kept = b"".join(chunk for name, chunk in _png_chunks(source) if name in PNG_KEPT)
    return written[:PNG_BEGIN] + kept + written[PNG_BEGIN:]


def _colours_of(page: Page) -> NDArray[np.uint32] | None:
    """The sorted colours of a frame's visible pixels, or None where they do not fit into a palette of GIF."""
    packed = _packed(page.colours)
    visible = packed if page.alpha is None else packed[page.alpha > 0]
    found = np.unique(visible)
    return found if len(found) <= (256 if page.alpha is None else 255) else None


def _packed(colours: Plane) -> NDArray[np.uint32]:
    packed: NDArray[np.uint32] = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return packed


def _in_palette(page: Page, palette: NDArray[np.uint32] | None) -> Image.Image:
    """A frame in its source's own colours: those that the cover brings become the nearest of them."""
    if palette is None or not len(palette):
        whole = _image(Page(page.colours)).quantize(255, dither=Image.Dither.NONE)
        colours, indices = bytes(whole.getpalette() or b""), np.array(whole)
    else:
        packed = _packed(page.colours)
        indices = np.minimum(np.searchsorted(palette, packed), len(palette) - 1).astype(np.uint8)
        table = np.stack([palette >> 16, palette >> 8 & 255, palette & 255], axis=1).astype(np.uint8)
        changed = palette[indices] != packed
        new, where = np.unique(packed[changed], return_inverse=True)
        wanted = np.stack([new >> 16, new >> 8 & 255, new & 255], axis=1).astype(np.int32)
        nearest = [int(((table.astype(np.int32) - one) ** 2).sum(axis=1).argmin()) for one in wanted]
        indices[changed] = np.array(nearest, np.uint8)[where]
        colours = table.tobytes()
    result = Image.frombytes("P", page.size_wh, indices.tobytes())
    if page.alpha is not None:
        clear = len(colours) // 3
        indices = np.where(page.alpha == 0, clear, indices).astype(np.uint8)
        result = Image.frombytes("P", page.size_wh, indices.tobytes())
        result.info["transparency"], colours = clear, colours + bytes(3)
    result.putpalette(colours)
    return result


def _left_out(image: Image.Image) -> list[str]:
    found = {METADATA[name] for name in METADATA.keys() & image.info.keys()}
    found |= {"EXIF"} if image.getexif() else set()
    found |= {"text"} if getattr(image, "text", None) else set()
    return [f"metadata ({', '.join(sorted(found))})"] if found else []
