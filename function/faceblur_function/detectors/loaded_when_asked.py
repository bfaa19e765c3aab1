"""A detector whose network is loaded for its first frames: where it is never asked, it costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from faceblur_function.detectors.detector import Detector, Faces, Frame
from faceblur_function.weights import load_weights


class LoadedWhenAsked:
    """A Detector that stands for the one of that `name`, with its published weights, which `load` gives.

    The weights are fetched and verified at once. Raises DetectorError where that fails; `detect` and `status` raise it
    where the network cannot be loaded, and try again the next time.
    """

    suspicion = None
    provider = "loaded when asked"

    def __init__(self, name: str, load: Callable[[], Detector], *, device: str) -> None:
        _, self.weights_sha256 = load_weights(name)
        self.name, self.device, self._load = name, device, load
        self._loaded: Detector | None = None
        self._lock = threading.Lock()

    @property
    def detect_size(self) -> int:
        """That of the network, which is loaded for it."""
        return self._network().detect_size

    def status(self) -> dict[str, str | int | float]:
        """What the network reports."""
        return self._network().status()

    def detect(self, frames: Sequence[Frame], *, threshold: float) -> list[Faces]:
        """Detect faces in frames `(H, W, 3) uint8 BGR`."""
        return self._network().detect(frames, threshold=threshold) if frames else []

    def _network(self) -> Detector:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded
