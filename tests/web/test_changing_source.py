"""The review of a source whose frames change their size: its boxes are in pixels of the output."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import invoke
from tests.support.changing import write_parts
from tests.web.conftest import Client

SMALL, FRAMES = 15, 30  # so many frames are smaller than the output's


@pytest.fixture(scope="session")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changing")
    clip = write_clip(folder / "clip.mkv", islice(pan(face, (320, 240), 200), SMALL), audio_codec=None)
    (folder / "in").mkdir()
    sizes = [f"-c:v libx264 -vf scale={size}" for size in ("320:240", "640:480")]
    source = write_parts(clip, folder / "in" / "face.ts", sizes, SMALL)
    result = invoke("run", source, "-o", folder / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    return folder


def test_a_frame_that_has_not_the_size_of_its_boxes_is_not_shown(client: Client) -> None:
    path = client.video()
    for crop in ({}, {"crop": "100,60,160,130"}):
        refused = client.get(f"{path}/frames/3", params=crop)
        assert refused.status_code == 422 and "is of 320x240 in the source" in refused.json()["error"]["message"]
    for frame, layer in ((3, "output"), (SMALL + 3, "source")):
        assert client.get(f"{path}/frames/{frame}", params={"layer": layer}).status_code == 200


def test_a_face_is_followed_in_frames_of_its_size_only(client: Client) -> None:
    path, box = client.video(), {"box": "200,100,320,240"}
    for frame in (3, SMALL + 3):
        refused = client.get(f"{path}/frames/{frame}/follow", params=box)
        assert refused.status_code == 422 and "change their size" in refused.json()["error"]["message"]
    params = box | {"first": str(SMALL)}
    assert client.get(f"{path}/frames/{SMALL + 3}/follow", params=params).json()["boxes"]
