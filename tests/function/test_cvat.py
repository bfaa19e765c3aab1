"""CVAT's form of a request, over real HTTP."""

from __future__ import annotations

from examples.sample_clip import Image
from tests.support.function_requests import PIXEL, encoded, post


def test_cvat_gets_its_list(function_url: str, face: Image) -> None:
    reply = post(function_url, {"image": encoded(face), "threshold": 0.5})
    assert reply.headers["Content-Type"] == "application/json"
    (row,) = reply.json()
    assert row["label"] == "face" and row["type"] == "rectangle" and float(row["confidence"]) > 0.99
    assert row["points"][0] < row["points"][2] and row["points"][1] < row["points"][3]
    assert post(function_url, {"image": PIXEL}).json() == []
