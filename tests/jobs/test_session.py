"""A run as an async session: typed events, and nothing half written when it is left early."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

import faceblur
from examples.sample_clip import Image, pan, write_clip
from faceblur.base.atomic_files import TEMPORARY_SUFFIX
from faceblur.base.events import Event, FileStarted, FramesRead, RunEnded, RunPlanned
from tests.support import clips as media

FRAMES = 12


@pytest.fixture(scope="module")
def clip(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("in") / "face.mp4", pan(face, (192, 144), FRAMES))


def session_until(
    is_enough: Callable[[Event], bool], clip: Path, out: Path, url: str
) -> tuple[list[Event], faceblur.Report]:
    """The events of a session that is left after the first one that is enough."""

    async def run() -> tuple[list[Event], faceblur.Report]:
        events: list[Event] = []
        async with faceblur.Session([clip], out, function=[url]) as session:
            async for event in session:
                events.append(event)
                if is_enough(event):
                    break
        return events, session.report

    return asyncio.run(asyncio.wait_for(run(), 100))


def test_session_yields_typed_events(clip: Path, function_url: str, tmp_path: Path) -> None:
    events, report = session_until(lambda _: False, clip, tmp_path, function_url)
    kinds = {kind for one in get_args(Event) for kind in (get_args(one) or (one,))}
    assert {type(event) for event in events} <= kinds
    assert isinstance(events[0], RunPlanned) and isinstance(events[-1], RunEnded)
    assert sum(event.frames for event in events if isinstance(event, FramesRead)) == FRAMES
    assert report.ok and report.files[clip].frames == FRAMES
    assert media.times(tmp_path / clip.name) == media.times(clip)


@pytest.mark.parametrize("kind", [RunPlanned, FileStarted, FramesRead])
def test_leaving_a_session_early_cancels_and_leaves_no_file(
    clip: Path, function_url: str, tmp_path: Path, kind: type
) -> None:
    _, report = session_until(lambda event: isinstance(event, kind), clip, tmp_path / "out", function_url)
    assert [one.state for one in report.files.values()] == ["not done"] and not report.running
    assert not [path for path in tmp_path.rglob("*") if path.is_file() or TEMPORARY_SUFFIX in path.name]


def test_session_raises_what_ended_it(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(faceblur.UsageError, match="no such file or directory"):
        session_until(lambda _: False, tmp_path / "nowhere", tmp_path / "out", "http://127.0.0.1:9")
    with pytest.raises(faceblur.FunctionError, match="cannot connect"):
        session_until(lambda _: False, clip, tmp_path / "out", "http://127.0.0.1:9")


def test_iterating_again_ends_as_the_first_time(tmp_path: Path) -> None:
    async def iterate_twice() -> None:
        async with faceblur.Session(tmp_path / "missing", tmp_path / "out") as session:
            for _ in range(2):
                with pytest.raises(faceblur.UsageError):
                    async for _event in session:
                        pass

    asyncio.run(asyncio.wait_for(iterate_twice(), 60))
