"""A video that is shifted as a whole against its sound, or against another video stream, fails the audit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.report import report_path
from tests.cli.calls import invoke
from tests.support.awkward_kind import run_ffmpeg


@pytest.fixture
def output(face: Image, function_url: str, tmp_path: Path) -> Path:
    """An output of a source in `in`, which has two video streams and sound."""
    one = write_clip(tmp_path / "one.mp4", pan(face, (192, 144), 8))
    other = write_clip(tmp_path / "other.mp4", pan(face[:, ::-1].copy(), (160, 120), 8), audio_codec=None)
    source = tmp_path / "in" / "clip.mkv"
    source.parent.mkdir()
    run_ffmpeg("-i {one} -i {other} -map 0 -map 1 -c copy {to}", one=one, other=other, to=source)
    assert invoke("run", source, "-o", tmp_path / "out", "--function", function_url).exit_code == 0
    return tmp_path / "out" / "clip.mkv"


def test_streams_that_are_shifted_against_each_other(output: Path, function_url: str, tmp_path: Path) -> None:
    call = ("audit", tmp_path / "in" / "clip.mkv", output, "--function", function_url)
    good = invoke(*call)
    assert good.exit_code == 0, good.output
    whole = Path(shutil.move(output, tmp_path / "whole.mkv"))
    inputs = "-i {whole} -itsoffset 0.5 -i {whole}"
    for maps, late in (
        ("-map 1:0 -map 1:1 -map 1:2", []),
        ("-map 1:0 -map 0:1 -map 1:2", [(1, "early")]),
        ("-map 0:0 -map 1:1 -map 0:2", [(1, "late")]),
        ("-map 0:0 -map 0:1 -map 1:2", [(2, "late")]),
    ):
        run_ffmpeg(f"{inputs} {maps} -c copy {{to}}", whole=whole, to=output)
        result = invoke(*call)
        assert result.exit_code == bool(late), result.output
        found = json.loads(report_path(output, "json").read_text())["findings"]
        assert [(one["kind"], one["stream"]) for one in found] == [("time", index) for index, _ in late]
        assert [one["text"].split()[-5] for one in found] == [word for _, word in late]
