"""A whole dataset through the function: what fails is named as what it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faceblur.base.errors import Unavailable
from faceblur.detection.client import FunctionClient
from faceblur.evaluation.datasets import Dataset, LabelledImage
from faceblur.evaluation.detections import Detecting
from tests.support.batches import image
from tests.support.hostile import scripted


def test_function_that_is_unavailable_is_not_reported_as_an_unreadable_image(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(image(9))

    async def detect() -> None:
        async with scripted(503) as server, FunctionClient([server.url], concurrency=1, give_up_after=0.1) as client:
            await Detecting(client, lambda count: None).run(Dataset([LabelledImage(path, [])]))

    with pytest.raises(Unavailable, match="HTTP 503; gave up"):
        asyncio.run(detect())
