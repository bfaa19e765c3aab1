"""The review of a video with cover art: its frame is listed, and not shown."""

from __future__ import annotations

import subprocess
from itertools import islice
from pathlib import Path

import cv2
import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import invoke
from tests.web.conftest import Client


@pytest.fixture(scope="session")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cover_art")
    clip = write_clip(folder / "clip.mp4", islice(pan(face, (320, 240), 60), 5), audio_codec=None)
    cv2.imwrite(str(folder / "cover.jpg"), face)
    (folder / "in").mkdir()
    inputs, how = ["-i", clip, "-i", folder / "cover.jpg"], "-map 0 -map 1 -c copy -disposition:v:1 attached_pic"
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *how.split(), folder / "in" / "face.mp4"], check=True)
    result = invoke("run", folder / "in" / "face.mp4", "-o", folder / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize("what", ["?layer=source&stream=1", "?layer=output&stream=1", "/follow?box=9,9,60,60&stream=1"])
def test_cover_art_is_refused_by_one_line(client: Client, what: str) -> None:
    path = client.video()
    assert [one["stream"] for one in client.get(path).json()["streams"]] == [0, 1]
    refused = client.get(f"{path}/frames/0{what}")
    assert refused.status_code == 422 and "stream 1 is cover art" in refused.json()["error"]["message"]
