"""The end of a job on the command line: what is printed, and when."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console

from faceblur.base.events import (
    Emit,
    FacesRejected,
    FileEnded,
    FileRestarted,
    FileStarted,
    FramesMasked,
    FramesRead,
    GapsMasked,
    MaskedState,
)
from faceblur.cli import execute_job as module
from faceblur.cli import summary
from faceblur.cli.logs import set_up_logging
from faceblur.cli.progress import Bars, Lines, RunProgress, _FpsColumn
from faceblur.cli.verbosity import Verbosity
from faceblur.jobs.job import Job
from faceblur.jobs.report import Report

SOURCE = Path("a.mp4")


class RecordedDisplay(Lines):
    """Records when it ends."""

    def __init__(self, record: list[str]) -> None:
        super().__init__()
        self._record = record

    def __exit__(self, *exception: object) -> None:
        super().__exit__(None, None, None)
        self._record.append("display ended")


class CountedDisplay(RecordedDisplay):
    """Adds up what it shows."""

    def __init__(self) -> None:
        super().__init__([])
        self.shown = [0, 0]

    def __enter__(self) -> Self:
        return self

    def advanced(self, source: Path, frames: int, faces: int) -> None:
        self.shown = [self.shown[0] + frames, self.shown[1] + faces]


class OneFile(Job):
    async def execute(self) -> Report:
        self.emit(FileStarted(SOURCE, 1))
        self.emit(FileEnded(SOURCE, "done", seconds=1.0))
        return self.report


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    happened: list[str] = []
    monkeypatch.setattr(module, "choose_display", lambda *_: RecordedDisplay(happened))
    monkeypatch.setattr(summary, "print_summary", lambda *_: happened.append("summary"))
    yield happened


def test_the_bars_end_before_the_summary_is_printed(record: list[str]) -> None:
    # Both go to one terminal: bars that end later are drawn over the summary's last lines.
    def make(emit: Emit) -> Job:
        return OneFile(emit)

    assert module.execute_job(make, Verbosity()) == 0
    assert record == ["display ended", "summary"]


@pytest.mark.parametrize("states", [(), ("followed",), ("gap-filled", "followed")])
def test_the_table_has_a_column_of_each_kind_of_gap_that_there_is(states: tuple[MaskedState, ...]) -> None:
    report = Report()
    for event in (FileStarted(SOURCE, 9), FramesRead(SOURCE, 9), FramesMasked(SOURCE, 9, 5)):
        report.apply(event)
    for number, state in enumerate(states, 7):
        report.apply(GapsMasked(SOURCE, number, state))
    report.apply(FileEnded(SOURCE, "done", seconds=1.0))
    report.apply(FileEnded(Path("b.mp4"), "skipped"))
    console = Console(file=io.StringIO(), width=80)
    console.print(summary._files(report))
    head, _, first, second = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    rows = [[cell.strip() for cell in re.split("[│┃]", line)] for line in (head, first, second)]
    assert rows[0] == ["file", "frames", "faces", *states, "seconds", "fps", "state"]
    numbers = [str(number) for number, _ in enumerate(states, 7)]
    assert rows[1] == ["a.mp4", "9", str(5 + sum(map(int, numbers))), *numbers, "1.0", "9.0", "done"]
    assert rows[2] == ["b.mp4", *[""] * (4 + len(states)), "skipped"]


def test_the_files_with_the_most_rejected_faces_are_named() -> None:
    report = Report()
    for number, name in enumerate("abcde"):
        report.apply(FileStarted(Path(name), 9))
        report.apply(FacesRejected(Path(name), number))
    (line,) = summary._rejected(report)
    assert line.startswith("10 doubtful faces, counted in each frame, left visible: ")
    assert line.endswith("They are in e (4), d (3), c (2) and 1 more file")
    assert not list(summary._rejected(Report()))


class Ticks:
    """Stands in for `asyncio` and `time`: a second passes in each step of the event loop."""

    def __init__(self) -> None:
        self.seconds, self.get_running_loop = 0.0, asyncio.get_running_loop

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.seconds += seconds

    @staticmethod
    async def passed(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)


def test_a_worker_does_not_say_of_how_many_and_nothing_while_it_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_logging(Console(stderr=True, width=200), Verbosity())
    ticks = Ticks()
    for name in ("asyncio", "time"):
        monkeypatch.setattr(f"faceblur.cli.progress.{name}", ticks)

    async def work() -> None:
        with Lines(interval=1) as lines:
            for name in ("a.mp4", "b.mp4"):
                lines.started(Path(name), 9)
                lines.advanced(Path(name), 9, 4)
            lines.ended(Path("a.mp4"), "done")
            await ticks.passed(3)
            lines.ended(Path("b.mp4"), "done")
            assert capsys.readouterr().err.splitlines()[-1].startswith("1 file, 18 frames, ")
            await ticks.passed(50)
            assert not capsys.readouterr().err
            lines.started(SOURCE, 9)
            await ticks.passed(3)

    asyncio.run(work())
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("2 files, 18 frames, ")
    # The time without a video does not count: else it would be 18 frames in 56 s.
    assert float(line.split(", ")[2].removesuffix(" fps")) > 18 / 10


def test_more_files_than_were_planned_are_no_fraction() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    bars = Bars(console)
    assert bars._title() == "total 0 files"
    bars.planned(1, None)
    for name in ("a.mp4", "b.mp4"):
        bars.started(Path(name), None)
        bars.ended(Path(name), "done")
    assert bars._title() == "total 2/2 files"


def test_frames_that_come_at_once_are_no_high_speed() -> None:
    """Of a short clip most frames are ready within a moment at the end."""
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    bars = Bars(console)
    bars.planned(1, 100)
    bars.started(SOURCE, 100)
    now = bars._progress.get_time()
    for passed, frames in ((4.0, 2), (4.001, 49), (4.002, 49)):
        bars._progress.get_time = lambda passed=passed: now + passed  # type: ignore[method-assign,misc]
        for task in bars._progress.tasks:
            task._get_time = bars._progress.get_time
        bars.advanced(SOURCE, frames, 0)
    speeds = [_FpsColumn().render(task).plain for task in bars._progress.tasks]
    assert speeds == ["  25.0 fps"] * 2


def test_a_file_that_is_begun_anew_does_not_count_twice() -> None:
    display = CountedDisplay()
    with RunProgress(display) as progress:
        for event in (FileStarted(SOURCE, 9), FramesMasked(SOURCE, 5, 2), FileRestarted(SOURCE)):
            progress(event)
        progress(FramesMasked(SOURCE, 9, 4))
        assert display.shown == [9, 4]
