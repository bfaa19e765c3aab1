"""The handler over real HTTP, as every caller meets it; FUNCTION_URL points these tests at a real Nuclio."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import requests

from examples.sample_clip import Image
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur_function import wire
from faceblur_function.detectors.detector import Detector
from faceblur_function.images import decode_image
from faceblur_function.main import handler
from tests.conftest import ServerThread
from tests.support.function_requests import PIXEL, encoded, jpeg, post


def test_what_is_loaded(function_url: str) -> None:
    reply = requests.get(function_url + "/", timeout=60)
    assert reply.status_code == 200
    info = wire.Info.model_validate_json(reply.content)
    assert info.version == 1 and len(info.weights_sha256) == 64 and info.limits.max_frames == 64
    assert info.detect_size == 1920


def test_batch_comes_back_blurred_in_order(function_url: str, face: Image, detector: Detector) -> None:
    frames = [face, np.zeros((32, 48, 3), np.uint8), cv2.resize(face, (256, 256))]
    sent = [encoded(frame) for frame in frames]
    reply = wire.Reply.model_validate_json(post(function_url, {"frames": sent}).content)
    assert reply.frames is not None and reply.digests is not None
    returned = [decode_image(base64.b64decode(frame)) for frame in reply.frames]
    assert [frame.shape for frame in returned] == [frame.shape for frame in frames]
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
        decode_image(base64.b64decode(reply["frames"][0])), decode_image(base64.b64decode(encoded(face)))
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
    assert len(detector.detect([decode_image(reply.content)], threshold=0.5)[0]) == 0
    reply = post(function_url, jpeg(face), headers={"Content-Type": kind}, params={"format": "png", "threshold": "1"})
    assert reply.headers["Content-Type"] == "image/png"
    assert np.array_equal(decode_image(reply.content), decode_image(jpeg(face)))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/", 405), ("DELETE", "/", 405), ("GET", "/nowhere", 404), ("POST", "/blur", 404)],
)
def test_other_methods_and_paths(function_url: str, method: str, path: str, status: int) -> None:
    reply = requests.request(method, function_url + path, json={"frames": [PIXEL]}, timeout=60)
    assert reply.status_code == status and reply.json()["error"]["code"]


def test_a_path_and_a_header_that_are_not_utf_8_get_no_traceback(function_url: str) -> None:
    reply = requests.get(function_url + "/%00%ff", timeout=60)
    assert reply.status_code == 404 and reply.json()["error"]["code"] == "not_found"
    assert requests.get(function_url + "/", headers={"X-Name": b"\xff"}, timeout=60).status_code == 200


@pytest.mark.parametrize("decode", ["true", "false"])
def test_it_makes_no_difference_whether_the_platform_decodes_strings(decode: str, face: Image) -> None:
    config = read_config(find_function_yaml(), workers=1, env={"NUCLIO_PYTHON_DECODE_EVENT_STRINGS": decode})
    with ServerThread(LocalFunction(config)) as function:
        assert requests.get(function.url + "/nowhere", timeout=60).status_code == 404
        assert requests.delete(function.url, timeout=60).status_code == 405
        kind = {"Content-Type": "image/jpeg"}
        reply = post(function.url, jpeg(face), headers=kind, params={"format": "png", "threshold": "1"})
        assert np.array_equal(decode_image(reply.content), decode_image(jpeg(face)))
        assert len(post(function.url, {"frames": [encoded(face)], "return": "faces"}).json()["faces"][0]) == 1
        assert post(function.url, b"not an image", headers=kind).json()["error"]["code"] == "bad_image"


def test_a_cloud_event_is_refused(function_url: str, face: Image) -> None:
    """Nuclio gives one without `data` that of the one before, which may be of another caller."""
    kind = {"Content-Type": "application/cloudevents+json"}
    body = {"frames": [encoded(face)], "return": "faces"}
    for data in ({"data": body}, {"data": json.dumps(body)}, {}):
        event = {"specversion": "1.0", "id": "1", "type": "t", "source": "/camera"} | data
        reply = post(function_url, event, headers=kind)
        assert reply.status_code == 400 and reply.json()["error"]["code"] == "cloud_event"
    # One in binary form has the body as it is.
    binary = {"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/camera"}
    assert len(post(function_url, body, headers=binary).json()["faces"][0]) == 1


def test_bad_query_of_an_image_body(function_url: str, face: Image) -> None:
    for query in ({"style": "x"}, {"threshold": "high"}, {"what": "1"}):
        assert post(function_url, jpeg(face), params=query).status_code == 400


def test_requests_side_by_side_do_not_mix(function_url: str, face: Image) -> None:
    shades = list(range(20, 220, 10))

    def one(shade: int) -> float:
        reply = post(function_url, {"frames": [encoded(np.full((40, 40, 3), shade, np.uint8))]}).json()
        return float(decode_image(base64.b64decode(reply["frames"][0])).mean())

    with ThreadPoolExecutor(8) as pool:
        assert np.allclose(list(pool.map(one, shades)), shades, atol=2)


@pytest.mark.parametrize("ends", [True, False])
def test_a_gpu_on_which_no_other_request_can_succeed_ends_the_process(ends: bool) -> None:
    error = "an illegal memory access was encountered" if ends else "invalid argument"
    code = f"""
from types import SimpleNamespace
from faceblur_function.main import handler

def raising():
    raise RuntimeError("CUDA error: {error}\\nCUDA kernel errors might be asynchronously reported")

context = SimpleNamespace(
    user_data=SimpleNamespace(service=SimpleNamespace(info=raising)),
    logger=SimpleNamespace(error_with=lambda message, **details: print(message, flush=True)),
    Response=lambda **fields: SimpleNamespace(**fields),
)
print(handler(context, SimpleNamespace(path="/", method="GET")).status_code, flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == ends, done.stderr
    said = ["the GPU failed: this process ends"] if ends else ["request failed", "500"]
    assert done.stdout.splitlines() == said


HIDDEN = SystemError("<built-in function resize> returned a result with an exception set")
HIDDEN.__cause__ = MemoryError()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), ValueError("Unable to allocate 9 GiB"), HIDDEN]
)
def test_a_request_that_the_memory_is_not_enough_for_is_a_507(error: Exception) -> None:
    def raising() -> str:
        raise error

    logged: list[dict[str, object]] = []
    context = SimpleNamespace(
        user_data=SimpleNamespace(service=SimpleNamespace(info=raising)),
        logger=SimpleNamespace(error_with=lambda message, **details: logged.append(details)),
        Response=lambda **fields: SimpleNamespace(**fields),
    )
    reply = handler(context, SimpleNamespace(path="/", method="GET"))
    assert reply.status_code == 507 and json.loads(reply.body)["error"]["code"] == "out_of_memory" and len(logged) == 1
