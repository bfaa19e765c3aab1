"""Frames without pixels, for the stages that only group and order them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceblur.base.options import Options
from faceblur.redaction.frame import Frame
from faceblur.tracking.boxes import Box
from faceblur_function import wire


@dataclass(slots=True, kw_only=True, eq=False)
class PlainFrame(Frame):
    """A frame of a size in bytes; nothing can be searched or masked in it."""

    size: int = 1000

    @property
    def pixels(self) -> int:
        return self.size

    @property
    def upright_wh(self) -> tuple[int, int]:
        return self.size, 1

    @property
    def size_bytes(self) -> int:
        return self.size

    def encode(self) -> list[bytes]:
        raise NotImplementedError

    def upright(self) -> NDArray[np.uint8]:
        raise NotImplementedError

    def make_thumbnail(self) -> None:
        raise NotImplementedError

    def add_detections(self, faces: Sequence[Sequence[wire.Face]], returned: Sequence[bytes | None]) -> None:
        raise NotImplementedError

    def convert(self, pix_fmts: Mapping[int, str]) -> None:
        raise NotImplementedError

    def prepare(self, options: Options) -> int:
        raise NotImplementedError

    def mask(self, boxes: Sequence[Box], *, style: str, padding: float) -> None:
        raise NotImplementedError

    def mask_regions(self, boxes: Sequence[Box], *, style: str) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class PlainPacket:
    """A packet of another stream."""

    name: str
    size: int = 10


def plain_frames(count: int, *, stream: int = 0, size: int = 1000, fps: int = 30) -> list[PlainFrame]:
    return [PlainFrame(stream=stream, number=index, seconds=index / fps, size=size) for index in range(count)]
