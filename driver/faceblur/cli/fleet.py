"""The commands of a fleet: `submit`, `work` and `jobs`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceblur.base.events import Emit, Event
from faceblur.base.options import Options
from faceblur.cli.group import main
from faceblur.cli.options import FILES, FUNCTION, LOGGING, VIDEO_OPTIONS
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint

if TYPE_CHECKING:
    from rich.console import Console

LEDGER = click.option(
    "--ledger",
    metavar="URL",
    envvar="FACEBLUR_LEDGER",
    help="The ledger: a file, for workers on this machine, or postgresql://USER@HOST/NAME.  "
    "[default: $FACEBLUR_LEDGER, or a file of this user's]",
)
GIVEN_BACK = "what was not finished is given back to the ledger"
JOB_IDS = click.argument("ids", nargs=-1, required=True, metavar="ID...", type=int)


@main.command()
@FILES
@LEDGER
@click.option("--priority", type=int, default=0, show_default=True, metavar="N", help="A higher number goes first.")
@VIDEO_OPTIONS
@LOGGING
def submit(
    inputs: tuple[Path, ...],
    outdir: Path,
    overwrite: bool,
    ledger: str | None,
    priority: int,
    options: Options,
    verbosity: Verbosity,
) -> None:
    """Put videos into a ledger, for workers to redact.

    The options are those of `run`. A video that is in the ledger, or whose output is there, of the same video and with
    the same settings, is not put in again. Exit code 1: some videos cannot be read; the others were put in.
    """
    from faceblur.cli.exit_codes import DONE, FAILED, execute
    from faceblur.cli.jobs_output import print_submission
    from faceblur.fleet.submission import submit_videos

    async def command(_: Console) -> int:
        done = await submit_videos(_address(ledger), inputs, outdir, options, priority=priority, overwrite=overwrite)
        print_submission(done, _address(ledger), verbosity)
        return FAILED if done.broken else DONE

    sys.exit(execute(command, verbosity))


@main.command()
@LEDGER
@click.option("--until-empty", is_flag=True, help="End once no job waits or runs.  [default: wait for more]")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of videos at a time.  [default: 2, and up to 32 while the function has free capacity]",
)
@click.option(
    "--lease",
    type=click.FloatRange(1),
    default=40,
    show_default=True,
    metavar="SECONDS",
    help="Seconds of silence after which other workers take over what this one was doing.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Port for Prometheus at /metrics. 0 chooses a free one.  [default: no metrics]",
)
@FUNCTION
@LOGGING
def work(
    ledger: str | None,
    until_empty: bool,
    jobs: int | None,
    lease: float,
    metrics_port: int | None,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Redact the videos of a ledger, beside any number of other workers.

    SIGTERM or Ctrl-C gives what is not finished back to the ledger. Exit code 1: some videos failed here, at their last
    attempt of this worker. A video that was paused, cancelled or taken over did not fail.
    """
    from faceblur.cli.execute_job import execute_job
    from faceblur.fleet.shared_ledger import SharedLedger
    from faceblur.jobs.crash_guard import Journal
    from faceblur.jobs.load_metrics import LoadCollector
    from faceblur.jobs.metrics import Metrics, MetricsServer
    from faceblur.jobs.video_run import LedgerRun

    metrics = Metrics()

    def make(emit: Emit) -> LedgerRun:
        def heard(event: Event) -> None:
            emit(event)
            metrics(event)

        journal = Journal.of_this_run()
        crashed = journal.crashed_claims
        shared = SharedLedger(_address(ledger), until_empty=until_empty, lease=lease, crashed=crashed)
        worker = LedgerRun(shared, endpoint, jobs=jobs, journal=journal, on_event=heard)
        LoadCollector(lambda: worker.load, metrics.registry)
        return worker

    with ExitStack() as stack:
        if metrics_port is not None:
            served = MetricsServer(metrics_port)
            print(f"metrics on port {served.port}", flush=True)
            stack.enter_context(served)
        sys.exit(execute_job(make, verbosity, interrupted=GIVEN_BACK, shares_files=True))


