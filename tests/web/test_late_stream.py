"""The review of a video of two streams, of which the first one begins later."""

from __future__ import annotations

import subprocess
from itertools import islice
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import invoke
from tests.web.conftest import Client


@pytest.fixture(scope="session")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("late_stream")
    clip = write_clip(folder / "clip.mp4", islice(pan(face, (320, 240), 60), 5), audio_codec=None)
    (folder / "in").mkdir()
    inputs = ["-itsoffset", "0.1", "-i", clip, "-i", clip, "-map", "0", "-map", "1", "-c", "copy"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, folder / "in" / "face.mp4"], check=True)
    result = invoke("run", folder / "in" / "face.mp4", "-o", folder / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    return folder


def test_the_first_stream_is_the_one_that_a_browser_plays(client: Client) -> None:
    assert [one["stream"] for one in client.get(client.video()).json()["streams"]] == [0, 1]
