"""An output that lacks a whole video stream or its cover art, which the sidecar lists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.auditing.report import report_path
from tests.cli.calls import invoke
from tests.support.awkward_kind import run_ffmpeg


@pytest.fixture(params=["second video", "cover art"])
def output(request: pytest.FixtureRequest, face: Image, function_url: str, tmp_path: Path) -> Path:
    """An output of a source in `in`, which has two video streams."""
    one = write_clip(tmp_path / "one.mp4", pan(face, (192, 144), 8))
    other = write_clip(tmp_path / "other.mp4", pan(face[:, ::-1].copy(), (160, 120), 8), audio_codec=None)
    source = tmp_path / "in" / "clip.mp4"
    source.parent.mkdir()
    kept = "-c copy"
    if request.param == "cover art":
        kept += " -c:v:1 png -frames:v:1 1 -disposition:v:1 attached_pic"
    run_ffmpeg(f"-i {{one}} -i {{other}} -map 0:v -map 0:a -map 1:v {kept} {{to}}", one=one, other=other, to=source)
    assert invoke("run", source, "-o", tmp_path / "out", "--function", function_url).exit_code == 0
    return tmp_path / "out" / "clip.mp4"


def test_a_video_stream_that_is_not_in_the_output_is_missing(output: Path, function_url: str, tmp_path: Path) -> None:
    call = ("audit", tmp_path / "in" / "clip.mp4", output, "--function", function_url)
    assert invoke(*call).exit_code == 0
    whole = Path(shutil.move(output, tmp_path / "whole.mp4"))
    run_ffmpeg("-i {whole} -map 0:v:0 -map 0:a -c copy {to}", whole=whole, to=output)
    assert invoke(*call).exit_code == 1
    (found,) = json.loads(report_path(output, "json").read_text())["findings"]
    assert (found["kind"], found["stream"]) == ("missing", 2)
    assert "the video stream 2 of the source is not in the output" in report_path(output, "html").read_text()


@pytest.fixture
def tracks(face: Image, function_url: str, tmp_path: Path) -> Path:
    """An output with two tracks of sound and one of subtitles; the source also has an empty one and positions."""
    clip, text, empty = (
        write_clip(tmp_path / "one.mp4", pan(face, (192, 144), 8)),
        tmp_path / "1.srt",
        tmp_path / "0.srt",
    )
    text.write_text("1\n00:00:00,100 --> 00:00:00,200\nhello\n")
    positions = tmp_path / "2.srt"
    positions.write_text("1\n00:00:00,100 --> 00:00:00,200\nGPS (48.1234, 11.5678, 500)\n")
    empty.write_text("")
    source = tmp_path / "in" / "clip.mkv"
    source.parent.mkdir()
    inputs = "-i {clip} -i {text} -f srt -i {empty} -i {positions}"
    maps = "-map 0:v -map 0:a -map 0:a -map 1 -map 2 -map 3 -c copy -c:a:1 flac -c:s srt"
    run_ffmpeg(f"{inputs} {maps} {{to}}", clip=clip, text=text, empty=empty, positions=positions, to=source)
    assert invoke("run", source, "-o", tmp_path / "out", "--function", function_url).exit_code == 0
    return tmp_path / "out" / "clip.mkv"


def test_a_track_that_is_not_in_the_output_is_missing(tracks: Path, function_url: str, tmp_path: Path) -> None:
    """What a run itself left out, such as subtitles that are positions, is not."""
    call = ("audit", tmp_path / "in" / "clip.mkv", tracks, "--function", function_url)
    good = invoke(*call)
    assert good.exit_code == 0, good.output
    whole = Path(shutil.move(tracks, tmp_path / "whole.mkv"))
    for kept, lost in (
        ("-map 0:a", [3]),
        ("-map 0:a:0 -map 0:s", [2]),
        ("-map 0:a:1 -map 0:s:0", [1]),
        ("", [1, 2, 3]),
    ):
        run_ffmpeg(f"-i {{whole}} -map 0:v {kept} -c copy {{to}}", whole=whole, to=tracks)
        result = invoke(*call)
        assert result.exit_code == 1 and f"do not publish: {len(lost)} missing" in result.output, result.output
        found = json.loads(report_path(tracks, "json").read_text())["findings"]
        assert [(one["kind"], one["stream"]) for one in found] == [("missing", index) for index in lost]
        assert "of the source is not in the output: a run copies it" in report_path(tracks, "html").read_text()
    run_ffmpeg("-i {whole} -map 0 -c copy -c:a:0 ac3 {to}", whole=whole, to=tracks)  # sound that was encoded again
    assert invoke(*call).exit_code == 0
