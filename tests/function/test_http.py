"""The function over real HTTP, as every caller meets it; FUNCTION_URL points these tests at a real Nuclio."""

from __future__ import annotations

import base64
import io
import json
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import requests
from PIL import Image as Pillow

from examples.sample_clip import Image
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector

JSON = {"Content-Type": "application/json"}
PIXEL = base64.b64encode(wire.encode_image(np.full((8, 8, 3), 128, np.uint8), "png", 100)).decode()


def jpeg(picture: Image) -> bytes:
    return wire.encode_image(picture, "jpeg", 95)


def post(url: str, body: Any, **more: Any) -> requests.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(url + "/", data=content, headers=more.pop("headers", JSON), timeout=60, **more)


def encoded(picture: Image) -> str:
    return base64.b64encode(jpeg(picture)).decode()


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


def test_what_is_loaded(function_url: str) -> None:
    reply = requests.get(function_url + "/", timeout=60)
    assert reply.status_code == 200
    info = wire.Info.model_validate_json(reply.content)
    assert info.version == 1 and len(info.weights_sha256) == 64 and info.limits.max_frames == 64


def test_batch_comes_back_blurred_in_order(function_url: str, face: Image, detector: Detector) -> None:
    pictures = [face, np.zeros((32, 48, 3), np.uint8), cv2.resize(face, (256, 256))]
    sent = [encoded(picture) for picture in pictures]
    reply = wire.Reply.model_validate_json(post(function_url, {"frames": sent}).content)
    assert reply.frames is not None and reply.digests is not None
    returned = [wire.decode_image(base64.b64decode(frame)) for frame in reply.frames]
    assert [picture.shape for picture in returned] == [picture.shape for picture in pictures]
    assert [len(faces) for faces in reply.faces] == [1, 0, 1]
    assert detector.detect([returned[0]], threshold=0.5)[0].scores.tolist() == []
    for index, digest in enumerate(reply.digests):
        assert digest == wire.digest(sent[index], reply.frames[index], reply.faces[index])
    assert set(reply.timings_ms) == {"decode", "detect", "redact", "encode"}


def test_boxes_only(function_url: str, face: Image) -> None:
    reply = json.loads(post(function_url, {"frames": [encoded(face)], "return": "faces"}).content)
    assert "frames" not in reply
    (found,) = reply["faces"][0]
    x1, y1, x2, y2 = found["box"]
    assert 150 < x1 < 200 < 250 < x2 < 300 and 40 < y1 < 80 < 150 < y2 < 210
    assert len(found["landmarks"]) == 5 and found["score"] > 0.99


def test_report_threshold_lists_more_than_is_redacted(function_url: str, face: Image) -> None:
    body = {"frames": [encoded(face)], "format": "png", "threshold": 1.0, "report_threshold": 0.3}
    reply = json.loads(post(function_url, body).content)
    assert len(reply["faces"][0]) == 1
    assert np.array_equal(
        wire.decode_image(base64.b64decode(reply["frames"][0])), wire.decode_image(base64.b64decode(encoded(face)))
    )


def test_body_is_parsed_whatever_its_content_type(function_url: str, face: Image) -> None:
    body = {"frames": [encoded(face)], "return": "faces"}
    for kind in ("application/json; charset=utf-8", "application/octet-stream", "text/plain"):
        reply = post(function_url, body, headers={"Content-Type": kind})
        assert reply.status_code == 200 and len(reply.json()["faces"][0]) == 1, kind


@pytest.mark.parametrize("kind", ["image/jpeg", "application/x-www-form-urlencoded"])
def test_image_body_comes_back_as_image(function_url: str, face: Image, detector: Detector, kind: str) -> None:
    reply = post(function_url, jpeg(face), headers={"Content-Type": kind}, params={"style": "pixelate"})
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "image/jpeg"
    assert len(detector.detect([wire.decode_image(reply.content)], threshold=0.5)[0]) == 0
    reply = post(function_url, jpeg(face), headers={"Content-Type": kind}, params={"format": "png", "threshold": "1"})
    assert reply.headers["Content-Type"] == "image/png"
    assert np.array_equal(wire.decode_image(reply.content), wire.decode_image(jpeg(face)))


