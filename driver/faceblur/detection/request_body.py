"""The body of a request: encoded images as JSON with base64, as the wire contract has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from faceblur_function import wire
from faceblur_function.images import image_size

# The largest reply. A frame comes back as a JPEG of the same quality, of about the size in which it was sent; the faces
# of a crowd take 200 bytes each, less than the crowd's JPEG.
REPLY_BYTES, FRAME_BYTES = 64 << 10, 256 << 10
PNG_BYTES = 4  # a pixel in base64


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it is sent: the encoded images, their base64, and the JSON body that holds it.

    `max_reply_bytes` is the size of the largest reply to it.
    """

    images: Sequence[bytes]
    texts: list[str]
    body: bytes
    max_reply_bytes: int


def encode_request(
    images: Sequence[bytes], options: wire.RequestOptions, *, return_frames: bool, verify: bool = False
) -> Sent:
    """The request for these encoded images; `verify`: they are crops for the second detector."""
    texts = [wire.encode_base64(image) for image in images]
    fields = options.model_dump(exclude_none=True) | {"return": "frames" if return_frames else "faces"}
    if verify:  # functions of older versions do not know the field
        fields["verify"] = True
    # Base64 needs no escapes, and json.dumps takes longer to search for some than all the rest of this takes.
    frames = '", "'.join(texts)
    body = f'{json.dumps(fields)[:-1]}, "frames": ["{frames}"]}}'.encode("ascii")
    max_reply_bytes = REPLY_BYTES + len(images) * FRAME_BYTES + 2 * len(body)
    if return_frames and options.format == "png":
        pixels = sum(width * height for width, height in map(image_size, images))
        max_reply_bytes += PNG_BYTES * pixels
    return Sent(images, texts, body, max_reply_bytes)
