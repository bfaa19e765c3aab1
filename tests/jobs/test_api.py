"""The API's functions as scripts, notebooks and services call them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType

import pytest

import faceblur


def test_a_run_inside_of_a_running_event_loop(face_clip: Path, tmp_path: Path, function_url: str) -> None:
    threads, shown = set(), faceblur.RunProgress()

    def listen(event: faceblur.events.Event) -> None:
        threads.add(threading.current_thread())
        shown(event)

    async def cell() -> faceblur.Report:  # as a notebook runs its cells
        with shown:
            return faceblur.blur(face_clip, tmp_path, function=[function_url], on_event=listen)

    report = asyncio.run(cell())
    assert report.ok and report.files[face_clip].frames == 48
    assert threading.main_thread() not in threads


def test_an_interrupted_cell_of_a_notebook_leaves_nothing(face_clip: Path, tmp_path: Path, function_url: str) -> None:
    def of_the_notebook(number: int, frame: FrameType | None) -> None:
        raise AssertionError("the API handles Ctrl-C while it works")

    def interrupt(event: faceblur.events.Event) -> None:
        if isinstance(event, faceblur.events.FileStarted):
            os.kill(os.getpid(), signal.SIGINT)
            # The work is held until the API has noticed it: the notebook's handler is back then.
            while signal.getsignal(signal.SIGINT) is not of_the_notebook:
                time.sleep(0.01)

    async def cell() -> None:
        faceblur.blur(face_clip, tmp_path, function=function_url, on_event=interrupt)

    before = signal.signal(signal.SIGINT, of_the_notebook)
    loop = asyncio.new_event_loop()  # unlike asyncio.run it leaves Ctrl-C alone, as a notebook does
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cell())
    finally:
        loop.close()
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_is_read_later_has_the_seconds_that_the_run_took(
    face_clip: Path, tmp_path: Path, function_url: str
) -> None:
    report = faceblur.blur(face_clip, tmp_path, function=function_url)
    seconds, summary = report.seconds, report.summary()
    time.sleep(0.05)
    assert report.seconds == seconds
    assert report.summary() == summary

    async def service() -> faceblur.Report:
        async with faceblur.Session(face_clip, tmp_path, function=[function_url], overwrite=True) as session:
            async for _ in session:
                pass
        return session.report

    report = asyncio.run(service())
    assert report.ok and report.ended is not None


def test_sidecars_by_paths_that_are_strings(face_clip: Path, tmp_path: Path, function_url: str) -> None:
    faceblur.blur(str(face_clip), str(tmp_path), function=function_url)
    path = faceblur.sidecar_path(str(tmp_path / "face.mp4"))
    sidecar = faceblur.read_sidecar(str(path))
    faceblur.write_sidecar(str(tmp_path / "again.jsonl"), sidecar)
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("out", ["again.mp4", "."])
def test_render_of_a_broken_video_is_in_the_report(
    face_clip: Path, tmp_path: Path, function_url: str, out: str
) -> None:
    faceblur.blur(face_clip, tmp_path / "blurred", function=function_url)
    (tmp_path / "out").mkdir()
    broken, sidecar = tmp_path / "broken.mp4", faceblur.sidecar_path(tmp_path / "blurred" / "face.mp4")
    broken.write_text("not a video")
    report = faceblur.render(broken, sidecar, tmp_path / "out" / out)
    assert not report.ok and "not a video" in report.failed[0].reason
    assert list((tmp_path / "out").iterdir()) == []
