"""The command `serve`: the function on this machine."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from faceblur.base.counted import counted
from faceblur.cli.group import main
from faceblur.cli.options import LOCAL, LOGGING
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.local_function.function_yaml import find_function_yaml, read_config

if TYPE_CHECKING:
    from rich.console import Console

# In which `serve` answers what its workers have begun: less than the time after which an interruption ends a command.
DRAIN_SECONDS = 1.0


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="N",
    help="Port to listen on. 0 chooses a free one.",
)
@LOCAL
@LOGGING
def serve(host: str, port: int, workers: int | None, env: dict[str, str], verbosity: Verbosity) -> None:
    """Run function.yaml's function on this machine, over HTTP.

    It uses the model for the CPU. It has no authentication. On a cluster Nuclio runs the function; docs/http.md says
    where the two are not alike.
    """
    import asyncio

    if not host:
        message = "an empty one would be every address of this machine, without authentication: name one"
        raise click.BadParameter(message, param_hint="--host")
    from faceblur.cli.exit_codes import DONE, execute
    from faceblur.cli.interruption import GRACE_SECONDS
    from faceblur.detection.local_function.http_trigger import LocalFunction

    async def command(_: Console) -> int:
        config = read_config(find_function_yaml(), env=env, workers=workers)
        async with LocalFunction(config, host=host, port=port) as function:
            count = counted(config.workers, "worker")
            print(f"{config.handler} on {function.url} with {count}: in place of Nuclio, on this machine", flush=True)
            with suppress(asyncio.CancelledError):  # the way in which a server is meant to end
                await function.workers.until_lost()
            await function.workers.drain(DRAIN_SECONDS)
        return DONE

    if not verbosity.quiet:
        verbosity = dataclasses.replace(verbosity, level=verbosity.level + 1)  # the model and its device
    sys.exit(execute(command, verbosity, grace=DRAIN_SECONDS + GRACE_SECONDS))
