"""The GPU model against the library whose network it runs, and in everything that the library does not do."""

from __future__ import annotations

import io
import logging
import pickle
import sys
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from faceblur_function.detectors.detector import DetectorError, Faces, Frame, anchors, load_detector
from faceblur_function.detectors.retinaface_torch import RetinaFaceTorch
from faceblur_function.weights import load_weights
from tests.support.resnet import photograph, random_weights

with warnings.catch_warnings():
    # The release of albumentations that the library pins imports a name that scipy has moved.
    warnings.filterwarnings("ignore", "Please import `gaussian_filter`", DeprecationWarning)
    from retinaface import predict_single

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")


@cache
def ours(seed: int = 1, detect_size: int = 1920, precision: str | None = None, device: str = "cpu") -> RetinaFaceTorch:
    return RetinaFaceTorch(
        weights=str(random_weights(seed)), device=device, detect_size=detect_size, threads=1, precision=precision
    )


@cache
def library(seed: int, max_size: int) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        model = predict_single.Model(max_size=max_size)
    model.load_state_dict(torch.load(random_weights(seed), weights_only=True))
    model.eval()
    return model


@pytest.fixture(autouse=True)
def exact_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library rounds scores to two digits, which would hide a difference of 1e-3."""
    monkeypatch.setattr(predict_single, "ROUNDING_DIGITS", 6)


@pytest.fixture
def detector() -> Iterator[RetinaFaceTorch]:
    """One whose batch size a test may change."""
    model = ours()
    before = model._run_pixels
    yield model
    model._run_pixels = before


def theirs(frame: Frame, seed: int, detect_size: int, threshold: float) -> Faces:
    """What `predict_jsons` finds. The library would also scale a picture up, which we never do."""
    model = library(seed, min(detect_size, max(frame.shape[:2])))
    found = model.predict_jsons(np.ascontiguousarray(frame[..., ::-1]), confidence_threshold=threshold)
    found = [one for one in found if one["bbox"]]
    xyxy = np.array([one["bbox"] for one in found], np.float32).reshape(-1, 4)
    landmarks = np.array([one["landmarks"] for one in found], np.float32).reshape(-1, 5, 2)
    return Faces(xyxy, np.array([one["score"] for one in found], np.float32), landmarks)


def clamped(faces: Faces, frame: Frame) -> Faces:
    height, width = frame.shape[:2]
    return Faces(np.clip(faces.xyxy, 0, [width, height, width, height]), faces.scores, faces.landmarks)


def assert_same(found: Faces, expected: Faces, *, pixels: float = 0.5, score: float = 1e-3) -> None:
    """Each expected face is found once. Equal scores may change places, so faces are paired by where they are."""
    assert len(found) == len(expected)
    if not len(expected):
        return
    apart = np.abs(found.xyxy[:, None] - expected.xyxy[None]).max(axis=2)
    # Boxes that are clamped to the border can coincide: the score tells them apart.
    apart += np.abs(found.scores[:, None] - expected.scores[None])
    pairs = apart.argmin(axis=1)
    assert sorted(pairs) == list(range(len(expected)))
    assert np.abs(found.xyxy - expected.xyxy[pairs]).max() <= pixels
    assert np.abs(found.scores - expected.scores[pairs]).max() <= score
    assert np.abs(found.landmarks - expected.landmarks[pairs]).max() <= pixels


# Detection sizes below, at and above that of the picture; those below scale both axes by the same ratio.
@pytest.mark.parametrize(
    ("picture", "crop_wh", "detect_size", "seed"),
    [
        ("astronaut", (512, 512), 256, 1),
        ("astronaut", (320, 320), 320, 2),
        ("astronaut", (233, 317), 1920, 3),
        ("coffee", (600, 400), 300, 1),
        ("coffee", (401, 299), 401, 1),
        ("rocket", (333, 427), 428, 2),
        ("chelsea", (450, 300), 300, 1),
        ("chelsea", (301, 199), 301, 2),
    ],
)
def test_finds_what_the_library_finds(picture: str, crop_wh: tuple[int, int], detect_size: int, seed: int) -> None:
    frame = photograph(picture)[: crop_wh[1], : crop_wh[0]]
    expected = theirs(frame, seed, detect_size, 0.6)
    assert 20 <= len(expected) <= 1000
    (found,) = ours(seed, detect_size).detect([frame], threshold=0.6)
    assert_same(found, clamped(expected, frame))


def test_each_axis_is_scaled_back_by_its_own_ratio() -> None:
    """Where the scaled size was rounded, the library takes the height's ratio for both and is off at the far right."""
    frame = photograph("coffee")[:101]
    expected = theirs(frame, 1, 300, 0.5)
    (found,) = ours(1, 300).detect([frame], threshold=0.5)
    to_its_own = ((600 / 300) / (101 / 50), 1.0)  # 600x101 is scaled to 300x50, from 50.5
    corrected = Faces(
        (expected.xyxy * np.tile(to_its_own, 2)).astype(np.float32),
        expected.scores,
        (expected.landmarks * to_its_own).astype(np.float32),
    )
    assert len(expected) > 10
    assert np.abs(expected.xyxy - corrected.xyxy).max() > 0.5
    assert_same(found, clamped(corrected, frame))


