"""A face in a video's alpha plane is masked there, and the sidecar renders the same."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ENCODERS)
def test_a_face_in_alpha_is_masked(name: str, face: Image, function_url: str, detector: Any, tmp_path: Path) -> None:
    portrait = write_clip(tmp_path / "portrait.mp4", pan(face, (320, 240), 8), audio_codec=None)
    source = tmp_path / "in" / name
    source.parent.mkdir()
    plain = "-f lavfi -i color=gray:s=320x240:r=25 -i {portrait} -filter_complex"
    merged = "[1:v]format=gray[a];[0:v][a]alphamerge=shortest=1"
    run_ffmpeg(f"{plain} {merged} -frames:v 8 {ENCODERS[name]} {{source}}", portrait=portrait, source=source)
    assert sum(map(len, detector.detect(alphas(source), threshold=0.8))) == 8
    report = blur(source, tmp_path / "out", function=[function_url], options=Options(batch_size=5))
    assert report.ok, report.failed
    masked = alphas(tmp_path / "out" / name)
    assert len(masked) == 8 and sum(map(len, detector.detect(masked, threshold=0.7))) == 0
    again = tmp_path / f"again-{name}"
    assert render(source, tmp_path / "out" / f"{name}.faces.jsonl", again).ok
    assert all(np.array_equal(one, two) for one, two in zip(masked, alphas(again), strict=True))
