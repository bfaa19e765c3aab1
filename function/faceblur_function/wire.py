"""The contract between the function and its callers: requests, options, replies, limits and their parsing.

What arrives is hostile until it is checked: names, types, numbers and counts are checked here, encoded images in
`images`. Boxes are in pixels of the frame as a viewer shows it, with its EXIF rotation applied.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from faceblur_function import defaults
from faceblur_function.defaults import MAX_FACES, MAX_FRAMES, Format, Style
from faceblur_function.errors import WireError as WireError  # part of the contract: callers catch `wire.WireError`
from faceblur_function.errors import frame_prefix

VERSION = 1
MAX_LANDMARKS, MAX_TIMINGS = 5, 16  # of a face; stages in a reply
Milliseconds = Annotated[float, Field(ge=0, lt=1e12, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=200)]
Item = TypeVar("Item")
# A hostile reply may have millions of errors: the first one is enough.
PerFrame = Annotated[list[Item], Field(fail_fast=True, max_length=MAX_FRAMES)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold. `max_bytes` counts all of the request's images, after base64 is decoded."""

    max_frames: int = MAX_FRAMES
    max_bytes: int = defaults.MAX_BYTES
    max_megapixels: float = defaults.MAX_MEGAPIXELS


class RequestOptions(BaseModel):
    """How frames are redacted and sent back; the same names as JSON fields and as query parameters.

    `threshold` is the score from which a face is redacted, `report_threshold` the lower one from which it is listed
    (None: the same), `padding` what a box grows by on each side as a share of its size, `quality` that of JPEGs.
    `alone`: the second detector does not search small frames; None is False.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    threshold: Share = defaults.THRESHOLD
    report_threshold: Share | None = None
    style: Style = defaults.STYLE
    padding: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = defaults.PADDING
    format: Format = "jpeg"
    quality: Annotated[int, Field(ge=1, le=100)] = defaults.JPEG_QUALITY
    alone: bool | None = None

    @property
    def listed_from(self) -> float:
        """The score from which faces are listed: every face that is redacted is listed too."""
        return self.threshold if self.report_threshold is None else min(self.threshold, self.report_threshold)


class Request(RequestOptions):
    """A batch of frames, each a base64 JPEG, PNG or WebP.

    `verify`: they are crops, and the second detector is asked whether there is a face in the middle of each.
    """

    frames: Annotated[list[str], Field(min_length=1, max_length=MAX_FRAMES)]
    return_: Annotated[Literal["frames", "faces"], Field(alias="return")] = "frames"
    verify: bool = False


class Face(BaseModel):
    """One face: box x1, y1, x2, y2 in pixels of the frame, clamped to it; score 0..1; five landmarks x, y."""

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    score: FiniteFloat
    landmarks: Annotated[list[tuple[FiniteFloat, FiniteFloat]], Field(fail_fast=True, max_length=MAX_LANDMARKS)] = []


class Reply(BaseModel):
    """The answer to a batch; the lists are in the order of the request's frames.

    `digests` has one entry per frame, `digest(sent, returned, faces)`: it proves that the answer belongs to the frame
    at that index and arrived complete.
    """

    version: Literal[1]
    model: Name
    device: Name
    faces: PerFrame[Annotated[list[Face], Field(fail_fast=True, max_length=MAX_FACES)]]
    timings_ms: Annotated[dict[str, Milliseconds], Field(max_length=MAX_TIMINGS)]
    frames: PerFrame[str] | None = None
    digests: PerFrame[str] | None = None


class Info(BaseModel):
    """What `GET /` reports: the loaded model, where it runs, and the limits of a request.

    `detect_size` is the long side in pixels above which frames are scaled down for detection; 0: it is not known.
    `runtime` is what the detector reports: precision, batch size, the GPU's name and memory in bytes. `verifier` is the
    second detector, which answers requests to verify; empty where there is none.
    """

    version: Literal[1]
    model: Name
    device: Name
    weights_sha256: Name = ""
    provider: Name = ""
    threads: int = 0
    function: Name = ""
    digests: bool = False
    verifier: Name = ""
    detect_size: int = 0
    runtime: dict[str, str | int | float] = {}
    limits: Limits = Limits()


class Check(BaseModel):
    """What `GET /check` answers: whether the function found and hid the one face of its built-in image.

    `reason` says why not, `detail_left` is the share of the face's detail that is left, `ms` how long it took.
    """

    ok: bool
    reason: str | None = None
    face: Face | None = None
    detail_left: FiniteFloat
    model: str
    device: str
    ms: FiniteFloat


def parse_json(body: object) -> dict[str, Any]:
    """The JSON object of a body that the platform may or may not have parsed already. Raises WireError."""
    if isinstance(body, (bytes, str)):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise WireError("bad_json", "the body is not JSON, nor a JPEG, PNG or WebP image") from error
    if not isinstance(body, dict):
        raise WireError("bad_json", "the body is not a JSON object")
    return body


def parse_request(body: dict[str, Any]) -> Request:
    """Validate a batch request. Raises WireError."""
    try:
        return Request.model_validate(body)
    except ValidationError as error:
        raise _explain(error) from None


def parse_options(query: Mapping[str, Any]) -> RequestOptions:
    """Validate options that come as strings, from a query. Raises WireError."""
    try:
        return RequestOptions.model_validate_strings(dict(query))
    except ValidationError as error:
        raise _explain(error) from None


def _explain(error: ValidationError) -> WireError:
    # Never the input itself: it may be an image of megabytes.
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"]:  # a name that is half of a pair of UTF-16: JSON can write it, but no text has it
        return WireError("bad_request", f"{first['msg'][0].lower()}{first['msg'][1:]}")
    name, *rest = first["loc"]
    if first["type"] == "extra_forbidden":
        return WireError("unknown_field", f"unknown field {str(name)[:40]!r}")
    if name == "frames" and rest:
        frame = int(rest[0])
        return WireError("bad_frame", f"frame {frame}: not a base64 string", frame=frame)
    if name == "frames" and first["type"] in ("missing", "too_short"):
        return WireError("no_frames", f'no frames: send 1 to {MAX_FRAMES} base64 images as "frames"')
    if name == "frames" and first["type"] == "too_long":
        return WireError("too_many_frames", f"more than {MAX_FRAMES} frames in one request")
    return WireError("bad_request", f"{name}: {first['msg'][0].lower()}{first['msg'][1:]}")


def decode_base64(text: str, *, frame: int | None = None) -> bytes:
    """Decode base64, strictly. Raises WireError."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("bad_base64", f"{frame_prefix(frame)}not base64", frame=frame) from error


def encode_base64(content: bytes) -> str:
    """The base64 of some bytes, as text without line breaks."""
    return base64.b64encode(content).decode("ascii")


def digest(sent: str, returned: str, faces: Iterable[Face]) -> str:
    """SHA-256 over a frame's base64 as sent, as returned ("" where only faces are), and its faces."""
    listed = json.dumps([[face.box, face.score, face.landmarks] for face in faces])
    state = hashlib.sha256(sent.encode())
    state.update(f"|{returned}|{listed}".encode())
    return state.hexdigest()
