"""One frame, from the source to the output: the same object in every stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceblur.base.options import Options
from faceblur.base.regions import TimedRegion
from faceblur.tracking.boxes import Box
from faceblur.tracking.thumbnails import Thumbnail
from faceblur.tracking.tracker import WindowedFrame
from faceblur_function import wire


@dataclass(slots=True, kw_only=True, eq=False)
class Frame(WindowedFrame, ABC):
    """A frame of a video, or a view of an image's page.

    `stream` is the index of its stream in the source, `number` its sequence number there, from 0. `ends_interval` says
    that it is searched in any case; `is_searched`, that the function answered for it. `packets` are those of other
    streams that come before it in the source. `in_rest` says that it is kept without a search. `views` is how many
    parts of it are searched, each by itself. `cover` and `spare` are the regions by hand that count in it. `rejected`
    are the tracks that the second detector takes for no faces: their boxes, which are not masked, and its scores.
    """

    stream: int
    number: int
    views: int = 1
    ends_interval: bool = False
    packets: list[Any] = field(default_factory=list)
    in_rest: bool = False
    cover: Sequence[TimedRegion] = ()
    spare: Sequence[TimedRegion] = ()
    rejected: dict[int, tuple[Box, float]] = field(default_factory=dict)
    thumbnail: Thumbnail = field(init=False)

    @property
    @abstractmethod
    def pixels(self) -> int:
        """How many pixels it has."""

    @property
    @abstractmethod
    def upright_wh(self) -> tuple[int, int]:
        """Width and height of what a viewer shows: its boxes are in these pixels."""

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """What it takes in memory, decoded."""

    @abstractmethod
    def encode(self) -> list[bytes]:
        """The JPEGs that are sent to the function, upright: one, or one for each part that is searched by itself."""

    @abstractmethod
    def upright(self) -> NDArray[np.uint8]:
        """What a viewer shows, `(H, W, 3) uint8 BGR`. It may be the frame's own memory."""

    @abstractmethod
    def make_thumbnail(self) -> None:
        """Set `thumbnail`, by which it is compared with its neighbours."""

    @abstractmethod
    def add_detections(self, faces: Sequence[Sequence[wire.Face]], returned: Sequence[bytes | None]) -> None:
        """Take the function's answer: faces, and redacted images where it was asked for them, as `encode` gave them."""

    @abstractmethod
    def convert(self, pix_fmts: Mapping[int, str]) -> None:
        """Change to the output's pixel format, in which it is masked; `pix_fmts` has that of each stream."""

    @abstractmethod
    def prepare(self, options: Options) -> int:
        """Verify the function's image, and mask what is not followed from frame to frame. Returns how many faces.

        Raises InvalidReply when that image cannot be used or shows a face that was not redacted.
        """

    @abstractmethod
    def mask(self, boxes: Sequence[Box], *, style: str, padding: float) -> None:
        """Mask those of some faces' boxes of the upright frame that are not spared, in place."""

    @abstractmethod
    def mask_regions(self, boxes: Sequence[Box], *, style: str) -> None:
        """Mask boxes of the upright frame as they are, complete, in place."""

    def unspared(self, boxes: Sequence[Box]) -> list[Box]:
        """The boxes of faces that are to be masked: not those that lie in a region to spare."""
        return [box for box in boxes if not self.is_spared(box)]

    def is_spared(self, box: Box) -> bool:
        """Whether all that the frame shows of a face's box lies in a region to spare."""
        if not self.spare:
            return False
        width, height = self.upright_wh
        shown = max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height)
        return any(region.encloses(shown) for region in self.spare)

    def above(self, threshold: float) -> list[Box]:
        """The boxes of its detections from a score on."""
        return [one.box for one in self.detections if one.score >= threshold]


def all_pixels(frames: Sequence[Frame]) -> int:
    """How many pixels these frames have in all."""
    return sum(frame.pixels for frame in frames)
