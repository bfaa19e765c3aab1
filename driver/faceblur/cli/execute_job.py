"""Runs a job to its exit code, with progress while it works and a summary at its end."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

from faceblur.base.events import Emit
from faceblur.cli.exit_codes import DONE, FAILED, GOES_ON, execute
from faceblur.cli.progress import RunProgress, choose_display
from faceblur.cli.summary import summarized
from faceblur.cli.verbosity import Verbosity
from faceblur.jobs.job import Job


def execute_job(
    make: Callable[[Emit], Job],
    verbosity: Verbosity,
    *,
    interrupted: str = GOES_ON,
    shares_files: bool = False,
    proposes_audit: bool = True,
) -> int:
    """The exit code of the job that `make` gives for a listener to its events; `interrupted` as of `execute`.

    `shares_files`: with other workers, so that a job without a file, or one that left a file to them, is done.
    `proposes_audit`: as the next step, after videos were written.
    """

    async def command(console: Console) -> int:
        progress = RunProgress(choose_display(console, verbosity))
        job = make(progress)
        # The bars end before the summary: else they are drawn over its last lines.
        with summarized(job.report, verbosity, proposes_audit), progress:
            await job.execute()
        done = not job.report.failed if shares_files else job.report.ok
        return DONE if done else FAILED

    return execute(command, verbosity, interrupted=interrupted)
