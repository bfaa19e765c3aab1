"""What a listener to a job's events raises is the caller's: it ends the job, and is no internal error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.atomic_files import TEMPORARY_SUFFIX
from faceblur.base.events import Emit, Event
from faceblur.base.options import Options
from faceblur.detection.endpoint import Endpoint
from faceblur.jobs.image_run import ImageRun
from faceblur.jobs.run import Run
from faceblur.jobs.video_run import VideoRun
from faceblur.redaction.sidecar_format import SUFFIX
from tests.support.no_faces import no_faces


class ListenerError(Exception):
    """The listener's own error."""


def raising(kind: str, names: list[str]) -> Emit:
    """A listener that raises at the first event of a kind; `names` gets those of the events that it got."""

    def on_event(event: Event) -> None:
        names.append(type(event).__name__)
        if names[-1] == kind:
            raise ListenerError(kind)

    return on_event


def execute(kind: type[Run], paths: list[Path], out: Path, on_event: Emit) -> Run:
    """Run it to the listener's error."""

    async def run() -> Run:
        async with no_faces([]) as server:
            job = kind(paths, out, Options(returned="faces"), Endpoint(urls=(server.url,)), on_event=on_event)
            with pytest.raises(ListenerError):
                await job.execute()
        return job

    return asyncio.run(run())


@pytest.mark.parametrize("event", ["FileStarted", "FramesRead", "TimeSpent", "FramesMasked", "PositionLeft"])
@pytest.mark.parametrize("kind", [VideoRun, ImageRun])
def test_it_ends_the_job(tmp_path: Path, face: Image, kind: type[Run], event: str) -> None:
    paths, names = [tmp_path / "a", tmp_path / "b"], list[str]()
    for path in paths:
        path.mkdir()
        if kind is VideoRun:
            write_clip(path / "clip.mp4", pan(face, (64, 48), 8))
        else:
            cv2.imwrite(str(path / "image.png"), np.zeros((48, 64, 3), np.uint8))
    job = execute(kind, paths, tmp_path / "out", raising(event, names))
    assert names.count(event) == 1
    assert names[-1] == event
    states = [one.state for one in job.report.files.values()]
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in left if TEMPORARY_SUFFIX in path.name]
    # The other file may be complete before it is stopped, and its thread cannot be while it gives the file its name.
    complete = {path.name.removesuffix(SUFFIX) for path in left}
    assert "not done" in states and set(states) <= {"not done", "done"} and len(complete) <= 1
    assert {one.target.name for one in job.report.files.values() if one.state == "done" and one.target} <= complete
