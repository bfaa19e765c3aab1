"""`plan`: what an archive takes, before it is begun."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceblur.base.options import MAX_SECONDS, Options
from faceblur.cli.group import main
from faceblur.cli.number import Number
from faceblur.cli.options import FUNCTION, LOGGING, VIDEO_OPTIONS
from faceblur.cli.stacked_options import grouped
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint
from faceblur.fleet.planning.fleet_size import FleetSize

if TYPE_CHECKING:
    from rich.console import Console

    from faceblur.fleet.planning.archive_facts import Probe
    from faceblur.jobs.crash_guard import Journal
    from faceblur.jobs.report import Report


def _fleet(fleet_workers: int, gpus: int | None, price: float | None) -> FleetSize:
    return FleetSize(fleet_workers, len(os.sched_getaffinity(0)), gpus, price)


FLEET = grouped(
    "fleet",
    _fleet,
    click.option(
        "--fleet",
        "fleet_workers",
        type=click.IntRange(1, 10_000),
        default=1,
        show_default=True,
        metavar="N",
        help="Number of workers, each on a machine like this one.",
    ),
    click.option(
        "--gpus",
        type=click.IntRange(1, 10_000),
        metavar="N",
        help="Number of GPUs of the function, each like the one of --function.  [default: 1 with --function]",
    ),
    click.option(
        "--price", type=Number(0, 1e9), metavar="X", help="Price of one GPU, or else of one worker, for an hour."
    ),
)


@main.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Folder for the outputs, for the free space of its disk. Nothing is written there.",
)
@FLEET
@click.option(
    "--samples",
    type=click.IntRange(0, 1000),
    default=5,
    show_default=True,
    metavar="N",
    help="Number of parts of videos that are redacted to measure the speed. 0: no estimate.",
)
@click.option(
    "--sample-length",
    "seconds",
    type=Number(0.1, MAX_SECONDS),
    default=4,
    show_default=True,
    metavar="SECONDS",
    help="Length of each of these parts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, which `jobs report --plan` reads.")
@VIDEO_OPTIONS
@FUNCTION
@LOGGING
def plan(
    inputs: tuple[Path, ...],
    out: Path | None,
    fleet: FleetSize,
    samples: int,
    seconds: float,
    as_json: bool,
    options: Options,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Say what videos take before they are begun: time, disk, cost.

    Every file is opened, and parts of some videos are redacted in a temporary folder. Videos that will be trouble are
    named. The options are those of `run`. Exit code 1: some videos cannot be done.
    """
    from rich.console import Console

    from faceblur.cli.exit_codes import DONE, FAILED, execute
    from faceblur.cli.plan_output import print_plan
    from faceblur.cli.progress import RunProgress, choose_display
    from faceblur.fleet.planning.plan import make_plan
    from faceblur.fleet.planning.samples import choose, take_samples
    from faceblur.jobs.crash_guard import Journal
    from faceblur.jobs.video_run import VideoRun

    if endpoint.urls and fleet.gpus is None:
        fleet = replace(fleet, gpus=1)
    if fleet.gpus is not None and not endpoint.urls:
        raise click.UsageError("--gpus is for a deployed function: name one of its addresses by --function")

    async def redact(folder: Path, target: Path) -> Report:
        # A part begins amid what its first frames refer to, and a span is in the times of the complete video.
        tolerant = replace(options, tolerate_damage=True, start=None, end=None, keep_rest=False)
        with RunProgress(choose_display(Console(stderr=True), verbosity)) as progress:
            return await VideoRun([folder], target, tolerant, endpoint, jobs=1, on_event=progress).run()

    async def command(console: Console) -> int:
        journal = Journal.of_this_run()
        probes = await _probe(inputs, out, options, journal, console, verbosity)
        chosen = choose(probes, samples, seconds, journal.suspects | journal.given_up.keys())
        found = await take_samples(chosen, seconds, journal, redact)
        made = make_plan(inputs, out, probes, found, fleet)
        if as_json:
            print(made.to_json())
        else:
            print_plan(made)
        return FAILED if made.failing else DONE

    sys.exit(execute(command, verbosity))


async def _probe(
    inputs: tuple[Path, ...],
    out: Path | None,
    options: Options,
    journal: Journal,
    console: Console,
    verbosity: Verbosity,
) -> list[Probe]:
    """Every file, with a bar on a terminal. Raises UsageError where `run` does for these inputs and outputs."""
    from rich.progress import MofNCompleteColumn, Progress

    from faceblur.base.errors import UsageError
    from faceblur.fleet.planning.probes import probe_all
    from faceblur.jobs.output_paths import check_output_folder, named_output
    from faceblur.jobs.video_suffixes import VIDEO_SUFFIXES

    if out is not None and named_output(inputs, out, VIDEO_SUFFIXES) is None:
        check_output_folder(inputs, out)
    stop = threading.Event()
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not verbosity.draws_bars(console)) as bar:
        task = bar.add_task("files", total=None)

        def probed(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            probes = await asyncio.to_thread(probe_all, inputs, options, journal, probed, stop)
        finally:
            stop.set()
    if not any(one.is_video for one in probes):
        raise UsageError(f"no video in {', '.join(map(str, inputs))}")
    return probes
