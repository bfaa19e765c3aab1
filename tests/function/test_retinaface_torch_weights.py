"""Weights of the GPU model: read from a release, never downloaded for the backbone, never loaded when damaged."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from faceblur_function.detectors.detector import DetectorError
from faceblur_function.detectors.load import load_detector
from faceblur_function.weights import load_weights
from tests.support.resnet import photograph, random_weights
from tests.support.resnet_detector import assert_same, ours


def test_nothing_is_downloaded_for_the_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    def network(*arguments: object, **keywords: object) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", network)
    monkeypatch.setattr(torch.hub, "download_url_to_file", network)
    load_detector("retinaface-resnet50", weights=str(random_weights()))


def test_weights_are_read_from_the_zip_of_a_release(tmp_path: Path) -> None:
    release = tmp_path / "release.zip"
    with zipfile.ZipFile(release, "w") as archive:
        archive.write(random_weights(), "retinaface_resnet50.pth")
    frame = photograph("astronaut")[:200, 100:300]
    detector = load_detector("retinaface-resnet50", weights=str(release))
    (found,), (expected,) = (one.detect([frame], threshold=0.5) for one in (detector, ours()))
    assert len(expected)
    assert_same(found, expected)
    assert detector.weights_sha256 == load_weights("retinaface-resnet50", str(release))[1]


class Intruder:
    """A pickle of it makes a file where it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_damaged_weights_are_never_loaded(tmp_path: Path) -> None:
    complete = random_weights().read_bytes()
    other, listed = io.BytesIO(), io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, other)
    torch.save([torch.zeros(3)], listed)
    opened = tmp_path / "opened"
    bad = {
        "empty": b"",
        "text": b"<html>404</html>",
        "cut": complete[: len(complete) // 2],
        "another network": other.getvalue(),
        "no state": listed.getvalue(),
        "code": pickle.dumps(Intruder(opened)),
    }
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DetectorError, match=r"^the weights of retinaface-resnet50 are not usable: [^\n]+$"):
            load_detector("retinaface-resnet50", weights=str(path))
    assert not opened.exists()
