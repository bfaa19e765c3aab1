"""`GET /check`: whether the function finds and hides one real face, over real HTTP and by its verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import requests

from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import self_check, wire
from faceblur_function.images import Frame, decode_image
from tests.conftest import ServerThread


def test_the_function_checks_itself(function_url: str) -> None:
    reply = requests.get(function_url + "/check", timeout=60)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "application/json"
    check = reply.json()
    assert check["ok"] is True and check["detail_left"] < 0.1 and check["ms"] > 0
    assert check["model"] and check["device"] and "reason" not in check
    assert check["face"]["score"] > 0.9 and len(check["face"]["box"]) == 4
    refused = requests.post(function_url + "/check", data=b"{}", timeout=60)
    assert refused.status_code == 405 and "GET /check" in refused.json()["error"]["message"]


def test_a_function_that_finds_nothing_says_so_with_503() -> None:
    """Its threshold is that of the deployment: at 1 the function finds no face."""
    config = read_config(find_function_yaml(), workers=1, env={"THRESHOLD": "1"})
    with ServerThread(LocalFunction(config)) as function:
        reply = requests.get(function.url + "/check", timeout=60)
    assert reply.status_code == 503
    check = wire.Check.model_validate_json(reply.content)
    assert not check.ok and check.face is None and check.reason == "no face was detected in an image that shows one"


def hidden(image: Frame) -> Frame:
    image = image.copy()
    image[self_check.FACE] = 90
    return image


@pytest.mark.parametrize(
    ("boxes", "change", "reason"),
    [
        ([], hidden, "no face was detected"),
        ([(114, 57, 209, 177)], np.copy, "not blurred: 100%"),
        ([(114, 57, 209, 177)], np.zeros_like, "changed outside the face"),
        ([(114, 57, 209, 177)], hidden, None),
    ],
)
def test_the_verdict(boxes: list[tuple[int, int, int, int]], change: object, reason: str | None) -> None:
    assert callable(change)
    before = decode_image(self_check.IMAGE.read_bytes())
    faces = [wire.Face(box=box, score=0.9) for box in boxes]
    check = self_check.verdict(before, change(before), faces, padding=0.25, model="m", device="d", ms=1.0)
    assert check.ok == (reason is None)
    assert reason is None or (check.reason and reason in check.reason)


def test_the_image_travels_with_the_function() -> None:
    """deploy.sh and the wheel take this folder."""
    assert self_check.IMAGE.parent == Path(self_check.__file__).parent
