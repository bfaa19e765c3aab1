"""`faceblur`: what can be called, and its help. Exit codes: 0 all done, 1 some files failed, 2 the call was wrong, 130
interrupted. What a command needs is imported in it, so that help is there at once.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faceblur.base.errors import UsageError
from faceblur.base.events import Emit
from faceblur.base.options import Changes, Options
from faceblur.cli.group import main
from faceblur.cli.options import (
    FILES,
    FUNCTION,
    IMAGE_OPTIONS,
    LOGGING,
    LOOK_AROUND,
    MEASUREMENT,
    PADDING,
    RENDER_OPTIONS,
    THRESHOLD,
    VIDEO_OPTIONS,
    Measurement,
)
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config
from faceblur.detection.local_function.worker_handle import Worker

if TYPE_CHECKING:
    from rich.console import Console

    from faceblur.jobs.crash_guard import Journal
    from faceblur.jobs.job import Job
    from faceblur.jobs.report import Report

log = logging.getLogger("faceblur")


@main.command()
@FILES
@VIDEO_OPTIONS
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of videos at a time.  [default: 2, and up to 2 a core (at most 32) while the function is not busy]",
)
@click.option(
    "--ledger",
    metavar="URL",
    help="The ledger: a file, for workers on this machine, or postgresql://USER@HOST/NAME.  [default: in memory]",
)
@click.option("--audit", "audits", is_flag=True, help="Audit the outputs at once. Exit code 1 when one of them fails.")
@FUNCTION
@LOGGING
def run(
    inputs: tuple[Path, ...],
    outdir: Path,
    overwrite: bool,
    options: Options,
    jobs: int | None,
    ledger: str | None,
    audits: bool,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Redact videos: files, and every video in folders and below.

    Each video is written under its own name below OUT, with its own timestamps and its audio as it was. A file
    that exists there already is skipped, so the same command continues an interrupted run. With --ledger it is `submit`
    and `work --until-empty` in one.
    """
    if audits and not options.sidecar:
        raise click.UsageError("--audit needs the sidecars: leave --no-sidecar out")
    spawned = spawn_ahead(endpoint)
    from faceblur.cli.execute_job import execute_job
    from faceblur.jobs.crash_guard import Journal
    from faceblur.jobs.video_run import VideoRun

    made: list[Job] = []

    def make(emit: Emit) -> Job:
        journal = Journal.of_this_run()
        if ledger is not None:
            job: Job = ledger_run(ledger, inputs, outdir, options, spawned, overwrite, jobs, journal, emit)
        else:
            more: dict[str, Any] = {"overwrite": overwrite, "jobs": jobs, "journal": journal, "on_event": emit}
            job = VideoRun(inputs, outdir, options, spawned, **more)
        made.append(job)
        return job

    code = execute_job(make, verbosity, shares_files=ledger is not None, proposes_audit=not audits)
    if audits and made:
        code = audit_written(code, made[-1].report, endpoint, verbosity)
    sys.exit(code)


def ledger_run(
    ledger: str,
    inputs: tuple[Path, ...],
    outdir: Path,
    options: Options,
    endpoint: Endpoint,
    overwrite: bool,
    jobs: int | None,
    journal: Journal,
    emit: Emit,
) -> Job:
    """A run on a ledger: it puts the videos in, and takes them from it."""
    from faceblur.fleet.shared_ledger import SharedLedger
    from faceblur.fleet.submission import submitted_for_run
    from faceblur.jobs.video_run import LedgerRun

    def submitted(job: Job) -> AbstractAsyncContextManager[None]:
        return submitted_for_run(ledger, inputs, outdir, options, job, overwrite=overwrite, journal=journal)

    shared = SharedLedger(ledger, until_empty=True, crashed=journal.crashed_claims)
    return LedgerRun(shared, endpoint, jobs=jobs, journal=journal, on_event=emit, submitted=submitted)


def audit_written(code: int, report: Report, endpoint: Endpoint, verbosity: Verbosity) -> int:
    """Audit the outputs of a run that ended with an exit code, and print one table; the exit code of both."""
    from faceblur.auditing.folder_audit import audit_outputs
    from faceblur.auditing.index_page import verdict_text
    from faceblur.auditing.report import FileVerdict
    from faceblur.cli.audit_output import AuditDisplay, print_reports
    from faceblur.cli.exit_codes import DONE, FAILED, GOES_ON, execute
    from faceblur.cli.interruption import INTERRUPTED
    from faceblur.cli.progress import choose_display

    planned = [
        FileVerdict(source=str(one.source), output=str(one.target))
        for one in report.files.values()
        if one.target is not None and one.state in ("done", "skipped")
    ]

    if code == INTERRUPTED or not planned:
        return code

    async def command(console: Console) -> int:
        with AuditDisplay(choose_display(console, verbosity)) as shown:
            audited = await audit_outputs(
                planned, endpoint=endpoint, on_planned=shown.planned, on_progress=shown.update
            )
        if not verbosity.quiet:
            print_reports(audited, None)
        for one in audited.files:
            if not one.passed:
                log.error("error: %s: %s", one.output, verdict_text(one))
        return DONE if audited.passed else FAILED

    return max(code, execute(command, verbosity, interrupted=GOES_ON))


