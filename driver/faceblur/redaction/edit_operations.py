"""The operations that people's edits consist of, a line each in `NAME.edits.jsonl`, and its first line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, FiniteFloat, TypeAdapter
from pydantic.dataclasses import dataclass

MAX_EDITS = 100_000
# Seconds. Times are written with three digits; a little more, for a frame may begin in the middle between two of them.
ROUNDING = 0.000501
_CONFIG = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_CONFIG)
class EditsHeader:
    """The first line: the SHA-256 of the sidecar that the edits are of. Track numbers are those of one run."""

    faceblur_edits: Literal[1] = 1
    sidecar_sha256: str = Field(kw_only=True, pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Edit:
    """What every edit may say: who made it, when, and why."""

    by: str | None = Field(default=None, kw_only=True, max_length=200)
    at: AwareDatetime | None = Field(default=None, kw_only=True)
    reason: str | None = Field(default=None, kw_only=True, max_length=1000)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class AddedFace(Edit):
    """A face that was missed: its box x1, y1, x2, y2 in pixels of the upright frame, before padding.

    It is masked in each frame of the video stream `stream` whose time is from `start` to `end`, both included: in
    seconds from the output's beginning, as a player counts them.
    """

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    start: FiniteFloat
    end: FiniteFloat
    stream: int = 0
    op: Literal["add"] = "add"


@dataclass(frozen=True, slots=True, config=_CONFIG)
class EditOfTrack(Edit):
    """An edit of a track of the video stream `stream`; each video stream numbers its tracks from 1.

    It counts in the frames whose time is from `start` to `end`, both included, as in `AddedFace`. Without `start` it
    counts from the track's beginning, without `end` up to its end.
    """

    track: int
    stream: int = 0
    start: FiniteFloat | None = Field(default=None, kw_only=True)
    end: FiniteFloat | None = Field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class RemovedTrack(EditOfTrack):
    """A track that is no face: it is not masked."""

    op: Literal["remove-track"] = "remove-track"


@dataclass(frozen=True, slots=True, config=_CONFIG)
class SparedTrack(EditOfTrack):
    """A face that stays visible on purpose: its track is listed as `spared`, not masked."""

    op: Literal["spare-track"] = "spare-track"


@dataclass(frozen=True, slots=True, config=_CONFIG)
class MaskedTrack(EditOfTrack):
    """A track that is masked although it was rejected, spared or removed."""

    op: Literal["mask-track"] = "mask-track"


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Undo(Edit):
    """The edit of the line `line` of this file, which counts from 1, counts no more."""

    line: int = Field(ge=2)
    op: Literal["undo"] = "undo"


TrackEdit = RemovedTrack | SparedTrack | MaskedTrack
MaskEdit = AddedFace | TrackEdit
Operation = Annotated[MaskEdit | Undo, Field(discriminator="op")]
OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)
EDITS_HEADER: TypeAdapter[EditsHeader] = TypeAdapter(EditsHeader)


def counts_at(one: MaskEdit, seconds: float) -> bool:
    """Whether an edit counts in the frame of this time, to the rounding of its times."""
    is_begun = one.start is None or one.start - ROUNDING <= seconds
    return is_begun and (one.end is None or seconds <= one.end + ROUNDING)