def test_red_and_blue_swapped_is_noticed() -> None:
    frame = photograph("astronaut")[:256, :256]
    expected = clamped(theirs(frame, 1, 256, 0.6), frame)
    assert_same(ours().detect([frame], threshold=0.6)[0], expected)
    (swapped,) = ours().detect([frame[..., ::-1]], threshold=0.6)
    with pytest.raises(AssertionError):
        assert_same(swapped, expected)


def test_hundreds_of_boxes_in_one_picture() -> None:
    frame = photograph("coffee")[:350, :500]
    expected = theirs(frame, 1, 500, 0.5)
    assert len(expected) > 500
    assert_same(ours().detect([frame], threshold=0.5)[0], clamped(expected, frame))


def test_boxes_of_one_picture_do_not_suppress_those_of_another() -> None:
    """The trap in torchvision's batched_nms: a box with negative coordinates reaches into the picture before it."""
    size_wh = (64, 64)
    priors = torch.from_numpy(anchors(size_wh))
    offsets, logits = torch.zeros(2, len(priors), 4), torch.zeros(2, len(priors), 2)
    logits[..., 1] = -20
    for image, centre in enumerate([100.0, -80.0]):
        offsets[image, 0, :2] = (centre - priors[0, :2]) / (0.1 * priors[0, 2:])
        offsets[image, 0, 2:] = torch.log(200 / priors[0, 2:]) / 0.2
        logits[image, 0, 1] = 20
    rows = ours().survivors((offsets, logits, torch.zeros(2, len(priors), 10)), size_wh, 0.5)
    boxes = np.concatenate([one[:, :4] for one in rows])
    np.testing.assert_allclose(boxes, [[0, 0, 200, 200], [-180, -180, 20, 20]], atol=1e-3)


def test_scores_that_are_not_numbers_are_an_error() -> None:
    count = len(anchors((64, 64)))
    outputs = (torch.zeros(1, count, 4), torch.full((1, count, 2), torch.nan), torch.zeros(1, count, 10))
    with pytest.raises(FloatingPointError, match="not numbers"):
        ours().survivors(outputs, (64, 64), 0.5)


def test_a_batch_that_does_not_fit_is_halved_and_the_size_is_remembered(
    detector: RetinaFaceTorch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [photograph("astronaut")[y : y + 64, 100:196] for y in range(0, 220, 20)]
    expected = detector.detect(frames, threshold=0.5)
    tried, network = [], detector.forward

    def small_memory(pixels: torch.Tensor) -> Any:
        tried.append(len(pixels))
        if len(pixels) > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return network(pixels)

    monkeypatch.setattr(detector, "forward", small_memory)
    with caplog.at_level(logging.WARNING, "faceblur.detect"):
        found = detector.detect(frames, threshold=0.5)
    assert tried == [11, 5, 2, 2, 2, 2, 2, 1]
    assert sum(map(len, expected)) > 10
    for one, its in zip(found, expected, strict=True):
        assert_same(one, its)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "11 frames of 96x64 do not fit in the memory of cpu",
        "5 frames of 96x64 do not fit in the memory of cpu",
    ]
    assert detector.status()["batch_megapixels"] == 2 * 96 * 64 / 1e6
    tried.clear()
    detector.detect(frames[:4], threshold=0.5)
    assert tried == [2, 2]