def test_cvat_gets_its_list(function_url: str, face: Image) -> None:
    reply = post(function_url, {"image": encoded(face), "threshold": 0.5})
    assert reply.headers["Content-Type"] == "application/json"
    (row,) = reply.json()
    assert row["label"] == "face" and row["type"] == "rectangle" and float(row["confidence"]) > 0.99
    assert row["points"][0] < row["points"][2] and row["points"][1] < row["points"][3]
    assert post(function_url, {"image": PIXEL}).json() == []


def test_exif_rotation_is_seen_upright(function_url: str, face: Image) -> None:
    buffer = io.BytesIO()
    exif = Pillow.Exif()
    exif[0x0112] = 6  # stored turned counter-clockwise: a viewer turns it back
    lying = np.ascontiguousarray(np.rot90(face[:400])[..., ::-1])
    Pillow.fromarray(lying).save(buffer, "JPEG", quality=95, exif=exif)
    body = {"frames": [base64.b64encode(buffer.getvalue()).decode()]}
    reply = post(function_url, body).json()
    assert len(reply["faces"][0]) == 1
    assert wire.decode_image(base64.b64decode(reply["frames"][0])).shape == (400, 512, 3)


def test_webp_palette_gray_and_16_bit(function_url: str, face: Image) -> None:
    image = Pillow.fromarray(face[..., ::-1])
    deep = Pillow.fromarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257)
    for kind, one in [("WEBP", image), ("PNG", image.quantize(64)), ("JPEG", image.convert("L")), ("PNG", deep)]:
        buffer = io.BytesIO()
        one.save(buffer, kind)
        body = {"frames": [base64.b64encode(buffer.getvalue()).decode()], "return": "faces"}
        assert len(post(function_url, body).json()["faces"][0]) == 1, kind


BAD_BODIES: dict[str, Any] = {
    "empty": b"",
    "not JSON": b"hello",
    "cut JSON": b'{"frames": ["',
    "deep JSON": b"[" * 100_000,
    "not UTF-8": b"\xc3\x28",
    "null": None,
    "a list": [],
    "a number": 5,
    "a string": "frames",
    "no frames": {},
    "zero frames": {"frames": []},
    "65 frames": {"frames": [PIXEL] * 65},
    "frames a string": {"frames": PIXEL},
    "frames null": {"frames": None},
    "frames an object": {"frames": {"0": PIXEL}},
    "a number for a frame": {"frames": [PIXEL, 7]},
    "null for a frame": {"frames": [None]},
    "a list for a frame": {"frames": [[PIXEL]]},
    "bad base64": {"frames": ["***"]},
    "base64 with a space": {"frames": [PIXEL[:8] + " " + PIXEL[8:]]},
    "base64 cut": {"frames": [PIXEL[:-1]]},
    "a data URL": {"frames": ["data:image/png;base64," + PIXEL]},
    "not ASCII": {"frames": ["ü" * 8]},
    "an empty frame": {"frames": [""]},
    "not an image": {"frames": [base64.b64encode(b"hello world").decode()]},
    "a GIF": {"frames": [base64.b64encode(b"GIF89a" + bytes(40)).decode()]},
    "a PNG bomb": {"frames": [base64.b64encode(bomb_png(65000, 65000)).decode()]},
    "a JPEG bomb": {"frames": [base64.b64encode(bomb_jpeg(65000, 65000)).decode()]},
    "a cut PNG": {"frames": [base64.b64encode(base64.b64decode(PIXEL)[:40]).decode()]},
    "only a JPEG's start": {"frames": [base64.b64encode(b"\xff\xd8\xff\xe0").decode()]},
    "a PNG without data": {"frames": [base64.b64encode(bomb_png(64, 64)).decode()]},
    "unknown style": {"frames": [PIXEL], "style": "emoji"},
    "style a number": {"frames": [PIXEL], "style": 1},
    "unknown field": {"frames": [PIXEL], "treshold": 0.2},
    "unknown return": {"frames": [PIXEL], "return": "boxes"},
    "return_ is no name": {"frames": [PIXEL], "return_": "faces"},
    "unknown format": {"frames": [PIXEL], "format": "bmp"},
    "threshold high": {"frames": [PIXEL], "threshold": "high"},
    "threshold a numeral": {"frames": [PIXEL], "threshold": "0.5"},
    "threshold above 1": {"frames": [PIXEL], "threshold": 1.5},
    "threshold below 0": {"frames": [PIXEL], "threshold": -0.1},
    "threshold null": {"frames": [PIXEL], "threshold": None},
    "threshold NaN": b'{"frames": ["%s"], "threshold": NaN}' % PIXEL.encode(),
    "threshold infinite": b'{"frames": ["%s"], "threshold": Infinity}' % PIXEL.encode(),
    "threshold true": {"frames": [PIXEL], "threshold": True},
    "report_threshold high": {"frames": [PIXEL], "report_threshold": "low"},
    "padding below 0": {"frames": [PIXEL], "padding": -1},
    "padding huge": {"frames": [PIXEL], "padding": 1e9},
    "quality 0": {"frames": [PIXEL], "quality": 0},
    "quality 101": {"frames": [PIXEL], "quality": 101},
    "quality a fraction": {"frames": [PIXEL], "quality": 90.5},
    "CVAT with a number": {"image": 5},
    "CVAT with null": {"image": None},
    "CVAT with bad base64": {"image": "***"},
    "CVAT with no image": {"image": base64.b64encode(b"hello").decode()},
    "CVAT threshold high": {"image": PIXEL, "threshold": "high"},
    "CVAT threshold 7": {"image": PIXEL, "threshold": 7},
    "a cut image body": jpeg(np.zeros((64, 64, 3), np.uint8))[:300],
    "a JPEG bomb as body": bomb_jpeg(65000, 65000),
}


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("ending", [b"", b"\xff\xd9"])
def test_a_cut_image_is_not_filled_up(face: Image, kept: float, ending: bytes) -> None:
    content = jpeg(face)
    cut = content[: int(len(content) * kept)] + ending
    if ending:  # a forged end: the picture is damaged, but whole for the decoder; it must at least keep its size
        assert wire.decode_image(cut).shape == face.shape
        return
    with pytest.raises(wire.WireError, match="damaged or cut"):
        wire.decode_image(cut)


