"""A function whose answers are complete but not so: nothing is written with a face that was masked, but not listed."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.options import Options
from faceblur.detection import retry_policy
from faceblur.detection.endpoint import Endpoint
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur.jobs.video_run import VideoRun
from tests.support.hostile import LIES, LIES_ABOUT_FRAMES, HostileProxy


@pytest.fixture(autouse=True)
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_policy, "MAX_INVALID_REPLIES", 2)


@pytest.mark.parametrize(("lie", "faces"), [*((lie, 1) for lie in LIES + LIES_ABOUT_FRAMES), ("one face less", 2)])
def test_a_video_fails_and_nothing_is_written(
    local_function: LocalFunction, face: Image, tmp_path: Path, lie: str, faces: int
) -> None:
    images = (np.hstack([image] * faces) for image in islice(pan(face, (192, 144), 60), 8))
    clip = write_clip(tmp_path / "in" / "face.mp4", images)
    out = tmp_path / "out"

    async def main() -> str:
        async with HostileProxy(local_function.url, share=1, faults=(lie,)) as proxy:
            run = VideoRun([clip], out, Options(returned="frames"), Endpoint(urls=(proxy.url,)))
            report = await run.run()
            assert proxy.done[lie]
        (one,) = report.files.values()
        assert one.state == "failed", one
        return one.reason

    reason = asyncio.run(main())
    assert not any(out.iterdir()) and reason.isprintable() and "bug in faceblur" not in reason
    if lie in LIES_ABOUT_FRAMES:
        assert "the function's image differs from the frame" in reason or "without being redacted" in reason
    else:
        assert "answer" in reason
