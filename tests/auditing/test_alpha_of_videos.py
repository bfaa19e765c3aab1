"""The audit looks at a video's alpha plane: a face there is found, masked or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.redaction.sidecar_files import sidecar_path
from tests.cli.calls import invoke
from tests.support.awkward_kind import run_ffmpeg


@pytest.fixture(scope="module")
def source(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose colours are gray and whose alpha plane shows a face."""
    folder = tmp_path_factory.mktemp("alpha")
    portrait = write_clip(folder / "portrait.mp4", pan(face, (320, 240), 8), audio_codec=None)
    plain = "-f lavfi -i color=gray:s=320x240:r=25 -i {portrait} -filter_complex"
    merged = "[1:v]format=gray[a];[0:v][a]alphamerge=shortest=1 -frames:v 8 -c:v ffv1 -pix_fmt yuva420p"
    run_ffmpeg(f"{plain} {merged} {{source}}", portrait=portrait, source=folder / "clip.mkv")
    return folder / "clip.mkv"


def test_a_face_in_alpha_is_audited(source: Path, function_url: str, tmp_path: Path) -> None:
    audit = ("--function", function_url)
    assert invoke("run", source, "-o", tmp_path / "good", *audit).exit_code == 0
    good = tmp_path / "good" / "clip.mkv"
    passed = invoke("audit", source, good, *audit)
    assert passed.exit_code == 0, passed.output

    clear = tmp_path / "clear.mkv"
    shutil.copy(source, clear)
    shutil.copy(sidecar_path(good), sidecar_path(clear))
    exposed = invoke("audit", source, clear, *audit)
    assert exposed.exit_code == 1 and "exposed" in exposed.output

    header, *lines = [json.loads(line) for line in sidecar_path(good).read_text().splitlines()]
    sidecar_path(clear).write_text(
        "".join(json.dumps(one) + "\n" for one in (header, *(line | {"faces": []} for line in lines)))
    )
    uncovered = invoke("audit", source, clear, *audit)
    assert uncovered.exit_code == 1 and "uncovered" in uncovered.output
