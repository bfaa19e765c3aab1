"""TIFF, the only module that uses tifffile: every page in its own depth, colours, compression and resolution."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tifffile import COMPRESSION, DATATYPE, EXTRASAMPLE, PHOTOMETRIC, SAMPLEFORMAT

from faceblur.base.errors import MediaError
from faceblur.media.hidden_files import holds_file
from faceblur.media.images.page import ImageFile, Page
from faceblur.media.images.pillow_pages import PROFILE_WITH_PICTURE
from faceblur.media.orientation import TAG, UPRIGHT, is_sideways, turned
from faceblur_function.images import MAX_SCANS, has_too_many_scans

log = logging.getLogger("tifffile")
log.propagate = False  # what it says goes into MediaError
# Kept as they are; every other compression, some of which lose something, becomes the lossless `zlib`.
KEPT = {
    COMPRESSION.NONE: None,
    COMPRESSION.LZW: "lzw",
    COMPRESSION.ADOBE_DEFLATE: "zlib",
    COMPRESSION.PACKBITS: "packbits",
}
CHANNELS = {PHOTOMETRIC.MINISWHITE: 1, PHOTOMETRIC.MINISBLACK: 1, PHOTOMETRIC.RGB: 3, PHOTOMETRIC.SEPARATED: 4}
ALPHA = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)
SEPARATE = tifffile.PLANARCONFIG.SEPARATE
# Tags that say what colours are meant, and how many numbers each has: white point, primaries, black and white.
COLOUR = {318: 2, 319: 6, 532: 6}
TRANSFER_FUNCTION = 301  # of one or three tables: for each value of a sample one of 16 bits
# Tags that hold an image's structure; all others but these are metadata.
STRUCTURE = frozenset(
    {*range(254, 260), 262, 266, 273, 274, *range(277, 280), *range(282, 285), 296, 297, 317, 320, *range(322, 326)}
    | {332, 338, 339, 347, 530, 531, 34675}
)


def measure_tiff(path: Path, content: bytes) -> int:
    """How many bytes its pages take decoded, from their headers alone. Raises MediaError."""
    with _errors_translated(path), tifffile.TiffFile(io.BytesIO(content)) as file:
        leaves: list[Any] = list(file.pages)
        return sum(2 * leaf.imagewidth * leaf.imagelength * leaf.samplesperpixel for leaf in leaves)


def read_tiff(path: Path, content: bytes) -> ImageFile:
    """Read every page. Raises MediaError for what cannot be written again as it is."""
    with _errors_translated(path):
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            leaves: list[Any] = list(file.pages)
            for leaf in leaves:
                _check(path, leaf)
            pages, settings = [_page(leaf) for leaf in leaves], [_settings(leaf) for leaf in leaves]
            dropped = {
                tag.name
                for leaf in leaves
                for tag in leaf.tags
                if tag.code not in STRUCTURE and not _is_colour(tag, leaf)
            }
            if any(leaf.iccprofile and holds_file(leaf.iccprofile) for leaf in leaves):
                dropped.add(PROFILE_WITH_PICTURE)
            big = file.is_bigtiff
        if not pages:
            raise ValueError("it has no page")

    def encode(redacted: list[Page]) -> bytes:
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer, bigtiff=big) as writer:
            for page, options in zip(redacted, settings, strict=True):
                planes = page.colours if page.alpha is None else np.dstack([page.colours, page.alpha])
                if options.get("planarconfig") == SEPARATE:
                    planes = np.moveaxis(planes, -1, 0)
                writer.write(planes[..., 0] if planes.shape[-1] == 1 else planes, **options)
        return buffer.getvalue()

    left_out = [f"metadata ({', '.join(sorted(dropped))})"] if dropped else []
    return ImageFile(pages, encode, left_out)


class _LoggedErrors(logging.Handler):
    """Collects what tifffile only logs of a damaged file, such as a next page that lies beyond its end."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


@contextmanager
def _errors_translated(path: Path) -> Iterator[None]:
    logged = _LoggedErrors()
    log.addHandler(logged)
    try:
        yield
        if logged.messages:
            raise ValueError(logged.messages[0])
    except (MediaError, MemoryError):
        raise
    except Exception as error:  # tifffile and its codecs raise whatever their parsers do on damaged files
        reason = " ".join(str(error).split())
        raise MediaError(f"{path}: a damaged or cut TIFF: {reason}") from error
    finally:
        log.removeHandler(logged)


