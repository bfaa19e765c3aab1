"""The contract with every caller: requests, replies, limits, and the base64 and image codec.

What arrives is hostile until it is checked: numbers, counts, bytes and the size in the image's header are judged before
any pixel is decoded. Boxes and pixels are those of the frame as a viewer shows it: an EXIF rotation is applied.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from faceblur_function import defaults
from faceblur_function.defaults import MAX_FRAMES, Style

VERSION = 1
Frame = NDArray[np.uint8]
Format = Literal["jpeg", "png"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

ORIENTATION = 0x0112  # the EXIF tag
END_OF_JPEG = b"\xff\xd9"
# The size is judged here from the header, below; Pillow's own limit would only warn on the way there.
Image.MAX_IMAGE_PIXELS = None


class WireError(Exception):
    """Input that cannot be used: an HTTP status, a code for programs, a message for people, the frame at fault."""

    def __init__(self, code: str, message: str, *, status: int = 400, frame: int | None = None) -> None:
        super().__init__(message)
        self.code, self.status, self.frame = code, status, frame

    def to_json(self) -> str:
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.frame is not None:
            error["frame"] = self.frame
        return json.dumps({"error": error})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold. `max_bytes` counts the request's images once their base64 is undone."""

    max_frames: int = MAX_FRAMES
    max_bytes: int = 64 << 20
    max_megapixels: float = 64.0


class Options(BaseModel):
    """How frames are redacted and sent back; the same names as JSON fields and as query parameters.

    `threshold` is the score from which a face is redacted, `report_threshold` the lower one from which it is listed
    (None: the same), `padding` what a box grows by on each side as a share of its size, `quality` that of JPEGs.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    threshold: Share = defaults.THRESHOLD
    report_threshold: Share | None = None
    style: Style = defaults.STYLE
    padding: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = defaults.PADDING
    format: Format = "jpeg"
    quality: Annotated[int, Field(ge=1, le=100)] = defaults.JPEG_QUALITY

    @property
    def listed_from(self) -> float:
        """The score from which faces are listed: every face that is redacted is listed too."""
        return self.threshold if self.report_threshold is None else min(self.threshold, self.report_threshold)


class Request(Options):
    """A batch of frames, each a base64 JPEG, PNG or WebP."""

    frames: Annotated[list[str], Field(min_length=1, max_length=MAX_FRAMES)]
    return_: Annotated[Literal["frames", "faces"], Field(alias="return")] = "frames"


class Face(BaseModel):
    """One face: box x1, y1, x2, y2 in pixels of the frame, clamped to it; score 0..1; five landmarks x, y."""

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    score: FiniteFloat
    landmarks: list[tuple[FiniteFloat, FiniteFloat]] = []


class Reply(BaseModel):
    """The answer to a batch; the lists are in the order of the request's frames.

    `digests` has one entry per frame, `digest(sent, returned, faces)`: who checks it knows that the answer belongs to
    the frame at that place and arrived whole.
    """

    version: Literal[1]
    model: str
    device: str
    faces: list[list[Face]]
    timings_ms: dict[str, float]
    frames: list[str] | None = None
    digests: list[str] | None = None


class Info(BaseModel):
    """What `GET /` tells: the loaded model, where it runs, and the limits of a request.

    `runtime` is the detector's own account: precision, batch size, the GPU's name and memory in bytes.
    """

    version: Literal[1]
    model: str
    device: str
    weights_sha256: str = ""
    provider: str = ""
    threads: int = 0
    function: str = ""
    digests: bool = False
    runtime: dict[str, str | int | float] = {}
    limits: Limits = Limits()


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


def parse_options(query: Mapping[str, Any]) -> Options:
    """Validate options that come as strings, from a query. Raises WireError."""
    try:
        return Options.model_validate_strings(dict(query))
    except ValidationError as error:
        raise _explain(error) from None


def _explain(error: ValidationError) -> WireError:
    # Never the input itself: it may be a picture of megabytes.
    first = error.errors(include_url=False, include_input=False)[0]
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
    """Undo base64, strictly. Raises WireError."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("bad_base64", f"{_at(frame)}not base64", frame=frame) from error


def encode_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def looks_like_image(body: object) -> bool:
    """Whether a body begins as a JPEG, PNG or WebP does: no JSON begins so."""
    return isinstance(body, bytes) and (
        body.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n")) or (body[:4] == b"RIFF" and body[8:12] == b"WEBP")
    )


def check_images(contents: Iterable[bytes], limits: Limits) -> list[tuple[int, int]]:
    """Judge encoded images by their number of bytes and their headers alone; their sizes. Raises WireError."""
    total = 0
    sizes = []
    for frame, content in enumerate(contents):
        total += len(content)
        if total > limits.max_bytes:
            raise WireError("too_large", f"frame {frame}: over {limits.max_bytes} bytes in one request", frame=frame)
        width, height = _open(content, frame).size
        if width * height > limits.max_megapixels * 1e6:
            message = f"frame {frame}: {width}x{height} is more than {limits.max_megapixels:g} megapixels"
            raise WireError("too_large", message, frame=frame)
        sizes.append((width, height))
    return sizes


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of an encoded image as it is stored, from its header alone. Raises WireError."""
    return _open(content, None).size


def _open(content: bytes, frame: int | None) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))
    except Exception as error:  # Pillow raises whatever its parsers do on hostile bytes
        raise WireError("bad_image", f"{_at(frame)}not a JPEG, PNG or WebP image", frame=frame) from error


def decode_image(content: bytes, *, frame: int | None = None) -> Frame:
    """Decode an image to `(H, W, 3) uint8 BGR`, upright. A cut or damaged file is an error: WireError."""
    image = _open(content, frame)
    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
        if image.format == "JPEG" and image.mode == "RGB" and content.endswith(END_OF_JPEG) and not turned:
            # OpenCV takes a third of Pillow's time, but would fill up a file that was cut.
            pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            if pixels is None or pixels.shape[1::-1] != image.size:
                raise ValueError("OpenCV could not decode it")
            return pixels  # type: ignore[return-value]
        if image.mode.startswith("I"):  # 16 bit: Pillow would clip instead of scale
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode != "RGB":
            image = image.convert("RGB")
        return cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR)  # type: ignore[return-value]
    except Exception as error:
        raise WireError("bad_image", f"{_at(frame)}a damaged or cut image", frame=frame) from error


def encode_image(image: Frame, format: Format, quality: int) -> bytes:
    """Encode `(H, W, 3) uint8 BGR` as JPEG of a quality, or as PNG."""
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality] if format == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    encoded, buffer = cv2.imencode(".jpg" if format == "jpeg" else ".png", image, parameters)
    if not encoded:
        raise ValueError(f"OpenCV could not encode {image.shape} as {format}")
    return buffer.tobytes()


def digest(sent: str, returned: str, faces: Iterable[Face]) -> str:
    """SHA-256 over a frame's base64 as sent, as returned ("" where only faces are), and its faces."""
    listed = json.dumps([[face.box, face.score, face.landmarks] for face in faces])
    state = hashlib.sha256(sent.encode())
    state.update(f"|{returned}|{listed}".encode())
    return state.hexdigest()


def _at(frame: int | None) -> str:
    return "" if frame is None else f"frame {frame}: "
