"""CVAT's form of a request, over real HTTP."""

from __future__ import annotations

import base64
import io

import numpy as np
import PIL.Image
import pytest

from examples.sample_clip import Image
from tests.support.faces import BOX, box_iou
from tests.support.function_requests import PIXEL, encoded, post


def test_cvat_gets_its_list(function_url: str, face: Image) -> None:
    reply = post(function_url, {"image": encoded(face), "threshold": 0.5})
    assert reply.headers["Content-Type"] == "application/json"
    (row,) = reply.json()
    assert row["label"] == "face" and row["type"] == "rectangle" and float(row["confidence"]) > 0.99
    assert row["points"][0] < row["points"][2] and row["points"][1] < row["points"][3]
    assert post(function_url, {"image": PIXEL}).json() == []


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_it_gets_its_list_for_every_format_that_it_sends(function_url: str, face: Image, name: str) -> None:
    """CVAT sends a file of the task as it was uploaded."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(face[:, :, ::-1]).save(buffer, name)
    (row,) = post(function_url, {"image": base64.b64encode(buffer.getvalue()).decode()}).json()
    assert box_iou(np.array(row["points"]), BOX) > 0.8


@pytest.mark.parametrize("mode", ["I;16", "F", "1", "L", "RGBA", "CMYK"])
def test_tiffs_of_every_kind_are_read(function_url: str, face: Image, mode: str) -> None:
    buffer, image = io.BytesIO(), PIL.Image.fromarray(face[:, :, ::-1])
    gray = np.asarray(image.convert("L"))
    if mode == "I;16":
        image = PIL.Image.fromarray(gray.astype(np.uint16) * 257)
    elif mode == "F":
        image = PIL.Image.fromarray(gray.astype(np.float32) / 255)
    else:
        image = image.convert(mode)
    image.save(buffer, "TIFF")
    reply = post(function_url, {"image": base64.b64encode(buffer.getvalue()).decode()})
    assert reply.status_code == 200 and (mode == "1" or len(reply.json()) == 1), reply.text


def test_others_are_still_sent_as_jpeg_png_or_webp(function_url: str, face: Image) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(face).save(buffer, "BMP")
    reply = post(function_url, {"frames": [base64.b64encode(buffer.getvalue()).decode()]})
    assert reply.status_code == 400 and "not a JPEG, PNG or WebP image" in reply.json()["error"]["message"]
