"""A worker's JSON logs say for which job, part and attempt each line is."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest
from rich.console import Console

from faceblur.base import work_item
from faceblur.cli.logs import JsonFormatter, set_up_logging
from faceblur.cli.progress import Lines
from faceblur.cli.verbosity import Verbosity
from tests.fleet.test_workers import tree
from tests.support.fleet import WorkerProcess, put_in, rows


def test_lines_about_a_video_name_its_job_and_others_do_not(
    file_ledger: str, function_url: str, short_clip: Path, tmp_path: Path
) -> None:
    source = tree(tmp_path / "in", short_clip, 2)
    put_in(source, "-o", tmp_path / "out", "--ledger", file_ledger)
    (source / "001.mp4").write_bytes(b"no video any more")
    with WorkerProcess(file_ledger, function_url, "-v", "--until-empty") as worker:
        lines = [json.loads(line) for line in worker.wait().splitlines()]
    assert {one.state for one in rows(file_ledger)} == {"done", "failed"}
    jobs = {one.source: one.id for one in rows(file_ledger)}
    of_videos = [line for line in lines if "source" in line]
    assert {line["event"] for line in of_videos} == {"started", "ended", "failed"}
    assert all((line["job"], line["attempt"]) == (jobs[line["source"]], 1) and line["part"] for line in of_videos)
    assert not any("job" in line for line in lines if line["message"].startswith("function: "))


def test_the_lines_of_a_whole_run_name_no_job(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Console(stderr=True), Verbosity(0, True))

    async def first_file_starts() -> None:
        work_item.current.set(work_item.WorkItem(1, 2, 3))
        with Lines(interval=0.01):
            await asyncio.sleep(0.1)

    asyncio.run(first_file_starts())
    entries = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert entries and not any("job" in one for one in entries)


def test_the_fields_are_those_of_the_task_that_logs() -> None:
    record = logging.LogRecord("faceblur", logging.INFO, "", 0, "text", (), None)

    async def line(number: int) -> str:
        work_item.current.set(work_item.WorkItem(number, 10 * number, 1))
        await asyncio.sleep(0)
        return JsonFormatter().format(record)

    async def both() -> list[str]:
        return list(await asyncio.gather(line(1), line(2)))

    found = [json.loads(one) for one in asyncio.run(both())]
    assert [(one["job"], one["part"], one["attempt"]) for one in found] == [(1, 10, 1), (2, 20, 1)]
    assert "job" not in json.loads(JsonFormatter().format(record))
