"""The body of a request: encoded images as JSON with base64, as the wire contract has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from faceblur_function import wire


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it is sent: the encoded images, their base64, and the JSON body that holds it."""

    images: Sequence[bytes]
    texts: list[str]
    body: bytes


def encode_request(images: Sequence[bytes], options: wire.RequestOptions, *, return_frames: bool) -> Sent:
    """The request for these encoded images."""
    texts = [wire.encode_base64(image) for image in images]
    fields = options.model_dump(exclude_none=True) | {"return": "frames" if return_frames else "faces"}
    # Base64 needs no escapes, and json.dumps takes longer to search for some than all the rest of this takes.
    frames = '", "'.join(texts)
    return Sent(images, texts, f'{json.dumps(fields)[:-1]}, "frames": ["{frames}"]}}'.encode("ascii"))
