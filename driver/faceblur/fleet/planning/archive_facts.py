"""Facts of an archive: what each file is, and what parts of some of them took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is. `frames` of `width` times `height` pixels in `seconds`; each may be 0 where it is not known.

    `fails` is why it cannot be done, `left_out` what the output will not keep, `notes` what else is unusual. `is_video`
    is False for a file that a run leaves alone.
    """

    path: str
    bytes: int
    codec: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    seconds: float = 0.0
    fails: str = ""
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_video: bool = True

    @property
    def megapixels(self) -> float:
        """Of all frames together."""
        return self.frames * self.width * self.height / 1e6


@dataclass(frozen=True, slots=True)
class SpeedSample:
    """What some seconds of one video took, each for a megapixel of its frames.

    `wall` is the time in seconds that it took alone, `driver` that of this machine's threads, `function` that for which
    the function computed. `grows` is the bytes of the output for each byte of the source, its sidecar included.
    """

    path: str
    frames: int
    wall: float
    driver: float
    function: float
    grows: float
    searched: float
    device: str
