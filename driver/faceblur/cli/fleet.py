"""The commands of a fleet: `submit` puts videos into the ledger, `work` redacts them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceblur.base.errors import UsageError
from faceblur.base.events import Emit, Event
from faceblur.base.options import Options
from faceblur.cli.group import main
from faceblur.cli.ledger_option import LEDGER, PRIORITY, ledger_address
from faceblur.cli.number import Number
from faceblur.cli.options import FILES, FUNCTION, LOGGING, VIDEO_OPTIONS
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint

if TYPE_CHECKING:
    from rich.console import Console

    from faceblur.jobs.traces import Traces

MAX_LEASE = 86_400.0  # seconds
GIVEN_BACK = "what was not finished is given back to the ledger"


@main.command()
@FILES
@LEDGER
@click.option(
    "--priority", type=PRIORITY, default=0, show_default=True, metavar="N", help="A higher number goes first."
)
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
        done = await submit_videos(
            ledger_address(ledger), inputs, outdir, options, priority=priority, overwrite=overwrite
        )
        print_submission(done, ledger_address(ledger), verbosity)
        return FAILED if done.broken else DONE

    sys.exit(execute(command, verbosity))


@main.command()
@LEDGER
@click.option("--until-empty", is_flag=True, help="End once no job waits or runs.  [default: wait for more]")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Number of videos at a time.  [default: 2, and up to 2 a core (at most 32) while the function is not busy]",
)
@click.option(
    "--lease",
    type=Number(1, MAX_LEASE),
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
@click.option(
    "--traces",
    metavar="URL",
    help="Send a trace of each video to this OpenTelemetry collector, by OTLP over HTTP.  [default: no traces]",
)
@FUNCTION
@LOGGING
def work(
    ledger: str | None,
    until_empty: bool,
    jobs: int | None,
    lease: float,
    metrics_port: int | None,
    traces: str | None,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Redact the videos of a ledger, beside other workers.

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
    listeners: list[Emit] = [metrics]

    def make(emit: Emit) -> LedgerRun:
        def heard(event: Event) -> None:
            emit(event)
            for listener in listeners:
                listener(event)

        journal = Journal.of_this_run()
        crashed, address = journal.crashed_claims, ledger_address(ledger)
        ended = tracing.job_ended if tracing else lambda *_: None
        shared = SharedLedger(address, until_empty=until_empty, lease=lease, crashed=crashed, job_ended=ended)
        worker = LedgerRun(shared, endpoint, jobs=jobs, journal=journal, on_event=heard)
        LoadCollector(lambda: worker.load, metrics.registry)
        return worker

    with ExitStack() as stack:
        if metrics_port is not None:
            served = MetricsServer(metrics_port)
            print(f"metrics on port {served.port}", flush=True)
            stack.enter_context(served)
        tracing = None if traces is None else stack.enter_context(_traces(traces))
        if tracing is not None:
            listeners.append(tracing)
        sys.exit(execute_job(make, verbosity, interrupted=GIVEN_BACK, shares_files=True))


def _traces(url: str) -> Traces:
    """Raises UsageError without the packages for it."""
    try:
        from faceblur.jobs.traces import Traces
    except ModuleNotFoundError as error:
        # Not faceblur[traces]: on the package index another project has that name.
        way_out = f"{sys.executable} -m pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
        raise UsageError(f"--traces needs more packages ({error}): {way_out}") from error
    return Traces(url)
