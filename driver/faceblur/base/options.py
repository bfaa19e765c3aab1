"""How files are redacted and written: one frozen object for the API, the command line and the sidecar.

Every default of an option is here, or in `faceblur_function.defaults` where the function shares it. The encoders'
quality is in `media/encoder_tables.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from faceblur.base.errors import UsageError
from faceblur.base.regions import parse_regions
from faceblur.base.time_span import TimeSpan
from faceblur_function import defaults
from faceblur_function.defaults import Style

Returned = Literal["frames", "faces"]

STYLES: tuple[Style, ...] = ("blur", "pixelate", "solid")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
REQUEST_SECONDS, BATCH_SECONDS = 120.0, 300.0  # for one request, and for all attempts of one batch
MIN_SECONDS, MAX_SECONDS = 0.001, 360_000.0  # of a video: 100 hours
MAX_DETECT_EVERY = 30  # frames from one searched frame to the next
# What a number may be: the command line and `Options` refuse the same values.
RANGES: dict[str, tuple[float, float]] = {
    "threshold": (0, 1),
    "padding": (0, 2),
    "look_around": (0, 5),
    "detect_every": (1, MAX_DETECT_EVERY),
    "batch_size": (1, defaults.MAX_FRAMES),
    "crf": (0, 63),
    "start": (0, MAX_SECONDS),
    "end": (MIN_SECONDS, MAX_SECONDS),
}
INTEGERS = frozenset({"detect_every", "batch_size", "crf"})
OPTIONAL = frozenset({"detect_every", "crf", "returned", "start", "end"})  # of those with a range or choices
REGIONS = ("cover", "spare")
CHOICES: dict[str, tuple[str, ...]] = {"style": STYLES, "preset": PRESETS, "returned": ("frames", "faces")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a file is redacted and written. Raises UsageError for a value outside of its range.

    Detection: `threshold` is the score, 0 to 1, from which a face is masked. `detect_every` is the number of frames
    from one searched frame to the next where nothing changes, None for the automatic interval. `look_around` is for how
    many seconds a face stays masked before its first and after its last detection. `batch_size` is the number of frames
    in one request. `returned` is what the function sends back: `frames`, which are verified, or `faces` (boxes); None
    chooses `frames` for a deployed function and `faces` for the one on this machine. The output is the same. `verify`
    has the function's second detector look at faces whose scores are not certain: those that it rejects stay visible.

    Masks: `style` is `blur`, `pixelate` or `solid`; `padding` is by how much a box grows on each side, as a share of
    its size.

    Span: what lies before `start` or after `end`, in seconds, is left out; with `keep_rest` it is kept unsearched.

    By hand: `cover` are regions that are masked completely, `spare` regions in which faces are not masked, each text
    as `faceblur.base.regions` describes it. What both name is covered.

    Output: `encoder` is FFmpeg's name of a video encoder, None for one of the source's codec; `crf` is its constant
    quality, None for the encoder's default; `preset` its speed. `sidecar` writes `NAME.faces.jsonl` beside each video.
    `keep_location` keeps the tags that identify a location or a device. `tolerate_damage` writes what can be read of a
    damaged video. `preview` writes a copy of the source beside the output, with boxes drawn on it: it shows faces.
    """

    threshold: float = defaults.THRESHOLD
    style: Style = defaults.STYLE
    padding: float = defaults.PADDING
    look_around: float = 0.4
    verify: bool = True
    detect_every: int | None = None
    batch_size: int = 16
    returned: Returned | None = None
    encoder: str | None = None
    crf: int | None = None
    preset: str = "veryfast"
    sidecar: bool = True
    keep_location: bool = False
    tolerate_damage: bool = False
    cover: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    preview: bool = False
    start: float | None = None
    end: float | None = None
    keep_rest: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            check_value(field.name, getattr(self, field.name))
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(f"end: {self.end:g} s is not after the start at {self.start or 0:g} s")
        if self.keep_rest and self.span is None:
            raise UsageError("keep_rest: there is no rest without a start or an end")
        for name in REGIONS:  # in one spelling: settings are compared
            object.__setattr__(self, name, tuple(map(str, parse_regions(getattr(self, name)))))
        if self.preview and not self.sidecar:
            raise UsageError("preview: it shows what the sidecar lists, and there is to be none")

    @property
    def span(self) -> TimeSpan | None:
        """What is searched; None: all of the video."""
        return TimeSpan.of(self.start, self.end)

    @property
    def cut(self) -> TimeSpan | None:
        """What is read; None: all of the video."""
        return None if self.keep_rest else self.span


@dataclass(frozen=True, slots=True)
class Changes:
    """Options of a video that is rendered from its sidecar; None leaves what the sidecar has. See `Options`.

    `spare_tracks` are tracks of the main video stream that stay visible, besides those that the sidecar spares.
    `preview` is as in `Options`.

    Raises UsageError for a value outside of its range.
    """

    style: Style | None = None
    padding: float | None = None
    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    keep_location: bool = False
    tolerate_damage: bool = False
    spare_tracks: tuple[int, ...] = ()
    preview: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            if (value := getattr(self, field.name)) is not None:
                check_value(field.name, value)


def check_value(name: str, value: Any) -> None:
    """Refuse a value that an option cannot have. Raises UsageError."""
    if value is None and name in OPTIONAL:
        return
    if name in RANGES:
        low, high = RANGES[name]
        kind, article = (int, "an integer") if name in INTEGERS else (int | float, "a number")
        is_endless = isinstance(value, float) and not math.isfinite(value)
        if isinstance(value, bool) or not isinstance(value, kind) or is_endless:
            raise UsageError(f"{name}: {article} is needed, not {value!r}")
        if not low <= value <= high:
            raise UsageError(f"{name}: {str(value)[:40]} is not in the range {low:g} to {high:g}")
    if name == "spare_tracks" and not (isinstance(value, list | tuple) and all(type(one) is int for one in value)):
        raise UsageError(f"{name}: numbers of tracks are needed, not {value!r:.60}")
    if name in REGIONS:
        try:
            parse_regions(value)
        except ValueError as error:
            raise UsageError(f"{name}: {error}") from error
    if name in CHOICES and value not in CHOICES[name]:
        raise UsageError(f"{name}: {value!r:.60} is none of {', '.join(CHOICES[name])}")
