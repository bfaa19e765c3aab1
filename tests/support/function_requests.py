"""Requests to the function over HTTP: encoded frames, and images that lie about their size."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import numpy as np
import PIL.Image
import requests

from examples.sample_clip import Image
from faceblur_function.images import START_OF_SCAN, encode_image

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


def bomb_bmp(width: int, height: int) -> bytes:
    """A BMP whose header promises width x height pixels, of which none follows."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def many_scans(count: int, size_wh: tuple[int, int] = (64, 48)) -> bytes:
    """A progressive JPEG of so many scans: its last one again and again, each of which takes as long as an image."""
    buffer = io.BytesIO()
    PIL.Image.new("L", size_wh, 128).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content[content.rindex(START_OF_SCAN) : -2]
    return content[:-2] + last * (count - content.count(START_OF_SCAN)) + content[-2:]


def in_tiff(content: bytes, size_wh: tuple[int, int] = (64, 48)) -> bytes:
    """A TIFF of one gray strip, which is a JPEG."""
    tags = [(256, size_wh[0]), (257, size_wh[1]), (258, 8), (259, 7), (262, 1), (273, 0), (277, 1), (278, size_wh[1])]
    tags.append((279, len(content)))
    begin = 8 + 2 + 12 * len(tags) + 4
    rows = [struct.pack("<HHII", tag, 4, 1, begin if tag == 273 else value) for tag, value in tags]
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(rows) + bytes(4) + content