def worker_pids(function: LocalFunction) -> list[int]:
    assert all(psutil.pid_exists(pid) for pid in function.pids)
    return function.pids


def test_bad_bodies_are_400_and_the_workers_live(function_url: str, request: pytest.FixtureRequest) -> None:
    local = None if os.environ.get("FUNCTION_URL") else request.getfixturevalue("local_function")
    before = worker_pids(local) if local else []
    for name, body in BAD_BODIES.items():
        reply = post(function_url, body)
        assert reply.status_code == 400, (name, reply.text)
        error = reply.json()["error"]
        assert error["code"] and error["message"] and len(reply.content) < 500, name
        assert "Traceback" not in reply.text and "\n" not in error["message"], name
    assert (worker_pids(local) if local else []) == before
    assert post(function_url, {"frames": [PIXEL]}).status_code == 200


def test_the_frame_at_fault_is_named(function_url: str) -> None:
    error = post(function_url, {"frames": [PIXEL, PIXEL, base64.b64encode(b"x" * 30).decode()]}).json()["error"]
    assert error == {"code": "bad_image", "message": "frame 2: not a JPEG, PNG or WebP image", "frame": 2}


def test_a_bomb_costs_nothing(local_function: LocalFunction) -> None:
    process = psutil.Process(local_function.pids[0])
    peak = process.memory_info().rss
    for content in (bomb_jpeg(65000, 65000), bomb_png(65000, 65000)):
        assert post(local_function.url, {"frames": [base64.b64encode(content).decode()]}).status_code == 400
    assert process.memory_info().rss < peak + (32 << 20)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/", 405), ("DELETE", "/", 405), ("GET", "/nowhere", 404), ("POST", "/blur", 404)],
)
def test_other_methods_and_paths(function_url: str, method: str, path: str, status: int) -> None:
    reply = requests.request(method, function_url + path, json={"frames": [PIXEL]}, timeout=60)
    assert reply.status_code == status and reply.json()["error"]["code"]


def test_bad_query_of_an_image_body(function_url: str, face: Image) -> None:
    for query in ({"style": "x"}, {"threshold": "high"}, {"what": "1"}):
        assert post(function_url, jpeg(face), params=query).status_code == 400


def test_requests_side_by_side_do_not_mix(function_url: str, face: Image) -> None:
    shades = list(range(20, 220, 10))

    def one(shade: int) -> float:
        reply = post(function_url, {"frames": [encoded(np.full((40, 40, 3), shade, np.uint8))]}).json()
        return float(wire.decode_image(base64.b64decode(reply["frames"][0])).mean())

    with ThreadPoolExecutor(8) as pool:
        assert np.allclose(list(pool.map(one, shades)), shades, atol=2)
