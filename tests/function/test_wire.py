"""Requests that are refused, over real HTTP: each is a 400 with a short message, and the workers live."""

from __future__ import annotations

import base64
import os
from typing import Any

import numpy as np
import psutil
import pytest

from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import wire
from tests.support.function_requests import PIXEL, bomb_bmp, bomb_jpeg, bomb_png, in_tiff, jpeg, many_scans, post

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
    "verify a number": {"frames": [PIXEL], "return": "faces", "verify": 1},
    "verify and frames": {"frames": [PIXEL], "return": "frames", "verify": True},
    "quality 0": {"frames": [PIXEL], "quality": 0},
    "quality 101": {"frames": [PIXEL], "quality": 101},
    "quality a fraction": {"frames": [PIXEL], "quality": 90.5},
    "CVAT with a number": {"image": 5},
    "CVAT with null": {"image": None},
    "CVAT with bad base64": {"image": "***"},
    "CVAT with no image": {"image": base64.b64encode(b"hello").decode()},
    "CVAT threshold high": {"image": PIXEL, "threshold": "high"},
    "CVAT threshold 7": {"image": PIXEL, "threshold": 7},
    "a name that is no text": b'{"\\ud800": 1}',
    "a name that is no text beside frames": b'{"frames": ["%s"], "\\ud800": 1}' % PIXEL.encode(),
    "a frame that is no text": b'{"frames": ["\\ud800"]}',
    "a style that is no text": b'{"frames": ["%s"], "style": "\\udfff"}' % PIXEL.encode(),
    "a number without end": b'{"frames": ["%s"], "quality": %s}' % (PIXEL.encode(), b"9" * 5000),
    "a threshold beyond all": b'{"frames": ["%s"], "threshold": 1%s}' % (PIXEL.encode(), b"0" * 400),
    "a deep object": b'{"a":' * 100_000,
    "a deep frame": b'{"frames": [' + b"[" * 900 + b"]" * 900 + b"]}",
    "CVAT with a name that is no text": b'{"image": "***", "\\ud800": 1}',
    "CVAT with no text": b'{"image": "\\ud800"}',
    "CVAT threshold beyond all": b'{"image": "%s", "threshold": 1%s}' % (PIXEL.encode(), b"0" * 400),
    "CVAT with a BMP bomb": {"image": base64.b64encode(bomb_bmp(65000, 65000)).decode()},
    "CVAT with a cut BMP": {"image": base64.b64encode(bomb_bmp(640, 480)).decode()},
    "a JPEG of many scans": {"frames": [base64.b64encode(many_scans(101)).decode()]},
    "a JPEG of many scans as body": many_scans(101),
    "CVAT with a JPEG of many scans": {"image": base64.b64encode(many_scans(101)).decode()},
    "CVAT with a TIFF of many scans": {"image": base64.b64encode(in_tiff(many_scans(101))).decode()},
    "a cut image body": jpeg(np.zeros((64, 64, 3), np.uint8))[:300],
    "a JPEG bomb as body": bomb_jpeg(65000, 65000),
}


def worker_pids(function: LocalFunction) -> list[int]:
    assert all(psutil.pid_exists(pid) for pid in function.workers.pids)
    return function.workers.pids


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


def test_a_parsed_body_that_is_nested_too_deeply_is_refused() -> None:
    """The platform parses JSON: what it passes on may be deep."""
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(wire.WireError, match="frame 0: not a base64 string"):
        wire.parse_request(wire.parse_json({"frames": nested}))
