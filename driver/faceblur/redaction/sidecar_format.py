"""The sidecar `NAME.faces.jsonl` beside an output: every face of every frame, to audit, edit and render again.

The first line is the header: which video it belongs to, the model and the settings. Then there is one line a frame, in
the order of display. It holds no image. `docs/sidecar.schema.json` is its JSON schema; run this module to print it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, FiniteFloat, PositiveInt, TypeAdapter
from pydantic.dataclasses import dataclass

from faceblur.base.atomic_files import fitting_name
from faceblur.base.events import MaskedState
from faceblur.base.face_checks import MAX_MASKS
from faceblur.base.options import Options
from faceblur.base.time_span import TimeSpan
from faceblur.tracking.boxes import LOW_THRESHOLD
from faceblur_function.defaults import Style

SUFFIX, EDITS_SUFFIX = ".faces.jsonl", ".edits.jsonl"
SCHEMA_URL = "https://json-schema.org/draft/2020-12/schema"
TIME_BASE = r"^[1-9][0-9]{0,18}(/[1-9][0-9]{0,18})?$"  # seconds, as a fraction
_CONFIG = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Identity:
    """Which file a sidecar belongs to. `duration` is in seconds, None where the header holds none.

    `path` is where it was, from the sidecar's folder on: where to look for it first.
    """

    name: str
    bytes: int
    duration: FiniteFloat | None = None
    sha256_first_mib: str = Field(kw_only=True)
    sha256_last_mib: str = Field(kw_only=True)
    path: str | None = Field(default=None, kw_only=True)

    def is_of(self, other: Identity) -> bool:
        """Whether both are of the same content; a file may have been renamed."""
        return self._content() == other._content()

    def _content(self) -> tuple[int, str, str]:
        return self.bytes, self.sha256_first_mib, self.sha256_last_mib


@dataclass(frozen=True, slots=True, config=_CONFIG)
class FunctionUsed:
    """What detected the faces, and the second detector that verified doubtful ones, if there is one.

    Frames with a longer side than `detect_size` pixels were scaled down to it for detection; None: it is not known.
    """

    model: str
    weights_sha256: str
    device: str
    verifier: str | None = None
    detect_size: PositiveInt | None = None


@dataclass(frozen=True, slots=True, config=_CONFIG)
class SettingsUsed:
    """The options that the video was redacted with, as far as they matter to `render`; see `Options`.

    Scores are 0 to 1, `look_around` is in seconds, `padding` is a share of a box. `keep_location` is True or None.
    `cover` and `spare` are the regions by hand, None: none. The frames' lines list what became of them. `start` and
    `end` are those of the span in seconds of the source; with `keep_rest` the output has what lies outside too.
    `detect_every` is the number of frames from one searched frame to the next where nothing changes, None: automatic.
    """

    threshold: float
    low_threshold: float
    padding: float
    style: Style
    look_around: float
    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    keep_location: bool | None = None
    cover: tuple[str, ...] | None = None
    spare: tuple[str, ...] | None = None
    start: FiniteFloat | None = None
    end: FiniteFloat | None = None
    keep_rest: bool | None = None
    detect_every: int | None = None

    @property
    def cut(self) -> TimeSpan | None:
        """The span of the source that the output has; None: all of it."""
        return None if self.keep_rest else TimeSpan.of(self.start, self.end)

    @classmethod
    def of(cls, options: Options) -> SettingsUsed:
        return cls(
            threshold=options.threshold,
            low_threshold=min(options.threshold, LOW_THRESHOLD),
            padding=options.padding,
            style=options.style,
            look_around=options.look_around,
            encoder=options.encoder,
            crf=options.crf,
            preset=options.preset,
            keep_location=options.keep_location or None,
            cover=options.cover or None,
            spare=options.spare or None,
            start=options.start,
            end=options.end,
            keep_rest=options.keep_rest or None,
            detect_every=options.detect_every,
        )


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Header:
    """The first line. `frame_wh` is the size of the output's frames in pixels as a viewer shows them: upright."""

    faceblur_sidecar: Literal[1] = 1
    video: Identity = Field(kw_only=True)
    output: str = Field(kw_only=True)
    function: FunctionUsed = Field(kw_only=True)
    settings: SettingsUsed = Field(kw_only=True)
    frame_wh: tuple[PositiveInt, PositiveInt] = Field(kw_only=True)
    time_base: str = Field(kw_only=True, pattern=TIME_BASE)


