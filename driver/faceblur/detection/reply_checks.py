"""What goes to the function and what may come back: the request's body, and the checks of a reply."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from faceblur.base.errors import InvalidReply
from faceblur_function import wire
from faceblur_function.images import image_size


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes out: the encoded images, their base64, and the JSON body that holds it."""

    images: Sequence[bytes]
    texts: list[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the function said of one batch; the lists are in the order of the frames that were sent.

    `frames` holds encoded images, None when only faces were asked for. `timings_ms` has the function's own stages, as
    it tells them; the client adds `queue` and `network`.
    """

    model: str
    device: str
    faces: list[list[wire.Face]]
    frames: list[bytes] | None
    timings_ms: dict[str, float]


def encode_request(images: Sequence[bytes], options: wire.Options, *, return_frames: bool) -> Sent:
    """A request for these encoded images."""
    texts = [wire.encode_base64(image) for image in images]
    fields = options.model_dump(exclude_none=True) | {"return": "frames" if return_frames else "faces"}
    # Base64 needs no escapes, and looking for some takes longer than all the rest.
    frames = '", "'.join(texts)
    return Sent(images, texts, f'{json.dumps(fields)[:-1]}, "frames": ["{frames}"]}}'.encode("ascii"))


def check_reply(content: bytes, sent: Sent, *, return_frames: bool, require_digests: bool) -> Answer:
    """Judge a reply against the request that was sent. Raises InvalidReply unless everything fits."""
    try:
        reply = wire.Reply.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise InvalidReply(f"the answer is not valid: {where}: {first['msg'].lower()}") from error
    frames, texts = reply.frames, sent.texts
    if return_frames != (frames is not None):
        raise InvalidReply(f"the answer holds {'no' if return_frames else 'unasked'} frames")
    if any(len(one) != len(texts) for one in (reply.faces, frames) if one is not None):
        raise InvalidReply(f"the answer does not hold {len(texts)} frames")
    if reply.digests is None and require_digests:
        raise InvalidReply("the answer holds no digests")
    if reply.digests is not None:
        expected = [
            wire.digest(text, frames[index] if frames is not None else "", reply.faces[index])
            for index, text in enumerate(texts)
        ]
        if reply.digests != expected:
            raise InvalidReply("the answer is not that of the frames that were sent, or was damaged on its way")
    try:
        images = None if frames is None else [wire.decode_base64(text, frame=i) for i, text in enumerate(frames)]
        for index, image in enumerate(images or []):
            if image_size(image) != image_size(sent.images[index]):
                raise InvalidReply(f"frame {index} of the answer has another size than the one sent")
    except wire.WireError as error:
        raise InvalidReply(f"the answer is not valid: {error}") from error
    return Answer(reply.model, reply.device, reply.faces, images, dict(reply.timings_ms))
