"""Images and videos with their labels and with what the function detected: what the figures are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceblur.evaluation.labels import Label, visible
from faceblur.media.canvas import Canvas
from faceblur.tracking.boxes import Detection


@dataclass(frozen=True, slots=True)
class Sample:
    """One image, or frame: its labels and all detections, in the same pixels."""

    labels: Sequence[Label]
    detections: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class EvaluatedFrame:
    """One frame of a video: its time, its labels as written, its detections."""

    seconds: float
    labels: Sequence[Label]
    detections: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class EvaluatedVideo:
    """One video: the size of its frames in pixels, and what is known of each.

    `canvases` are those of its streams where its frames change their form: labels and detections are in their pixels.
    """

    path: Path
    frame_wh: tuple[int, int]
    frames: list[EvaluatedFrame]
    canvases: Mapping[int, Canvas] | None = None

    def samples(self) -> list[Sample]:
        """Each frame as an image, for the scores."""
        return [Sample(visible(frame.labels, self.frame_wh), frame.detections) for frame in self.frames]
