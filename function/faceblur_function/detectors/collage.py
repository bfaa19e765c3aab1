"""Areas of a frame in one picture, each enlarged in a tile of its own: one run of the network shows all of them.

A run takes 1.6 ms and 1.8 ms more for each 100,000 pixels, and the first of each size 15 ms more: so there are few
pictures, of few sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from faceblur_function.detectors.detector import Faces, Floats, Frame

# A picture has so many tiles in a row.
COLUMNS = 4
# A face counts whose middle is in this share of the tile: others have a tile of their own.
MIDDLE = 0.6


class Area(NamedTuple):
    """What may be a face: its middle x, y and its side, in pixels of the frame. It is shown after quarter `turns`."""

    x: float
    y: float
    side: float
    turns: int = 0


class Enlargement(NamedTuple):
    """How an area is shown: with what is around it, `around` times as large, in `tile` pixels."""

    around: float
    tile: int
    mirrored: bool


class Tile(NamedTuple):
    """Where in a picture an area is shown: the corner."""

    x: int
    y: int
    area: Area
    look: Enlargement


@dataclass(frozen=True, slots=True)
class Collage:
    """A picture `(H, W, 3) uint8 BGR` of tiles."""

    picture: Frame
    tiles: Sequence[Tile]

    def in_tiles(self, seen: Faces, *, turned: bool) -> Faces:
        """Of its faces those in the middle of an upright or a `turned` tile, in the frame's pixels."""
        tiles = [tile for tile in self.tiles if bool(tile.area.turns) == turned]
        points = np.concatenate([seen.xyxy.reshape(-1, 2, 2), seen.landmarks], axis=1)
        shown = np.array([(*area, *look) for _, _, area, look in tiles], np.float32).reshape(-1, 7)
        area_xy, side, turns, around, tile, mirrored = np.split(shown, [2, 3, 4, 5, 6], axis=1)
        middles = np.array([(x, y) for x, y, _, _ in tiles], np.float32).reshape(-1, 2) + tile / 2
        away = np.abs(points[:, None, :2].mean(axis=2) - middles[None]).max(axis=2)
        kept, own = np.nonzero(away <= MIDDLE / 2 * tile[:, 0])
        points = points[kept] - middles[own, None]
        points[:, :, 0] *= 1 - 2 * mirrored[own]
        points = turned_back(points, turns[own, None]) * (side * around / tile)[own, None] + area_xy[own, None]
        return Faces(points[:, :2].reshape(-1, 4), seen.scores[kept], points[:, 2:])


def collage(frame: Frame, tiles: Sequence[Tile], size_wh: tuple[int, int]) -> Collage:
    """The picture of a frame's tiles. What no tile covers is black."""
    picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for tile in tiles:
        side = tile.look.tile
        _show(frame, tile, picture[tile.y : tile.y + side, tile.x : tile.x + side])
    return Collage(picture, tiles)


def rows_of_tiles(areas: Sequence[Area], look: Enlargement) -> list[Tile]:
    """Tiles from the left to the right, mirrored ones from the right to the left, and from the top on."""
    tiles = []
    for number, area in enumerate(areas):
        row, column = divmod(number, COLUMNS)
        tiles.append(Tile((COLUMNS - 1 - column if look.mirrored else column) * look.tile, row * look.tile, area, look))
    return tiles


def _show(frame: Frame, tile: Tile, pixels: Frame) -> None:
    """Draw a tile. Beyond the frame's border is its mirror image, which completes a face that is seen to a half."""
    area, look = tile.area, tile.look
    turned = np.array([[0, area.turns], [-area.turns, 0]] if area.turns else [[1, 0], [0, 1]], float)
    matrix = turned * look.tile / (look.around * area.side)
    if look.mirrored:
        matrix[0] *= -1
    # Of the middles of pixels, the first of which is at 0 for OpenCV.
    shift = look.tile / 2 - 0.5 - matrix @ (np.array([area.x, area.y]) - 0.5)
    matrix, size_wh = np.column_stack([matrix, shift]), (look.tile, look.tile)
    cv2.warpAffine(frame, matrix, size_wh, dst=pixels, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def turned_back(points: Floats, turns: Floats | int) -> Floats:
    """Points `(N, P, 2)` around the middle of a picture that was shown in so many quarter turns, -1 to 1: of all, or
    `(N, 1, 1)`. The first two are corners of a box, which get their order back.
    """
    turned = np.where(turns == 0, points, np.stack([-points[..., 1], points[..., 0]], axis=2) * turns)
    turned[:, :2] = np.sort(turned[:, :2], axis=1)
    return np.asarray(turned)
