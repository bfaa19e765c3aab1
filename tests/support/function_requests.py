"""Requests to the function over HTTP: encoded frames, and images that lie about their size."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import numpy as np
import requests

from examples.sample_clip import Image
from faceblur_function.images import encode_image

JSON = {"Content-Type": "application/json"}

PIXEL = base64.b64encode(encode_image(np.full((8, 8, 3), 128, np.uint8), "png", 100)).decode()


def jpeg(image: Image) -> bytes:
    return encode_image(image, "jpeg", 95)


def post(url: str, body: Any, **more: Any) -> requests.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(url + "/", data=content, headers=more.pop("headers", JSON), timeout=60, **more)


def encoded(image: Image) -> str:
    return base64.b64encode(jpeg(image)).decode()


def bomb_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bomb_jpeg(width: int, height: int) -> bytes:
    """A JPEG of 8x8 pixels whose header says width x height."""
    content = bytearray(jpeg(np.zeros((8, 8, 3), np.uint8)))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)
