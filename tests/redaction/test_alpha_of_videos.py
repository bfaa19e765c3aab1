"""A face in a video's alpha plane is masked there, and the sidecar renders the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur import Options, blur, render
from tests.support.awkward_kind import run_ffmpeg

ENCODERS = {"png.mov": "-c:v png", "ffv1.mkv": "-c:v ffv1 -pix_fmt yuva420p", "prores.mov": "-c:v prores_ks"}


def alphas(path: Path) -> list[Image]:
    """The alpha planes of all frames as `(H, W, 3)`."""
    with av.open(str(path)) as container:
        planes = [frame.to_ndarray(format="rgba")[..., 3] for frame in container.decode(video=0)]
    return [np.repeat(np.asarray(plane, np.uint8)[..., None], 3, axis=2) for plane in planes]


def with_alpha(source: Path, alpha: Iterable[Image]) -> Path:
    """A plain gray video, whose alpha plane shows these images."""
    portrait = write_clip(source.parent / "portrait.mp4", alpha, audio_codec=None)
    plain = "-f lavfi -i color=gray:s=320x240:r=25 -i {portrait} -filter_complex"
    merged = "[1:v]format=gray[a];[0:v][a]alphamerge=shortest=1"
    run_ffmpeg(f"{plain} {merged} -frames:v 8 {ENCODERS[source.name]} {{source}}", portrait=portrait, source=source)
    portrait.unlink()
    return source


@pytest.mark.parametrize("name", ENCODERS)
def test_a_face_in_alpha_is_masked(name: str, face: Image, function_url: str, detector: Any, tmp_path: Path) -> None:
    source = with_alpha(tmp_path / "in" / name, pan(face, (320, 240), 8))
    assert sum(map(len, detector.detect(alphas(source), threshold=0.8))) == 8
    report = blur(source, tmp_path / "out", function=[function_url], options=Options(batch_size=5))
    assert report.ok, report.failed
    masked = alphas(tmp_path / "out" / name)
    assert len(masked) == 8 and sum(map(len, detector.detect(masked, threshold=0.7))) == 0
    again = tmp_path / f"again-{name}"
    assert render(source, tmp_path / "out" / f"{name}.faces.jsonl", again).ok
    assert all(np.array_equal(one, two) for one, two in zip(masked, alphas(again), strict=True))


def test_a_face_that_alpha_shows_in_a_single_frame_is_masked(
    face: Image, function_url: str, detector: Any, tmp_path: Path
) -> None:
    """The colours are the same in all frames: by them no frame but the first and the sixth would be searched."""
    (shown,) = pan(face, (320, 240), 1)
    source = with_alpha(
        tmp_path / "in" / "png.mov", [shown if index == 3 else np.full_like(shown, 90) for index in range(8)]
    )
    assert [len(one) for one in detector.detect(alphas(source), threshold=0.8)] == [0, 0, 0, 1, 0, 0, 0, 0]
    report = blur(source, tmp_path / "out", function=[function_url])
    assert report.ok, report.failed
    assert not any(map(len, detector.detect(alphas(tmp_path / "out" / "png.mov"), threshold=0.7)))
