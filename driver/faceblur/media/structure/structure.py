"""What the structure of a file says: its fault, or its video tracks."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

Content = mmap.mmap | bytes


class Fault(Exception):
    """What is wrong with a file, as `cut short: …` or `damaged: …`."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track: `frames` is how many it has that are not empty; with `has_edits` not all of them are shown."""

    frames: int
    has_edits: bool = False


Videos = list[VideoTrack] | None  # the video tracks in the file's order; None where the container does not tell


@dataclass(frozen=True, slots=True)
class Structure:
    """`fault` is what is wrong, as `cut short: …` or `damaged: …`, None: nothing. `videos` are the video tracks."""

    fault: str | None = None
    videos: Videos = None


def check_end(stop: int, size: int) -> None:
    """Raise Fault for a file of `size` bytes that should end at `stop`, or later."""
    if stop > size:
        raise Fault(f"cut short: {stop - size} bytes are missing at its end")


def is_padding(content: Content, at: int) -> bool:
    """Whether a file holds nothing but zeros, or nothing but 0xFF, from a byte on."""
    first, step = content[at : at + 1], 1 << 20
    return first in (b"", b"\0", b"\xff") and all(
        not content[one : one + step].strip(first) for one in range(at, len(content), step)
    )
