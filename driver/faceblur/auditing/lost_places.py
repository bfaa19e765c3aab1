"""Where a masked face ended or began a moment ago: the detector may have lost one that is still there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from faceblur.auditing.masked_share import is_masked
from faceblur.tracking.boxes import Box, centre
from faceblur.tracking.camera_motion import CameraMotion
from faceblur_function.mask_shapes import Region

# For how long such a place is looked at, in seconds, and at most every how many frames.
SECONDS, EVERY = 0.3, 3


class PlacedFrame(Protocol):
    """A frame of the source, as `AuditedFrame`."""

    seconds: float
    image: Any
    masked: list[Region]
    cut: bool
    camera: CameraMotion

    @property
    def boxes(self) -> dict[int, Box]: ...


FrameT = TypeVar("FrameT", bound=PlacedFrame)


def lost_places(before: FrameT | None, frames: Sequence[FrameT]) -> Iterator[tuple[FrameT, Box]]:
    """Frames, and boxes to look at in them: of tracks that ended before or begin later. `before` comes before all."""
    yield from _places([*([] if before is None else [before]), *frames], backwards=False)
    yield from _places(frames, backwards=True)


def _places(frames: Sequence[FrameT], backwards: bool) -> Iterator[tuple[FrameT, Box]]:
    open_places: dict[int, tuple[float, int, Box]] = {}
    before: FrameT | None = None
    for frame in reversed(frames) if backwards else frames:
        boundary = before if backwards else frame
        if before is None or boundary is None or boundary.cut:
            open_places.clear()
        else:
            here = frame.boxes
            carry = before.camera.carry_back if backwards else frame.camera.carry
            open_places = {
                track: (since, age + 1, carry(box))
                for track, (since, age, box) in open_places.items()
                if track not in here and abs(frame.seconds - since) <= SECONDS
            }
            for track, box in before.boxes.items():
                if track not in here:
                    open_places[track] = before.seconds, 0, carry(box)
            height, width = frame.image.shape[:2]
            for _, age, box in open_places.values():
                inside = 0 <= centre(box).real < width and 0 <= centre(box).imag < height
                if age % EVERY == 0 and inside and not is_masked(box, frame.masked):
                    yield frame, box
        before = frame