def _check(path: Path, leaf: Any) -> None:
    photometric, bits = leaf.photometric, leaf.bitspersample
    if any(
        at + count > leaf.parent.filehandle.size
        for at, count in zip(leaf.dataoffsets, leaf.databytecounts, strict=True)
    ):
        raise ValueError("its pixels lie beyond its end")
    if leaf.compression in (COMPRESSION.JPEG, COMPRESSION.OJPEG) and any(map(has_too_many_scans, _parts(leaf))):
        raise ValueError(f"it has a JPEG of more than {MAX_SCANS} scans")
    jpeg = photometric == PHOTOMETRIC.YCBCR and leaf.compression == COMPRESSION.JPEG
    unusual = [
        f"colours of the kind {getattr(photometric, 'name', photometric)}"
        if photometric not in CHANNELS and photometric != PHOTOMETRIC.PALETTE and not jpeg
        else "",
        f"{bits} bits per sample" if bits not in (1, 8, 16) else "",
        "samples that are no integers" if leaf.sampleformat not in (SAMPLEFORMAT.UINT, SAMPLEFORMAT.VOID) else "",
        "more channels than colours and alpha" if leaf.samplesperpixel != _channels(leaf) + _has_alpha(leaf) else "",
        "several planes in depth" if leaf.imagedepth > 1 else "",
    ]
    if kinds := ", ".join(filter(None, unusual)):
        raise MediaError(f"{path}: a TIFF with {kinds} cannot be written as it is: convert it first")


def _parts(leaf: Any) -> Iterator[bytes]:
    """The encoded strips or tiles of a page."""
    file = leaf.parent.filehandle
    for at, count in zip(leaf.dataoffsets, leaf.databytecounts, strict=True):
        file.seek(at)
        yield file.read(count)


def _channels(leaf: Any) -> int:
    return 1 if leaf.photometric == PHOTOMETRIC.PALETTE else CHANNELS.get(leaf.photometric, 3)


def _has_alpha(leaf: Any) -> bool:
    return len(leaf.extrasamples) == 1 and leaf.extrasamples[0] in ALPHA


def _page(leaf: Any) -> Page:
    planes = leaf.asarray()
    if planes.ndim == 2:
        planes = planes[..., None]
    elif leaf.planarconfig == SEPARATE:
        planes = np.moveaxis(planes, 0, -1)
    if leaf.photometric == PHOTOMETRIC.PALETTE:
        palette, indices, alpha = np.moveaxis(leaf.colormap, 0, -1), planes[..., 0], planes[..., 1:]
        # Of 16 bits each: 8 bits stand in the upper ones alone, or in both.
        if not (palette & 255).any() or not (palette % 257).any():
            planes = np.dstack([(palette >> 8).astype(np.uint8)[indices], alpha])
        else:
            planes = np.dstack([palette[indices], alpha.astype(np.uint16) * 257])
    if planes.dtype == bool:
        planes = planes.astype(np.uint8) * 255
    colours = planes.shape[2] - _has_alpha(leaf)
    orientation = _orientation(leaf)
    return Page(
        turned(planes[..., :colours], orientation),
        turned(planes[..., colours], orientation) if _has_alpha(leaf) else None,
        white_is_zero=leaf.photometric == PHOTOMETRIC.MINISWHITE,
    )


def _settings(leaf: Any) -> dict[str, Any]:
    """How a page is written again, as options of tifffile's writer."""
    kept = leaf.photometric if leaf.photometric in CHANNELS else PHOTOMETRIC.RGB
    options: dict[str, Any] = {
        "photometric": kept,
        "compression": KEPT.get(leaf.compression, "zlib"),
        "metadata": None,
        "software": False,
        "subfiletype": leaf.subfiletype,
        "contiguous": False,
    }
    if options["compression"] in ("lzw", "zlib"):
        options["predictor"] = leaf.predictor == tifffile.PREDICTOR.HORIZONTAL
    if leaf.samplesperpixel > 1 and leaf.photometric in CHANNELS:
        options["planarconfig"] = leaf.planarconfig
    if _has_alpha(leaf):
        options["extrasamples"] = [leaf.extrasamples[0]]
    if leaf.iccprofile and not holds_file(leaf.iccprofile):
        options["iccprofile"] = leaf.iccprofile
    options["extratags"] = [
        (tag.code, tag.dtype, tag.count, tag.value, False) for tag in leaf.tags if _is_colour(tag, leaf)
    ]
    across, down = leaf.tags.get("XResolution"), leaf.tags.get("YResolution")
    if across is not None and down is not None:
        resolution = (across.value, down.value)
        options["resolution"] = resolution[::-1] if is_sideways(_orientation(leaf)) else resolution
        options["resolutionunit"] = leaf.resolutionunit
    return options


def _is_colour(tag: Any, leaf: Any) -> bool:
    """Whether a tag says what colours are meant, and holds no more than that."""
    if tag.code == TRANSFER_FUNCTION:
        return tag.dtype == DATATYPE.SHORT and tag.count in (1 << leaf.bitspersample, 3 << leaf.bitspersample)
    return bool(tag.dtype == DATATYPE.RATIONAL and tag.count == COLOUR.get(tag.code))


def _orientation(leaf: Any) -> int:
    tag = leaf.tags.get(TAG)
    return int(tag.value) if tag is not None else UPRIGHT
