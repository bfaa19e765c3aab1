"""A page of an image as a frame: searched as a viewer shows it, masked on its own planes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.base.options import Options
from faceblur.media.images.page import Page
from faceblur.redaction.frame import Frame
from faceblur.redaction.masking import cover_page, mask_page
from faceblur.redaction.tiles import LARGE, ImageTile, merged, tiles
from faceblur.tracking.boxes import Box, Detection
from faceblur.tracking.thumbnails import Thumbnail, copy_side, thumbnail
from faceblur_function import images, wire
from faceblur_function.defaults import JPEG_QUALITY

# The thumbnail of a page that is no frame of an animation: to make one would copy the page once more.
NOT_COMPARED: Thumbnail = thumbnail(np.zeros((1, 1, 3), np.uint8), 1.0)


@dataclass(slots=True, kw_only=True, eq=False)
class PageFrame(Frame):
    """`page` has one view that is searched, or two where its alpha channel holds an image of its own.

    `is_animated` says that it is a frame of an animation: only those are compared with their neighbours. Faces of the
    second view, `alpha_detections`, are not followed from frame to frame. A view is searched in `tiles`. `scales` are
    by how much boxes of each tile of each view grow in width and height on their way back.
    """

    page: Page
    is_animated: bool
    scales: list[tuple[float, float]] = field(default_factory=list)
    alpha_detections: list[Detection] = field(default_factory=list)
    tiles: list[ImageTile] = field(init=False)

    def __post_init__(self) -> None:
        self.tiles = tiles(self.page.size_wh)
        self.views = len(self.tiles)

    @property
    def pixels(self) -> int:
        width, height = self.page.size_wh
        return width * height

    @property
    def upright_wh(self) -> tuple[int, int]:
        return self.page.size_wh

    @property
    def size_bytes(self) -> int:
        return self.page.colours.nbytes

    def encode(self) -> list[bytes]:
        encoded = [_encode(view[tile]) for view in self.page.views() for tile in self.tiles]
        self.scales = [scale for _, scale in encoded]
        return [content for content, _ in encoded]

    def upright(self) -> NDArray[np.uint8]:
        return self.page.views()[0]

    def make_thumbnail(self) -> None:
        if not self.is_animated:
            self.thumbnail = NOT_COMPARED
            return
        width, height = self.page.size_wh
        share = min(1.0, copy_side(width, height) / max(width, height))
        small_wh = max(1, round(width * share)), max(1, round(height * share))
        small = cv2.resize(self.page.views()[0], small_wh, interpolation=cv2.INTER_AREA)
        self.thumbnail = thumbnail(np.asarray(small, np.uint8), width / small_wh[0])

    def add_detections(self, faces: Sequence[Sequence[wire.Face]], returned: Sequence[bytes | None]) -> None:
        count = len(self.tiles)
        of_views = self.tiles * (len(self.scales) // count)
        found = [
            [Detection(_placed(face.box, scale, tile), face.score) for face in its_faces]
            for its_faces, scale, tile in zip(faces, self.scales, of_views, strict=True)
        ]
        self.detections, self.alpha_detections = merged(found[:count]), merged(found[count:])
        self.is_searched = True

    def convert(self, pix_fmts: Mapping[int, str]) -> None:
        """A page is masked as it is."""

    def prepare(self, options: Options) -> int:
        alpha = self.unspared([one.box for one in self.alpha_detections if one.score >= options.threshold])
        mask_page(self.page, 1, alpha, style=options.style, padding=options.padding)
        return len(alpha)

    def mask(self, boxes: Sequence[Box], *, style: str, padding: float) -> None:
        mask_page(self.page, 0, self.unspared(boxes), style=style, padding=padding)

    def mask_regions(self, boxes: Sequence[Box], *, style: str) -> None:
        cover_page(self.page, boxes, style=style)


def _encode(view: NDArray[np.uint8]) -> tuple[bytes, tuple[float, float]]:
    """A tile as it is sent, its long side at most LARGE; and by how much its boxes grow on their way back."""
    height, width = view.shape[:2]
    share = LARGE / max(width, height)
    if share >= 1:
        return images.encode_image(view, "jpeg", JPEG_QUALITY), (1.0, 1.0)
    size_wh = max(1, math.floor(width * share)), max(1, math.floor(height * share))
    small: NDArray[np.uint8] = cv2.resize(view, size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return images.encode_image(small, "jpeg", JPEG_QUALITY), (width / size_wh[0], height / size_wh[1])


def _placed(box: Box, scale: tuple[float, float], tile: ImageTile) -> Box:
    """A box of what was sent of a tile, in pixels of the page."""
    (x1, y1, x2, y2), (rows, columns) = box, tile
    left, top = columns.start, rows.start
    return left + x1 * scale[0], top + y1 * scale[1], left + x2 * scale[0], top + y2 * scale[1]