FaceState = MaskedState | Literal["spared", "region", "rejected"]


def _renamed(state: object) -> object:
    """The state as this version calls it: sidecars of 0.1 have `covered` for all that was not detected."""
    return "gap-filled" if state == "covered" else state


@dataclass(frozen=True, slots=True, config=_CONFIG)
class SidecarFace:
    """One face, or one region by hand: box x1, y1, x2, y2 in pixels of the upright frame, before padding.

    `detected` was detected in this very frame with a score above the threshold. `interpolated` is masked because of
    the searched frames around, in one that was not searched; `gap-filled` in one that was, because of a detection with
    a lower score (which is given) or of the frames around. `followed` was followed to this frame by its pixels, and
    `added` by a person. `spared` is a face that is not masked, by a person's choice. `rejected` is not masked either:
    no detection of its track is certain, and the second detector gives it a low score, the `second_score`. `region` is
    no face, but a box that is masked as it is, complete and without padding, over all else. An editor may leave out
    all but the box.
    """

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    score: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None
    track: int | None = None
    state: Annotated[FaceState, BeforeValidator(_renamed, json_schema_input_type=FaceState | Literal["covered"])] = (
        "added"
    )
    second_score: Annotated[FiniteFloat, Field(ge=0, le=1)] | None = None

    @property
    def is_masked(self) -> bool:
        """Whether it is a face that is masked in the output."""
        return self.state in get_args(MaskedState)

    def padding(self, padding: float) -> float:
        """By which share of its size the box grows on each side, where faces grow by `padding`."""
        return 0.0 if self.state == "region" else padding


@dataclass(frozen=True, slots=True, config=_CONFIG)
class FrameLine:
    """One frame: its number from 0, its timestamp in units of the stream's time base, what is masked in it.

    `stream` is the index of the video stream in the source; `damage` is what could not be read just before.
    `searched` is True where the function searched this frame, None where it lies between two that it searched.
    `unsearched` is True where the frame was kept without a search, by a person's choice.
    """

    frame: int = Field(ge=0)
    pts: int = Field(ge=-(2**63), lt=2**63)
    faces: list[SidecarFace] = Field(max_length=MAX_MASKS)
    stream: int = 0
    damage: str | None = None
    unsearched: bool | None = None
    searched: bool | None = None


def edits_path(sidecar: Path) -> Path:
    """Where the edits of a sidecar lie: beside it."""
    if sidecar.name.endswith(SUFFIX):
        return sidecar.with_name(sidecar.name.removesuffix(SUFFIX) + EDITS_SUFFIX)
    return sidecar.with_name(fitting_name(sidecar.name.removesuffix(".jsonl"), EDITS_SUFFIX))


HEADER: TypeAdapter[Header] = TypeAdapter(Header)
FRAME_LINE: TypeAdapter[FrameLine] = TypeAdapter(FrameLine)


def schema() -> dict[str, Any]:
    """The JSON schema of one line of a sidecar."""
    header, frame = (kind.json_schema(ref_template="#/$defs/{model}") for kind in (HEADER, FRAME_LINE))
    definitions = header.pop("$defs") | frame.pop("$defs") | {"Header": header, "FrameLine": frame}
    return {
        "$schema": SCHEMA_URL,
        "title": "One line of a faceblur sidecar: the first is a Header, all others are FrameLines",
        "oneOf": [{"$ref": "#/$defs/Header"}, {"$ref": "#/$defs/FrameLine"}],
        "$defs": definitions,
    }


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
