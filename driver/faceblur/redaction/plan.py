"""What the videos of a run have in common, and what becomes of each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from faceblur.base.options import Options
from faceblur.redaction.sidecar import SettingsUsed
from faceblur_function import wire

# A batch ends early at this many bytes of decoded frames: 10 frames of 1080p, 2 of 4K.
BATCH_BYTES = 32 << 20
# The look-ahead window holds at most this many bytes of decoded frames (86 of 1080p), whatever --look-around says.
WINDOW_BYTES = 256 << 20
# Faces from this score on, below the threshold, continue a track; small ones that add up to the threshold start one.
LOW_THRESHOLD = 0.05


def window_frames(frame_bytes: int) -> int:
    """How many frames of this size the look-ahead window holds at most."""
    return max(1, WINDOW_BYTES // frame_bytes)


class Listener(Protocol):
    """Told how a video comes along, from the event loop's thread."""

    def advanced(self, source: Path, frames: int, faces: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What every video of a run has in common.

    `return_frames` False asks for boxes only; `look_around` is how long a face stays covered before and after it is
    found, in seconds; `sidecar` has `<name>.faces.jsonl` written beside each output; `detect_every` is how many frames
    lie at most from one search to the next (None: what `faceblur.redaction.search` takes for safe).
    """

    options: wire.Options
    encoding: Options
    return_frames: bool = True
    batch_size: int = 16
    look_around: float = 0.4
    sidecar: bool = True
    tolerate_damage: bool = False
    detect_every: int | None = None

    @property
    def asked(self) -> wire.Options:
        """What the function is asked for: with weak faces too, where they can continue tracks."""
        weak = {"report_threshold": LOW_THRESHOLD} if self.look_around else {}
        return self.options.model_copy(update=weak)

    def settings(self) -> SettingsUsed:
        """What the sidecar tells of them."""
        return SettingsUsed(
            threshold=self.options.threshold,
            low_threshold=min(self.options.threshold, LOW_THRESHOLD),
            padding=self.options.padding,
            style=self.options.style,
            look_around=self.look_around,
            encoder=self.encoding.encoder,
            crf=self.encoding.crf,
            preset=self.encoding.preset,
        )


@dataclass(slots=True)
class Result:
    """What became of one video.

    `faces` counts what was covered, frame by frame; `filled` of them were not found in their very frame, but told of by
    the frames around; `searched` frames went to the function; `stage_seconds` is where the time went, summed over
    threads and requests.
    """

    source: Path
    target: Path
    frames: int = 0
    searched: int = 0
    faces: int = 0
    filled: int = 0
    seconds: float = 0.0
    model: str = ""
    device: str = ""
    left_out: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    stage_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def notes(self) -> str:
        """What was left out or could not be read, in one line."""
        left_out = [f"left out: {one}" for one in self.left_out]
        return "; ".join([*left_out, *(f"damage: {one}" for one in self.damage)])
