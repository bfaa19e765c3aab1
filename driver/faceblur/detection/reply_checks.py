"""The checks of a reply: one that fails any of them is never used.

Whether the faces in returned frames are masked is verified with the frames (`redaction/returned_frames.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from faceblur.base.errors import InvalidReply, RequestRejected
from faceblur.base.face_checks import described, fault_of, reaches_into
from faceblur.base.printable import printable
from faceblur.detection.reply import CheckedReply
from faceblur.detection.request_body import Sent
from faceblur_function import wire
from faceblur_function.defaults import MAX_FACES
from faceblur_function.images import image_size, upright_size

# A face has one object and seven lists: its box, its landmarks and their points. Parsed, empty ones would take fifty
# times the size of the reply. The margin is for all that is not a face.
FACE_LISTS, MARGIN = 8, 256


def check_info(url: str, content: bytes) -> wire.Info:
    """What a function reports of itself, without characters that a terminal obeys. Raises RequestRejected."""
    try:
        info = wire.Info.model_validate_json(content)
    except ValidationError as error:
        raise RequestRejected(f"{url} answers, but is no faceblur function") from error
    shown = {name: printable(getattr(info, name)) for name in ("model", "device", "provider", "function")}
    return info.model_copy(update=shown)


def check_reply(
    content: bytes, sent: Sent, *, return_frames: bool, require_digests: bool, model: str | None = None
) -> CheckedReply:
    """Compare a reply with the request that was sent. Raises InvalidReply.

    Checked: the schema and its version, the number of frames and of their faces, the digests over frames and faces,
    each face, the sizes of the frames. `require_digests`: the function has announced them; `model` is the one that it
    has announced, None where it was not asked.
    """
    max_faces = len(sent.images) * MAX_FACES
    if content.count(b"{") > max_faces + MARGIN or content.count(b"[") > FACE_LISTS * max_faces + MARGIN:
        raise InvalidReply("the answer has more parts than the frames that were sent can lead to")
    try:
        reply = wire.Reply.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise InvalidReply(f"the answer is not valid: {where}: {first['msg'].lower()}") from error
    frames, texts, device = reply.frames, sent.texts, printable(reply.device)
    if model is not None and printable(reply.model) != model:
        raise InvalidReply(
            f"the answer is by {printable(reply.model)}, but the function ran {model} at the beginning: start again"
        )
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
            raise InvalidReply("the answer is not that of the frames that were sent, or was damaged on the way")
    for index, faces in enumerate(reply.faces):
        _check_faces(index, faces, sent.images[index])
    try:
        images = None if frames is None else [wire.decode_base64(text, frame=i) for i, text in enumerate(frames)]
        for index, image in enumerate(images or []):
            if image_size(image) != image_size(sent.images[index]):
                raise InvalidReply(f"frame {index} of the answer has another size than the one sent")
    except wire.WireError as error:
        raise InvalidReply(f"the answer is not valid: {error}") from error
    return CheckedReply(printable(reply.model), device, reply.faces, images, dict(reply.timings_ms))


def _check_faces(index: int, faces: Sequence[wire.Face], image: bytes) -> None:
    """Check the faces of one frame, of which `image` was sent."""
    if not faces:
        return
    frame_wh = upright_size(image)
    for number, face in enumerate(faces):
        fault = fault_of(face.box, face.score)
        if fault is None and not reaches_into(face.box, frame_wh):
            fault = f"its box {described(face.box)} lies outside of the frame of {frame_wh[0]}x{frame_wh[1]}"
        if fault is not None:
            raise InvalidReply(f"frame {index} of the answer: face {number}: {fault}")
