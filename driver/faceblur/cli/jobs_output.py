"""What `submit` and `jobs` print: counts, the table of jobs, one job's timeline."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from faceblur.base.errors import LedgerAway
from faceblur.base.printable import printable
from faceblur.cli.output_console import output_console
from faceblur.cli.verbosity import Verbosity
from faceblur.fleet.submission import Submission
from faceblur.jobs.report import clock
from faceblur.ledger.database import Database
from faceblur.ledger.queries import Counts, JobRow, count_jobs, list_jobs

COLOURS = {"done": "green", "running": "cyan", "publishing": "cyan", "failed": "red", "paused": "yellow"}
WORDS = {
    "queued": "{} put in",
    "waiting": "{} in the ledger already",
    "done": "{} done already",
    "failed": "{} failed before: jobs retry queues them again",
}
ORDER = ("running", "publishing", "queued", "paused", "done", "failed", "cancelled")
WATCH_SECONDS = 2.0
ROWS = 200  # of the table; JSON has all


def print_submission(submission: Submission, ledger: str, verbosity: Verbosity) -> None:
    """Say how many videos were put in, and name those that cannot be read."""
    for path, reason in submission.broken:
        print(printable(f"error: {path}: {reason}"), file=sys.stderr)
    if not verbosity.quiet:
        parts = [WORDS[one].format(submission.counts[one]) for one in WORDS if submission.counts[one]]
        if submission.broken:
            parts.append(f"{len(submission.broken)} cannot be read")
        print("; ".join(parts))


async def show_jobs(ledger: str, *, states: Sequence[str], contains: str, as_json: bool, watch: bool) -> None:
    """Print the jobs once, or again and again. Raises LedgerError."""
    console = output_console()
    async with Database(ledger, must_exist=True) as database:

        async def look() -> tuple[Counts, list[JobRow]]:
            limit = None if as_json else ROWS
            return await count_jobs(database), await list_jobs(database, states=states, contains=contains, limit=limit)

        if as_json:
            counts, rows = await look()
            print(json.dumps(dataclasses.asdict(counts) | {"jobs": [dataclasses.asdict(one) for one in rows]}))
            return
        if not watch:
            console.print(_page(*await look()))
            return
        page = _page(*await look())
        with Live(page, console=console, auto_refresh=False, screen=sys.stdout.isatty()) as live:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                try:
                    page = _page(*await look())
                    live.update(page, refresh=True)
                except LedgerAway as error:  # it may come back: what is known stays on the screen
                    live.update(Group(page, Text(str(error))), refresh=True)


def _page(counts: Counts, rows: Sequence[JobRow]) -> Group:
    table = Table(title=None, show_edge=False, pad_edge=False)
    for heading, justify in (("job", "right"), ("video", "left"), ("state", "left"), ("frames", "right")):
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading == "job")  # type: ignore[arg-type]
    for heading in ("fps", "seconds", "attempt"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in rows:
        table.add_row(*_cells(one))
    return Group(table, Text(), Text(_totals(counts)))


def _cells(one: JobRow) -> tuple[str, ...]:
    state = f"[{COLOURS.get(one.state, 'white')}]{one.state}[/]"
    if one.state == "queued" and one.not_before:
        state += f" in {clock(one.not_before)}"
    if one.is_silent:
        state += ": its worker is silent; the next worker that asks for work takes it over"
    elif one.reason:
        state += escape(f": {printable(one.reason)}")
    runs = one.state in ("running", "publishing")
    frames = f"{one.frames_done}/{one.frames_total or '?'}" if runs else str(one.frames_total or "")
    return (
        str(one.id),
        escape(printable(one.source)),
        state,
        frames,
        f"{one.fps:.1f}" if runs and one.fps else "",
        f"{one.seconds:.0f}" if one.seconds is not None else "",
        str(one.attempt or ""),
    )


def _totals(counts: Counts) -> str:
    jobs = ", ".join(f"{counts.states[one]} {one}" for one in ORDER if counts.states.get(one)) or "no jobs"
    line = f"{jobs}; {counts.frames_done} of {counts.frames_total} frames"
    left = counts.frames_total - counts.frames_done
    if counts.fps and left > 0:
        line += f", {counts.fps:.1f} fps, {clock(left / counts.fps)} left"
    return line


def print_job(found: dict[str, Any], *, as_json: bool) -> None:
    """Print one job's attempts and timeline."""
    if as_json:
        print(json.dumps(found))
        return
    part = found["part"]
    for name in ("source", "target"):
        print(f"{name}: {printable(found[name])}")
    wanted = f", {found['wanted']} is wanted" if found["wanted"] != "run" else ""
    print(f"state: {part['state']}{wanted}")
    if part["reason"]:
        print(f"reason: {printable(part['reason'])}")
    table = Table(title=None, show_edge=False, pad_edge=False)
    for heading in ("time (UTC)", "attempt", "stage", "detail"):
        table.add_column(heading, overflow="fold")
    for one in found["events"]:
        at = datetime.fromtimestamp(one["at"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(at, str(one["attempt"] or ""), one["stage"], escape(printable(one["detail"])))
    output_console().print(table)
