"""Every image format: faces are masked, everything else stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import Result
from PIL import Image as Pillow
from PIL import ImageSequence

from faceblur_function.detectors.detector import Detector
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.images import DURATIONS, LOSSLESS, LOSSY, PROFILE, bgr, invoke, read, write_all


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, function_url: str) -> tuple[Path, Path, Result]:
    """The sources, the outputs, and what one run over all of them said."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "in").mkdir()
    write_all(folder / "in")
    result = invoke("image", folder / "in", "-o", folder / "out", "--function", function_url)
    return folder / "in", folder / "out", result


@pytest.mark.parametrize("name", [*LOSSY, *LOSSLESS])
def test_faces_are_gone_and_the_rest_unchanged(name: str, done: tuple[Path, Path, Result], detector: Detector) -> None:
    source, out, result = done
    assert result.exit_code == 0, result.output
    before, after = read(source / name), read(out / name)
    frames = [one[..., ::-1] for one in read(source / "moving.png")] if len(before) > 1 else []
    assert len(before) == len(after) == (6 if "moving" in name or name == "pages.tif" else 1)
    for index, (was, now) in enumerate(zip(before, after, strict=True)):
        if name == "palette.png":
            was = np.array(Pillow.open(source / name).convert("RGB"))
        assert was.shape == now.shape and was.dtype == now.dtype
        searched = np.ascontiguousarray(frames[index][..., 1:]) if frames else bgr(read(source / "rgb.png")[0])
        box = detector.detect([searched], threshold=0.5)[0].xyxy[0]
        x1, y1, x2, y2 = box.astype(int)
        assert detail_left(bgr(was)[y1:y2, x1:x2], bgr(now)[y1:y2, x1:x2]) < 0.25
        if was.ndim == 3 and was.shape[0] in (3, 4):
            was, now = np.moveaxis(was, 0, -1), np.moveaxis(now, 0, -1)
        change = media.outside((was, now), [box], 0.45)
        assert change.max() == 0 if name in LOSSLESS else change.mean() < 2
        if "alpha" in name or name == "rgba16.png":
            assert np.array_equal(was[..., -1], now[..., -1])


def test_detail_is_there_before(done: tuple[Path, Path, Result], detector: Detector) -> None:
    """The measure above distinguishes masked from clear."""
    clear = bgr(read(done[0] / "rgb.png")[0])
    x1, y1, x2, y2 = detector.detect([clear], threshold=0.5)[0].xyxy[0].astype(int)
    again = bgr(read(done[0] / "coarse.jpg")[0])
    assert detail_left(clear[y1:y2, x1:x2], again[y1:y2, x1:x2]) > 0.9


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp"])
def test_animations_keep_their_durations(name: str, done: tuple[Path, Path, Result]) -> None:
    with Pillow.open(done[1] / name) as image:
        assert image.info["loop"] == 3
        durations = []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            durations.append(frame.info["duration"])
    assert durations == DURATIONS


def test_profiles_resolution_and_quality_stay(done: tuple[Path, Path, Result]) -> None:
    source, out, _ = done
    for name in ("rgb.jpg", "rgb.png", "lossless.webp"):
        with Pillow.open(out / name) as image:
            assert image.info["icc_profile"] == PROFILE
            if name != "lossless.webp":
                assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    for name in ("rgb.jpg", "coarse.jpg", "gray.jpg"):
        with Pillow.open(source / name) as before, Pillow.open(out / name) as after:
            for was, now in zip(before.layer, after.layer, strict=True):
                assert before.quantization[was[3]] == after.quantization[now[3]]
                assert was[1:3] == now[1:3]
            assert before.info.get("progressive") == after.info.get("progressive")
    for name in ("deep.tif", "cmyk.tif"):
        with tifffile.TiffFile(source / name) as before, tifffile.TiffFile(out / name) as after:
            page = after.pages[0]
            assert page.iccprofile == PROFILE and page.tags["XResolution"].value == (300, 1)
            assert page.compression == before.pages[0].compression