@main.command()
@FILES
@IMAGE_OPTIONS
@FUNCTION
@LOGGING
def image(
    inputs: tuple[Path, ...],
    outdir: Path,
    overwrite: bool,
    options: Options,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Redact images: files, and every image in folders and below.

    JPEG, PNG, WebP, GIF and TIFF files, animated ones too. Each image is written upright in its own format and bit
    depth, with its colour profile. All other metadata, such as the location, is dropped. The boxes of --cover and
    --spare have no times here.
    """
    endpoint = spawn_ahead(endpoint)
    from faceblur.cli.execute_job import execute_job
    from faceblur.jobs.image_run import ImageRun

    def make(emit: Emit) -> ImageRun:
        return ImageRun(inputs, outdir, options, endpoint, overwrite=overwrite, on_event=emit)

    sys.exit(execute_job(make, verbosity, proposes_audit=False))


@main.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("sidecar", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="File to write, or an existing folder to write it into.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists already.")
@RENDER_OPTIONS
@LOGGING
def render(
    video: Path,
    sidecar: Path,
    out: Path,
    overwrite: bool,
    changes: Changes,
    verbosity: Verbosity,
) -> None:
    """Write the source VIDEO again from its SIDECAR. The sidecar may have been edited. No function is needed.

    Without an edit the output equals that of the run, to the bit. A sidecar of another video is refused.
    """
    from faceblur.cli.execute_job import execute_job
    from faceblur.cli.exit_codes import NOTHING_WRITTEN
    from faceblur.jobs.render_run import RenderRun

    def make(emit: Emit) -> RenderRun:
        return RenderRun(video, sidecar, out, changes, overwrite=overwrite, on_event=emit)

    sys.exit(execute_job(make, verbosity, interrupted=NOTHING_WRITTEN))


@main.command()
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...", type=click.Path(path_type=Path))
@THRESHOLD
@PADDING
@LOOK_AROUND
@MEASUREMENT
@FUNCTION
@LOGGING
def evaluate(
    datasets: tuple[Path, ...],
    threshold: float,
    padding: float,
    look_around: float,
    measurement: Measurement,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Measure the detector on labelled faces.

    It prints recall, precision and AP, and the faces of videos that stay exposed.

    DATASET is a file of labels, or a folder that is searched for such files:

    \b
      *_bbx_gt.txt          images in WIDER FACE's text format (any other .txt too when it is named)
      *.json                images in COCO's format
      VIDEO.gt.txt          the video beside it, one face a line, as MOTChallenge: frame,id,x,y,width,height
      VIDEO.faces.jsonl     the video beside it, labelled by its corrected sidecar

    Exit code 1 when --min-recall is not reached, 2 for labels that cannot be used.
    """
    from faceblur.cli.evaluate_output import EvaluationOutput
    from faceblur.cli.exit_codes import WRONG_CALL, execute
    from faceblur.evaluation.evaluate import evaluate as evaluate_datasets

    async def command(console: Console) -> int:
        with EvaluationOutput(console, measurement, verbosity) as output:
            report = await evaluate_datasets(
                datasets,
                endpoint=endpoint,
                images=measurement.images,
                threshold=threshold,
                padding=padding,
                look_around=look_around,
                min_recall=measurement.min_recall,
                sweep=measurement.sweep,
                on_progress=output.update,
                on_figures=output.print_figures,
            )
        return output.finish(report)

    sys.exit(execute(command, verbosity, unexpected=WRONG_CALL))


def spawn_ahead(endpoint: Endpoint) -> Endpoint:
    """Have the function on this machine load its model while this program is being loaded, where it is asked for."""
    if endpoint.urls:
        return endpoint
    spawned: list[Worker] = []
    with suppress(UsageError):  # the call itself comes to the same error, and reports it
        config = read_config(find_function_yaml(), env=endpoint.env, workers=endpoint.workers)
        for number in range(config.workers):
            worker = Worker(config, number)
            click.get_current_context().call_on_close(worker.kill)
            worker.spawn()
            spawned.append(worker)
    return dataclasses.replace(endpoint, spawned=tuple(spawned))
