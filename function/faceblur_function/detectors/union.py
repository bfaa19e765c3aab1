"""Two detectors that search the same frames: a face that either of them detects is a face."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from faceblur_function.detectors.anchors import merged
from faceblur_function.detectors.detector import Detector, Faces, Frame


class DetectorUnion:
    """A Detector that is made of others, which run on one device. Boxes of the same face become one, the better one."""

    suspicion = None  # each of them has its own

    def __init__(self, name: str, detectors: Sequence[Detector]) -> None:
        self.name, self.detectors = name, detectors
        self.device = detectors[0].device
        self.detect_size = min(one.detect_size for one in detectors)
        self.provider = ", ".join(dict.fromkeys(one.provider for one in detectors))
        self.weights_sha256 = hashlib.sha256("".join(one.weights_sha256 for one in detectors).encode()).hexdigest()

    def status(self) -> dict[str, str | int | float]:
        """What `GET /` reports: that of the first detector, and the names of all."""
        return self.detectors[0].status() | {"models": " + ".join(one.name for one in self.detectors)}

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Detect faces in frames `(H, W, 3) uint8 BGR`."""
        return merged_faces(frames, [one.detect(frames, threshold=threshold) for one in self.detectors])


def merged_faces(frames: Sequence[Frame], of_each: Sequence[Sequence[Faces]]) -> list[Faces]:
    """Each frame's faces by what each detector detected in all of them."""
    of_frames = zip(frames, zip(*of_each, strict=True), strict=True)
    return [merged(faces, (frame.shape[1], frame.shape[0])) for frame, faces in of_frames]
