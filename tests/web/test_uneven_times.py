"""The review of a video whose frames are not equally long: its stills are of the very frames all the same."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import invoke
from tests.support.clips import number, numbered
from tests.web.conftest import Client

MILLISECONDS = (40, 40, 7, 150, 20, 150, 40, 7, 100, 40)  # from each frame to the next one


@pytest.fixture(scope="session")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uneven")
    images = numbered(pan(face, (320, 240), len(MILLISECONDS)))
    pts = accumulate(MILLISECONDS[:-1], initial=0)
    source = write_clip(folder / "in" / "face.mp4", images, pts=pts, time_base=Fraction(1, 1000))
    result = invoke("run", source, "-o", folder / "out", "--function", function_url)
    assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize("layer", ["source", "output"])
@pytest.mark.parametrize("frame", [3, 8])
def test_a_still_after_a_short_frame_is_not_of_that_one(client: Client, layer: str, frame: int) -> None:
    answer = client.get(f"{client.video()}/frames/{frame}", params={"layer": layer})
    still = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert still is not None and number(still) == frame