@main.group(invoke_without_command=True)
@LEDGER
@click.option("--state", "states", multiple=True, metavar="STATE", help="Only jobs in this state. May be repeated.")
@click.option("--name", "contains", default="", metavar="TEXT", help="Only videos whose path contains this.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object with the counts and the jobs.")
@click.option("--watch", is_flag=True, help="Show the table again every two seconds, until Ctrl-C.")
@click.pass_context
def jobs(
    context: click.Context, ledger: str | None, states: tuple[str, ...], contains: str, as_json: bool, watch: bool
) -> None:
    """Show the jobs of a ledger, or change them.

    States: queued, paused, running, publishing, done, failed, cancelled.
    """
    context.obj = _address(ledger)
    if context.invoked_subcommand is not None:
        return
    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.cli.jobs_output import show_jobs

    async def command(console: Console) -> int:
        await show_jobs(context.obj, states=states, contains=contains, as_json=as_json, watch=watch)
        return DONE

    sys.exit(execute(command, Verbosity(0, False)))


@jobs.command()
@click.argument("job_id", metavar="ID", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(ledger: str, job_id: int, as_json: bool) -> None:
    """Show a job's attempts, errors and timeline."""
    from faceblur.base.errors import UsageError
    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.cli.jobs_output import print_job
    from faceblur.ledger.database import Database
    from faceblur.ledger.queries import show_job

    async def command(_: Console) -> int:
        async with Database(ledger) as database:
            found = await show_job(database, job_id)
        if found is None:
            raise UsageError(f"there is no job {job_id}")
        print_job(found, as_json=as_json)
        return DONE

    sys.exit(execute(command, Verbosity(0, False)))


@jobs.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9400, show_default=True, metavar="N", help="Port.")
@click.pass_obj
def metrics(ledger: str, port: int) -> None:
    """Serve the ledger's figures for Prometheus at /metrics: the number of jobs by state, and of their frames."""
    import asyncio
    from contextlib import suppress

    from prometheus_client import CollectorRegistry

    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.fleet.ledger_metrics import LedgerCollector
    from faceblur.jobs.metrics import MetricsServer

    async def command(_: Console) -> int:
        registry = CollectorRegistry()
        registry.register(LedgerCollector(ledger))
        with MetricsServer(port, registry) as served:
            print(f"metrics on port {served.port}", flush=True)
            with suppress(asyncio.CancelledError):  # the way in which a server is meant to end
                await asyncio.Event().wait()
        return DONE

    sys.exit(execute(command, Verbosity(0, False)))


@jobs.command()
@JOB_IDS
@click.pass_obj
def pause(ledger: str, ids: tuple[int, ...]) -> None:
    """Have no worker take these jobs; those that run stop, and start anew after `resume`."""
    _apply(ledger, "pause", ids, "paused")


@jobs.command()
@JOB_IDS
@click.pass_obj
def resume(ledger: str, ids: tuple[int, ...]) -> None:
    """Have paused jobs taken again."""
    _apply(ledger, "resume", ids, "resumed")


@jobs.command()
@JOB_IDS
@click.pass_obj
def cancel(ledger: str, ids: tuple[int, ...]) -> None:
    """End jobs without an output."""
    _apply(ledger, "cancel", ids, "cancelled")


@jobs.command()
@JOB_IDS
@click.pass_obj
def retry(ledger: str, ids: tuple[int, ...]) -> None:
    """Queue jobs again that failed or were cancelled."""
    _apply(ledger, "retry", ids, "queued again")


@jobs.command()
@JOB_IDS
@click.option("--priority", type=int, required=True, metavar="N", help="A higher number goes first.")
@click.pass_obj
def prioritize(ledger: str, ids: tuple[int, ...], priority: int) -> None:
    """Have jobs taken earlier or later."""
    _apply(ledger, "prioritize", ids, "changed", priority)


def _apply(ledger: str, change: str, ids: tuple[int, ...], word: str, *values: int) -> None:
    """Apply a change to jobs; exit code 1 if it fits none of them."""
    from faceblur.cli.exit_codes import DONE, FAILED, execute
    from faceblur.ledger import control
    from faceblur.ledger.database import Database

    async def command(_: Console) -> int:
        async with Database(ledger) as database:
            done = await getattr(control, change)(database, ids, *values)
        rest = sorted(set(ids) - set(done))
        if done:
            print(f"{word}: {', '.join(map(str, done))}")
        if rest:
            print(f"not {word}, since it is not in a state for that: {', '.join(map(str, rest))}")
        return DONE if done else FAILED

    sys.exit(execute(command, Verbosity(0, False)))


def _address(ledger: str | None) -> str:
    from faceblur.ledger.database import default_url

    return ledger or default_url()
