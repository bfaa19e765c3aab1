"""Detectors by name: what cannot be loaded is named in one line."""

from __future__ import annotations

import sys

import pytest

from faceblur_function.detectors.detector import DetectorError
from faceblur_function.detectors.load import load_detector
from tests.support.resnet import random_weights


def test_what_cannot_be_loaded_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "broken.onnx").write_bytes(b"not a model")
    for arguments, message in [
        ({"name": "gpt"}, "unknown model 'gpt'"),
        ({"name": "retinaface-mobilenet0.25", "weights": str(folder / "none.onnx")}, "cannot read the weights"),
        ({"name": "retinaface-mobilenet0.25", "weights": str(folder / "broken.onnx")}, "no usable ONNX model"),
        ({"name": "retinaface-mobilenet0.25", "device": "cuda"}, "runs on the CPU only"),
        ({"name": "both", "device": "cuda"}, "runs on the CPU only"),
    ]:
        with pytest.raises(DetectorError, match=message):
            load_detector(**arguments)  # type: ignore[arg-type]


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "faceblur_function.detectors.retinaface_torch", raising=False)
    monkeypatch.setitem(sys.modules, "retinaface.network", None)
    with pytest.raises(DetectorError, match="pip install --no-deps retinaface-pytorch"):
        load_detector("retinaface-resnet50", weights=str(random_weights()))


@pytest.mark.parametrize("name", ["retinaface-mobilenet0.25", "centerface", "retinaface-resnet50"])
def test_weights_that_are_none_are_named(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    damaged = tmp_path_factory.mktemp("weights") / "damaged"
    damaged.write_bytes(b"<html>not found</html>")
    with pytest.raises(DetectorError, match=f"the weights of {name} are no"):
        load_detector(name, weights=str(damaged))
    with pytest.raises(DetectorError, match="cannot read the weights"):
        load_detector(name, weights=str(damaged / "nowhere"))


def test_an_unknown_model_lists_the_known() -> None:
    with pytest.raises(DetectorError, match=r"choose retinaface-mobilenet0\.25, centerface, both, retinaface-resnet50"):
        load_detector("yolo")
