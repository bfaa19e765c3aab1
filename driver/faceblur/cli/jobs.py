"""`jobs`: shows what is in a ledger, what it took, and changes what becomes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from faceblur.cli.group import main
from faceblur.cli.ledger_option import JOB_ID, LEDGER, LEDGER_OF_SUBCOMMAND, PRIORITY, ledger_address
from faceblur.cli.verbosity import Verbosity
from faceblur.ledger.states import STATES_SHOWN

if TYPE_CHECKING:
    from rich.console import Console

JOB_IDS = click.argument("ids", nargs=-1, required=True, metavar="ID...", type=JOB_ID)


@main.group(invoke_without_command=True)
@LEDGER
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES_SHOWN),
    multiple=True,
    metavar="STATE",
    help="Only jobs in this state. May be repeated.",
)
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
    context.obj = ledger_address(ledger)
    if context.invoked_subcommand is not None:
        of_table = {"--state": states, "--name": contains, "--json": as_json, "--watch": watch}
        if given := next((option for option, value in of_table.items() if value), None):
            raise click.UsageError(
                f"{given} before {context.invoked_subcommand}: it is an option of the table; put those of "
                f"{context.invoked_subcommand} behind it, as its --help lists them"
            )
        return
    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.cli.jobs_output import show_jobs

    async def command(console: Console) -> int:
        await show_jobs(context.obj, states=states, contains=contains, as_json=as_json, watch=watch)
        return DONE

    sys.exit(execute(command, Verbosity(), interrupted="the jobs go on"))


@jobs.command()
@click.argument("job_id", metavar="ID", type=JOB_ID)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@LEDGER_OF_SUBCOMMAND
def show(ledger: str, job_id: int, as_json: bool) -> None:
    """Show a job's attempts, errors and timeline."""
    from faceblur.base.errors import UsageError
    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.cli.jobs_output import print_job
    from faceblur.ledger.database import Database
    from faceblur.ledger.queries import show_job

    async def command(_: Console) -> int:
        async with Database(ledger, must_exist=True) as database:
            found = await show_job(database, job_id)
        if found is None:
            raise UsageError(f"there is no job {job_id}")
        print_job(found, as_json=as_json)
        return DONE

    sys.exit(execute(command, Verbosity()))


@jobs.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9400, show_default=True, metavar="N", help="Port.")
@LEDGER_OF_SUBCOMMAND
def metrics(ledger: str, port: int) -> None:
    """Serve the ledger's figures for Prometheus at /metrics.

    They are the number of jobs by state, and of their frames.
    """
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

    sys.exit(execute(command, Verbosity()))


@jobs.command()
@JOB_IDS
@LEDGER_OF_SUBCOMMAND
def pause(ledger: str, ids: tuple[int, ...]) -> None:
    """Have no worker take these jobs until `resume`.

    Those that run stop, and start anew then.
    """
    _apply(ledger, "pause", ids, "paused")


@jobs.command()
@JOB_IDS
@LEDGER_OF_SUBCOMMAND
def resume(ledger: str, ids: tuple[int, ...]) -> None:
    """Have paused jobs taken again."""
    _apply(ledger, "resume", ids, "resumed")


@jobs.command()
@JOB_IDS
@LEDGER_OF_SUBCOMMAND
def cancel(ledger: str, ids: tuple[int, ...]) -> None:
    """End jobs without an output."""
    _apply(ledger, "cancel", ids, "cancelled")


@jobs.command()
@JOB_IDS
@LEDGER_OF_SUBCOMMAND
def retry(ledger: str, ids: tuple[int, ...]) -> None:
    """Queue jobs again that failed or were cancelled."""
    _apply(ledger, "retry", ids, "queued again")


@jobs.command()
@JOB_IDS
@click.option("--priority", type=PRIORITY, required=True, metavar="N", help="A higher number goes first.")
@LEDGER_OF_SUBCOMMAND
def prioritize(ledger: str, ids: tuple[int, ...], priority: int) -> None:
    """Have jobs taken earlier or later."""
    _apply(ledger, "prioritize", ids, "changed", priority)


def _apply(ledger: str, change: str, ids: tuple[int, ...], word: str, *values: int) -> None:
    """Apply a change to jobs; exit code 1 if it fits none of them."""
    from faceblur.cli.exit_codes import DONE, FAILED, execute
    from faceblur.ledger import control
    from faceblur.ledger.database import Database

    async def command(_: Console) -> int:
        async with Database(ledger, must_exist=True) as database:
            done = await getattr(control, change)(database, ids, *values)
        rest = sorted(set(ids) - set(done))
        if done:
            print(f"{word}: {', '.join(map(str, done))}")
        if rest:
            print(f"not {word} (no such job, or not in a state for that): {', '.join(map(str, rest))}")
        return DONE if done else FAILED

    sys.exit(execute(command, Verbosity()))


@jobs.command()
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What `plan --json` printed: its estimate is shown beside. Only the videos of its inputs count.",
)
@click.option("--name", "contains", default="", metavar="TEXT", help="Only videos whose path contains this.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@LEDGER_OF_SUBCOMMAND
def report(ledger: str, plan_file: Path | None, contains: str, as_json: bool) -> None:
    """Say what the jobs took: time, frames, disk.

    Also the function's time, the cost, and the time of attempts that came to nothing.
    """
    import json

    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.cli.plan_output import print_report
    from faceblur.fleet.planning.plan import read_plan
    from faceblur.ledger.database import Database
    from faceblur.ledger.outcome import read_outcome

    async def command(_: Console) -> int:
        planned = read_plan(plan_file) if plan_file is not None else None
        async with Database(ledger, must_exist=True) as database:
            outcome = await read_outcome(database, below=planned["inputs"] if planned else (), contains=contains)
        if as_json:
            print(json.dumps({"outcome": outcome.to_dict(), "plan": planned}))
        else:
            print_report(outcome, planned)
        return DONE

    sys.exit(execute(command, Verbosity()))
