"""The reducer: what a run's events make of its report."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import get_args

import pytest

from faceblur.base.events import (
    Event,
    FacesRejected,
    FileEnded,
    FileRestarted,
    FileStarted,
    FramesMasked,
    FramesRead,
    FunctionConnected,
    GapsMasked,
    MaskedState,
    PositionEntered,
    PositionLeft,
    ReplyReceived,
    RunEnded,
    RunPlanned,
    TimeSpent,
)
from faceblur.jobs.report import FileReport, Report, clock

A, B = Path("a.mp4"), Path("b.mp4")
OUT = Path("out/a.mp4")
EVENTS: list[Event] = [
    RunPlanned(2, 300),
    FunctionConnected("a model", "cpu", "a provider"),
    FileStarted(A, 100),
    FramesRead(A, 90),
    FileRestarted(A),
    PositionEntered(A, "decode"),
    PositionLeft(A, "decode"),
    TimeSpent(A, "decode", 0.5),
    FramesRead(A, 10),
    ReplyReceived(A, "a model", "cpu", 2, {"detect": 250.0, "network": 1000.0, "hand-over": 500.0}),
    FramesMasked(A, 10, 12),
    GapsMasked(A, 3, "gap-filled"),
    FacesRejected(A, 2),
    FileEnded(A, "done", "left out: a note", OUT, ("a note",), ("a gap",), 1.5),
    RunEnded(("bound by encode",)),
]


def reduced(*events: Event) -> Report:
    report = Report()
    for event in events:
        report.apply(event)
    return report


def test_every_event_changes_the_report() -> None:
    files = [kind for one in get_args(Event) for kind in (get_args(one) or (one,))]
    assert {type(event) for event in EVENTS} == set(files)
    report = Report()
    for event in EVENTS:
        before = copy.deepcopy(report)
        report.apply(event)
        assert report != before, event


def test_a_file_from_its_start_to_its_end() -> None:
    *events, ended, over = EVENTS
    one = reduced(*events).files[A]
    assert (one.state, one.expected_frames, one.frames, one.masked, one.searched) == ("not done", 100, 10, 10, 2)
    assert (one.faces, one.faces_by_state, one.rejected) == (15, {"detected": 12, "gap-filled": 3}, 2)
    assert (one.model, one.device) == ("a model", "cpu")
    assert one.stage_seconds == {"decode": 0.5, "function: detect": 0.25, "network": 1.0, "hand-over": 0.5}
    report = reduced(*events, ended, over)
    one = report.files[A]
    assert (one.state, one.target, one.seconds, one.reason) == ("done", OUT, 1.5, "left out: a note")
    assert (one.left_out, one.damage) == (("a note",), ("a gap",))
    assert (report.planned_files, report.planned_frames) == (2, 300)
    assert (report.model, report.device, report.provider) == ("a model", "cpu", "a provider")
    assert report.lines == ("bound by encode",)


def test_figures_add_up() -> None:
    report = reduced(*[event for event in EVENTS for _ in range(3) if not isinstance(event, FileEnded)])
    one = report.files[A]
    assert (one.frames, one.masked, one.searched, one.faces, one.faces_by_state["gap-filled"]) == (30, 30, 6, 45, 9)
    assert one.stage_seconds == {"decode": 1.5, "function: detect": 0.75, "network": 3.0, "hand-over": 1.5}


def test_files_do_not_mix() -> None:
    report = reduced(FileStarted(A, 5), FileStarted(B, None), FramesRead(B, 4), TimeSpent(A, "write", 1.0))
    assert report.files[A].frames == 0 and report.files[B].frames == 4
    assert report.files[A].stage_seconds == {"write": 1.0} and report.files[B].stage_seconds == {}


def test_positions_of_the_running_files() -> None:
    report = reduced(FileStarted(A, 5), *[PositionEntered(A, "function")] * 3, PositionLeft(A, "function"))
    assert list(report.running) == [A] and report.running[A] is report.files[A]
    assert report.running[A].positions["function"] == 2 and report.running[A].positions["encode"] == 0
    report.apply(FileEnded(A, "failed", "no disk"))
    assert not report.running and not any(report.files[A].positions.values())


@pytest.mark.parametrize(
    ("states", "ok", "failed"),
    [((), False, []), (("done", "skipped"), True, []), (("failed", "done"), False, [A]), (("not done",), False, [])],
)
def test_what_is_ok(states: tuple[str, ...], ok: bool, failed: list[Path]) -> None:
    report = reduced(*(FileEnded(path, state) for path, state in zip((A, B), states, strict=False)))  # type: ignore[arg-type]
    assert report.ok is ok and [one.source for one in report.failed] == failed


def test_a_file_that_failed_before_it_was_started_is_reported() -> None:
    report = reduced(FileEnded(A, "failed", "not a video"), FileEnded(B, "skipped", "it exists"))
    assert [(one.source, one.state, one.reason, one.target) for one in report.files.values()] == [
        (A, "failed", "not a video", None),
        (B, "skipped", "it exists", None),
    ]


def test_target_stays_where_the_end_names_none() -> None:
    report = Report({A: FileReport(A, OUT)})
    report.apply(FileEnded(A, "failed", "no disk"))
    assert report.files[A].target == OUT


def test_summary() -> None:
    assert Report().summary() == "0 files: nothing to do"
    assert reduced(FileEnded(A, "skipped")).summary() == "1 file: 1 skipped"
    report = reduced(*EVENTS, FileEnded(B, "failed", "no disk"))
    assert report.summary(2.0) == (
        "2 files: 1 done, 1 failed; 10 frames, 15 faces (12 detected, 0 interpolated, 3 gap-filled, 0 followed) "
        "in 0:02 (5.0 fps) by a model on cpu, which searched 2 frames"
    )


def test_summary_has_why_faces_are_masked() -> None:
    gaps = [GapsMasked(A, number, state) for number, state in enumerate(get_args(MaskedState)[1:], 1)]
    *events, ended, over = EVENTS
    assert (
        "25 faces (12 detected, 1 interpolated, 5 gap-filled, 3 followed, 4 added) in"
        in reduced(*events, *gaps, ended, over).summary()
    )
    assert "10 frames, 0 faces in" in reduced(FramesRead(A, 10), FileEnded(A, "done")).summary()


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 12.4, 61, 3723)] == ["0:00", "0:12", "1:01", "1:02:03"]
