"""What the review's API takes and gives, as models: OpenAPI is made of them.

Boxes are x1, y1, x2, y2 in pixels of the upright frame. Frames are numbered from 0 in each video stream; a track is
named by its stream and its number.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from faceblur.auditing.finding_kinds import Name, Verdict
from faceblur.redaction.edit_operations import MAX_EDITS

# Of one face: it may be followed several times, each time for up to 1,200 frames.
MAX_KEYFRAMES = 10_000
Box = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
FrameNumber = Annotated[int, Field(ge=0)]
Reason = Annotated[str, Field(max_length=1000)]
EndReason = Literal["lost", "cut", "end", "limit", "asked"]
TrackState = Literal["masked", "rejected", "spared", "removed"]


class AuditState(BaseModel):
    """The last audit: whether it passed, how many findings it lists that fail it, how many of all were reviewed.

    `is_current`: the output was not written again since.
    """

    passed: bool
    findings: int
    listed: int
    reviewed: int
    is_current: bool


class JobState(BaseModel):
    """A job of one video: `done` of `total` frames (None: unknown) of its step."""

    id: str
    video: str
    kind: Literal["render", "audit"]
    state: Literal["running", "done", "failed", "cancelled"]
    step: Literal["rendering", "auditing"]
    done: int = 0
    total: int | None = None
    reason: str | None = None


class VideoSummary(BaseModel):
    """One video of the review; `problem` says why it cannot be reviewed. `is_pending`: the output lacks edits."""

    id: str
    name: str
    problem: str | None = None
    edits: int = 0
    is_pending: bool = False
    audit: AuditState | None = None
    job: JobState | None = None


class StreamInfo(BaseModel):
    """A video stream of the source."""

    stream: int
    frames: int
    seconds: float


class BoxInFrame(BaseModel):
    """A frame, and a box in it: where a track is, or a keyframe."""

    frame: FrameNumber
    box: Box


class TrackInfo(BaseModel):
    """One track with the edits that were made of it: it stays visible in `spared_frames` of its frames.

    `width` is that of its largest box, in pixels.
    """

    stream: int
    track: int
    state: TrackState
    first_frame: FrameNumber
    last_frame: FrameNumber
    frames: int
    spared_frames: int
    start: float
    end: float
    score: float | None
    second_score: float | None
    width: float
    samples: list[BoxInFrame]


class AddedInfo(BaseModel):
    """A face that a person added, in the edits' line `line`."""

    line: int
    stream: int
    box: Box
    first_frame: FrameNumber
    last_frame: FrameNumber


class EditInfo(BaseModel):
    """One edit, in the edits' line `line`. It takes `lines` to undo: a face that moves has several boxes."""

    line: int
    lines: list[int]
    op: str
    text: str
    by: str | None
    at: datetime | None
    reason: str | None
    is_undone: bool


class FindingInfo(BaseModel):
    """One finding of the audit. `fails`: it makes the audit fail. `can_mask`: it has boxes or a track to mask."""

    key: str
    kind: str
    title: str
    text: str
    fails: bool
    stream: int
    frame: FrameNumber
    first_frame: FrameNumber
    last_frame: FrameNumber
    time: str
    box: Box | None
    score: float | None
    track: int | None
    can_mask: bool
    verdict: Verdict | None


class VideoDetail(VideoSummary):
    """One video with all that is to be reviewed."""

    source: str
    output: str
    frame_wh: tuple[int, int]
    streams: list[StreamInfo]
    tracks: list[TrackInfo]
    added: list[AddedInfo]
    log: list[EditInfo]
    findings: list[FindingInfo]


class FaceInfo(BaseModel):
    """One entry of a frame, with the edits."""

    box: Box
    track: int | None
    state: str
    score: float | None


class FrameFaces(BaseModel):
    """What is in a frame, and when it is shown: in seconds, as a player of the output counts them."""

    seconds: float
    faces: list[FaceInfo]


class ShownFrame(FrameFaces):
    """A frame by its number, and what is in it."""

    frame: int


class FollowingEnd(BaseModel):
    """The last frame to which a face was followed, and why no further.

    `lost`: in the next one it is not found. `cut`: another scene begins or ends. `end`: the video does. `limit`: so far
    a face is followed at once. `asked`: the call has this bound.
    """

    frame: FrameNumber
    reason: EndReason


class FollowedBoxes(BaseModel):
    """Where a face is in the frames before and after the one in which it was drawn, in their order."""

    boxes: list[BoxInFrame]
    earlier: FollowingEnd
    later: FollowingEnd


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TrackRequest(_StrictModel):
    """A track to mask, to leave unmasked since it is no face, or to leave visible on purpose.

    From `first_frame` to `last_frame`, both included; None: from where it begins, up to where it ends.
    """

    op: Literal["mask-track", "remove-track", "spare-track"]
    stream: int = 0
    track: int
    first_frame: FrameNumber | None = None
    last_frame: FrameNumber | None = None


class AddRequest(_StrictModel):
    """A face to add: between two keyframes its box is interpolated, before the first and after the last it stays."""

    op: Literal["add"]
    stream: int = 0
    first_frame: FrameNumber
    last_frame: FrameNumber
    keyframes: list[BoxInFrame] = Field(min_length=1, max_length=MAX_KEYFRAMES)


class UndoRequest(_StrictModel):
    """The edit of a line of the edits that is to count no more."""

    op: Literal["undo"]
    line: int = Field(ge=2)


class EditsRequest(_StrictModel):
    """Edits to append, all or none; to leave a face visible takes a reason."""

    by: Name
    reason: Reason | None = None
    operations: list[Annotated[TrackRequest | AddRequest | UndoRequest, Field(discriminator="op")]] = Field(
        min_length=1, max_length=MAX_EDITS
    )


class VerdictRequest(_StrictModel):
    """What a person says of a finding; None: it is open again."""

    by: Name
    verdict: Verdict | None


class JobRequest(_StrictModel):
    """A job to begin: `render` writes the output again with all edits and audits it."""

    kind: Literal["render", "audit"]
