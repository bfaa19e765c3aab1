"""Makes masks steady: their size and place change slowly, and two masks of one face become one.

What the detector misses or takes for half a face changes from frame to frame. A box only grows: each is the mean of the
hulls of the boxes around it, and each of these hulls holds it. So nothing is left out for the sake of a steady mask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box, hull

# A hull is that of the boxes of a frame and of so many before and after it; so many hulls before and after are
# averaged. In five real clips nine of ten jumps are gone, for 13 to 30 % more masked pixels beside the faces; with the
# boxes' mean alone, four of ten stay.
HULL_REACH, MEAN_REACH = 1, 3
REACH = HULL_REACH + MEAN_REACH  # of frames before and after that are looked at
# Two masks of which one is so far inside of the other are of one face, if their hull holds them once it has grown by at
# most this factor.
ONE_FACE, MAX_GROWTH = 0.7, 1.1
_NOWHERE, _SIGNS = (np.nan,) * 4, (1.0, 1.0, -1.0, -1.0)
_CIRCLE = np.exp(1j * np.linspace(0, 2 * np.pi, 64, endpoint=False))
Boxes = NDArray[np.float64]


class Motion(Protocol):
    """A motion of the camera from one frame to the next: what was at x + iy is then at `turn * (x + iy) + shift`."""

    @property
    def turn(self) -> complex: ...
    @property
    def shift(self) -> complex: ...


@dataclass(frozen=True, slots=True)
class MaskedFrame:
    """A frame's boxes by their tracks, how the camera moved since the frame before, and the number of its scene."""

    masks: Mapping[int, Box]
    camera: Motion
    scene: int


def steady(frames: Sequence[MaskedFrame], at: int) -> dict[int, Box]:
    """The steady boxes of the frame `at` an index of consecutive frames, of which REACH each before and after count."""
    frame = frames[at]
    if not frame.masks:
        return {}
    first = max(0, at - REACH)
    near = _carried(list(frame.masks), frames[first : at + REACH + 1], at - first)
    # Right and bottom are negative, so that the smallest of each is a hull; NaN stands for boxes that are not there.
    hulls = near.copy()
    for shift in range(1, HULL_REACH + 1):
        np.fmin(hulls[shift:], near[:-shift], out=hulls[shift:])
        np.fmin(hulls[:-shift], near[shift:], out=hulls[:-shift])
    own = at - first
    part = slice(max(0, own - MEAN_REACH), own + MEAN_REACH + 1)
    there = ~np.isnan(near[part])
    means = np.where(there, hulls[part], 0).sum(axis=0) / there.sum(axis=0)
    boxes = np.minimum(means, near[own]) * _SIGNS
    return {track: _box(box) for track, box in zip(frame.masks, boxes.tolist(), strict=True)}


def _carried(tracks: Sequence[int], frames: Sequence[MaskedFrame], at: int) -> Boxes:
    """The boxes of tracks in each frame of the scene, where the camera carries them in the frame `at`.

    `(frames, tracks, 4)`: left, top, -right, -bottom; NaN where a track is not.
    """
    scene = frames[at].scene
    boxes = np.array(
        [[one.masks.get(track, _NOWHERE) if one.scene == scene else _NOWHERE for track in tracks] for one in frames]
    )
    turns, shifts = (np.array(some)[:, None] for some in zip(*_motions(frames, at), strict=True))
    middle = turns * (boxes[..., 0] + boxes[..., 2] + 1j * (boxes[..., 1] + boxes[..., 3])) / 2 + shifts
    half_width, half_height = (np.abs(turns) * (boxes[..., 2 + side] - boxes[..., side]) / 2 for side in (0, 1))
    carried = np.empty_like(boxes)
    carried[..., 0], carried[..., 1] = middle.real - half_width, middle.imag - half_height
    carried[..., 2], carried[..., 3] = -(middle.real + half_width), -(middle.imag + half_height)
    carried[at] = boxes[at] * _SIGNS  # as they are, to the bit
    return carried


def _motions(frames: Sequence[MaskedFrame], at: int) -> list[tuple[complex, complex]]:
    """The camera's motion from each frame to the frame `at` an index, as its turn and its shift."""
    motions: list[tuple[complex, complex]] = [(1, 0)] * len(frames)
    for index in range(at - 1, -1, -1):  # first the motion to the next frame, then that from there on
        camera, (turn, shift) = frames[index + 1].camera, motions[index + 1]
        motions[index] = turn * camera.turn, turn * camera.shift + shift
    for index in range(at + 1, len(frames)):  # first the motion back to the frame before
        camera, (turn, shift) = frames[index].camera, motions[index - 1]
        motions[index] = turn / camera.turn, shift - turn * camera.shift / camera.turn
    return motions


def _box(values: Sequence[float]) -> Box:
    left, top, right, bottom = values
    return left, top, right, bottom


def joined(masks: Mapping[int, Box], gaps: Collection[int]) -> dict[int, Box]:
    """The masks by their tracks; one of the `gaps` that lies over another mask, or under it, is joined with it."""
    detected, missed = ([track for track in masks if (track in gaps) == is_gap] for is_gap in (False, True))
    tracks = detected + sorted(missed)
    if len(tracks) < 2 or not missed:
        return dict(masks)
    boxes = np.array([masks[track] for track in tracks], float)
    rest = boxes[len(detected) :, None]  # each is compared with all before it
    inner = np.minimum(rest[..., 2:], boxes[:, 2:]) - np.maximum(rest[..., :2], boxes[:, :2])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    over = np.maximum(inner, 0).prod(axis=2) >= ONE_FACE * np.minimum(areas, areas[len(detected) :, None])
    result = {track: masks[track] for track in tracks}
    for row, track in enumerate(tracks[len(detected) :]):
        others = (tracks[index] for index in np.flatnonzero(over[row, : len(detected) + row]).tolist())
        for other in (one for one in others if one in result):
            if (both := _holding(result[other], masks[track])) is not None:
                result[other] = both
                del result[track]
                break
    return result


def _holding(one: Box, other: Box) -> Box | None:
    """The hull of two boxes, grown until the ellipse in it holds those in both; None if it had to grow too much.

    An ellipse does not reach the corners of its box, and one of both may lie there: with no padding it would be seen.
    Where the ellipses hold each other without padding, they do with any.
    """
    left, top, right, bottom = both = hull([one, other])
    width, height, growth = max(right - left, 1e-6), max(bottom - top, 1e-6), 1.0
    for x1, y1, x2, y2 in (one, other):
        x = (x1 + x2 - left - right + (x2 - x1) * _CIRCLE.real) / width
        y = (y1 + y2 - top - bottom + (y2 - y1) * _CIRCLE.imag) / height
        growth = max(growth, float(np.hypot(x, y).max()))
    if growth > MAX_GROWTH:
        return None
    dx, dy = width * (growth - 1) / 2, height * (growth - 1) / 2
    return both if growth < 1 + 1e-6 else (left - dx, top - dy, right + dx, bottom + dy)
