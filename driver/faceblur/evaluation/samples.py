"""Images and videos with their labels and with what the function detected: what the figures are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceblur.evaluation.labels import Label, visible
from faceblur.tracking.boxes import Detection
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.thumbnails import Thumbnail


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or frame: its labels and all detections, in the same pixels."""

    labels: Sequence[Label]
    detections: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class EvaluatedFrame:
    """One frame of a video: its time, its labels as written, its detections.

    `cut` says that a new scene begins with it, `camera` how the camera moved since the frame before.
    """

    seconds: float
    cut: bool
    camera: CameraMotion
    labels: Sequence[Label]
    detections: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class EvaluatedVideo:
    """One video; `frame_bytes` is the size of a decoded frame, which bounds the driver's look-ahead.

    `thumbnails` reads those of its frames again: they are too large to be kept. Without them no lost face is followed.
    """

    path: Path
    frame_wh: tuple[int, int]
    frame_bytes: int
    frames: list[EvaluatedFrame]
    thumbnails: Callable[[], Iterator[Thumbnail]] | None = None

    def samples(self) -> list[Sample]:
        """Each frame as an image, for the scores."""
        return [Sample(visible(frame.labels, self.frame_wh), frame.detections) for frame in self.frames]
