"""Reads a video as a run does, without a function: what is lost of it, in frames or in words."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from faceblur.base.errors import MediaError
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader


@dataclass(frozen=True, slots=True)
class Reading:
    """Digests of each video stream's frames, in order; what is named as left out; the damage that ended the reading."""

    frames: tuple[tuple[str, ...], ...] = ()
    left_out: tuple[str, ...] = ()
    damage: str = ""

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(map(len, self.frames))

    def lacks_silently(self, whole: Reading) -> bool:
        """Whether it has fewer frames than the whole file has, and no word of it."""
        is_shorter = any(count < other for count, other in zip(self.counts, whole.counts, strict=False))
        missing = is_shorter or len(self.counts) < len(whole.counts)
        return missing and not self.damage and self.left_out == whole.left_out


def read(path: Path) -> Reading:
    frames = defaultdict(list)
    try:
        with VideoReader(path) as reader:
            for one in reader:
                if isinstance(one, DecodedFrame):
                    planes = b"".join(bytes(plane) for plane in one.pixels.planes)
                    frames[one.stream].append(hashlib.sha256(planes).hexdigest())
            return Reading(tuple(map(tuple, frames.values())), tuple(reader.left_out))
    except MediaError as error:
        return Reading(damage=str(error))
