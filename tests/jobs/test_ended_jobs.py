"""A job that ended: whether its report is ok, its seconds, and when it is summarized."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from faceblur.base.events import FileEnded
from faceblur.base.options import Options
from faceblur.cli.execute_job import execute_job
from faceblur.cli.verbosity import Verbosity
from faceblur.jobs.job import Job
from faceblur.jobs.report import Report
from faceblur.jobs.session import Session


class Short(Job):
    async def execute(self) -> Report:
        return self.report


class Interrupted(Job):
    """Cancelled while it still searches its inputs."""

    async def execute(self) -> Report:
        raise asyncio.CancelledError


def test_a_report_without_files_is_not_ok() -> None:
    report = Report()
    assert not report.ok
    report.apply(FileEnded(Path("a.mp4"), "skipped"))
    assert report.ok


def test_a_session_that_was_left_before_it_had_files_is_not_ok(tmp_path: Path) -> None:
    async def leave_at_once() -> Report:
        async with Session(tmp_path / "missing", tmp_path / "out", options=Options()) as session:
            await asyncio.sleep(0)
        return session.report

    assert not asyncio.run(leave_at_once()).ok


def test_no_summary_where_the_inputs_were_still_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute_job(lambda emit: Interrupted(emit), Verbosity()) == 130
    assert capsys.readouterr().out == ""


def test_the_seconds_are_those_of_the_run_also_later() -> None:
    report = asyncio.run(Short().run())
    seconds = report.seconds
    time.sleep(0.01)
    assert report.seconds == seconds