def test_one_frame_that_does_not_fit_is_an_error(detector: RetinaFaceTorch, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(pixels: torch.Tensor) -> Any:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(detector, "forward", no_memory)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        detector.detect([photograph("astronaut")[:64, :64]], threshold=0.6)


@pytest.mark.parametrize(
    ("device", "precision", "share"),
    [
        ("cpu", "bfloat16", 0.15),
        ("cpu", "float16", 0.05),
        pytest.param("cuda", "float16", 0.05, marks=CUDA),
    ],
)
def test_half_precision_finds_nearly_the_same(device: str, precision: str, share: float) -> None:
    """How many boxes differ is printed (pytest -s); benchmarks/README.md has the figures.

    Random weights are the hard case: hundreds of boxes overlap and score just about the threshold.
    """
    total = missing = added = 0
    full, half = ours(), ours(precision=precision, device=device)
    for frame in (photograph("astronaut")[:320, :320], photograph("coffee")[:320, :320]):
        (expected,), (found,) = (one.detect([frame], threshold=0.6) for one in (full, half))
        apart = np.abs(found.xyxy[:, None] - expected.xyxy[None]).max(axis=2)
        total += len(expected)
        missing += int((apart.min(axis=0) > 2).sum())
        added += int((apart.min(axis=1) > 2).sum())
    print(f"{precision} on {device}: of {total} boxes in float32, {missing} missing and {added} more, by over 2 px")
    assert total > 100
    assert missing <= total * share
    assert added <= total * share


@CUDA
def test_device_memory_does_not_grow() -> None:
    detector, frames = ours(device="cuda"), [photograph("astronaut")] * 4
    used = []
    for _ in range(40):
        detector.detect(frames, threshold=0.6)
        used.append(torch.cuda.memory_reserved())
    assert used[-1] == used[5]


def test_status_says_what_runs(detector: RetinaFaceTorch) -> None:
    assert detector.status() == {"precision": "float32", "batch_megapixels": 2.0}
    assert detector.provider == f"torch {torch.__version__}"


@NO_CUDA
def test_cuda_without_a_gpu_is_one_clear_line() -> None:
    with pytest.raises(DetectorError, match=r"^DEVICE=cuda, but torch \S+ .+: give it a GPU, or set DEVICE=cpu$"):
        load_detector("retinaface-resnet50", weights=str(random_weights()), device="cuda")


@NO_CUDA
def test_a_gpu_that_fails_at_its_first_use_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **keywords: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore\nlines")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", fails)
    with pytest.raises(DetectorError, match=r"cannot use it \(CUDA error: no kernel image .* device\)") as caught:
        load_detector("retinaface-resnet50", weights=str(random_weights()), device="cuda:0")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda:first", ""])
def test_an_unknown_device_is_named(device: str) -> None:
    with pytest.raises(DetectorError, match="unknown device"):
        load_detector("retinaface-resnet50", weights=str(random_weights()), device=device)


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "faceblur_function.detectors.retinaface_torch")
    monkeypatch.setitem(sys.modules, "retinaface.network", None)
    with pytest.raises(DetectorError, match="pip install --no-deps retinaface-pytorch"):
        load_detector("retinaface-resnet50", weights=str(random_weights()))


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
    whole = random_weights().read_bytes()
    other, listed = io.BytesIO(), io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, other)
    torch.save([torch.zeros(3)], listed)
    opened = tmp_path / "opened"
    bad = {
        "empty": b"",
        "text": b"<html>404</html>",
        "cut": whole[: len(whole) // 2],
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
