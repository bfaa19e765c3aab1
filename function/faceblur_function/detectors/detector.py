"""What every face detector shares: its interface, its result and its error.

Frames are `(H, W, 3) uint8 BGR`; boxes are float pixels `xyxy` of the frame as it was passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]


class DetectorError(Exception):
    """A detector cannot be loaded: its name, weights, device or a package is not usable. One line, says what to do."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one frame, best score first: boxes (N, 4) xyxy, scores (N,), landmarks (N, 5, 2) as x, y."""

    xyxy: Floats
    scores: Floats
    landmarks: Floats

    def __len__(self) -> int:
        return len(self.scores)


NO_FACES = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


class Detector(Protocol):
    """A loaded face detector. `provider` names the library and backend that run it, `device` where it runs."""

    name: str
    device: str
    provider: str
    weights_sha256: str

    @property
    def detect_size(self) -> int:
        """The long side in pixels above which `detect` scales a frame down."""
        ...

    @property
    def suspicion(self) -> float | None:
        """The score from which a small area deserves a closer look (see `closer_look`); None where none does."""
        ...

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Detect the faces that score at least `threshold` in each frame. Frames of one call may differ in size."""
        ...

    def status(self) -> dict[str, str | int | float]:
        """The precision, the batch size in use and, on a GPU, its name and memory: for people, in `GET /`."""
        ...
