"""What the commands do, once their options are parsed: each returns its exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from faceblur.base.atomic_files import remove_stale
from faceblur.base.errors import FaceblurError, UsageError
from faceblur.cli.progress import Bars, Display, Lines, set_up_logging
from faceblur.cli.summary import print_summary
from faceblur.detection.connect import Endpoint, connect
from faceblur.detection.local_function.function_yaml import FunctionConfig
from faceblur.detection.local_function.http_trigger import LocalFunction
from faceblur.jobs.crash_guard import Journal
from faceblur.jobs.discovery import Discovery, find_videos
from faceblur.jobs.scheduler import Outcome, Run, exit_code, failed
from faceblur.media.encoder_choice import check_encoder
from faceblur.media.source_file import SourceFile
from faceblur.redaction.plan import Plan
from faceblur.redaction.render import Change, output_path, render
from faceblur_function import wire

log = logging.getLogger("faceblur")
FAILED, WRONG_CALL, INTERRUPTED = 1, 2, 130
NAMES_SHOWN = 10
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Talk:
    """How much the user is told: `verbosity` -1 only errors, 0 the usual, 1 and 2 more; and whether as JSON."""

    verbosity: int = 0
    as_json: bool = False


def execute(command: Callable[[Console], Coroutine[Any, Any, int]], talk: Talk) -> int:
    """Run a command to its exit code: Ctrl-C and SIGTERM cancel it, our errors become one line on stderr."""
    console = Console(stderr=True)
    set_up_logging(console, verbosity=talk.verbosity, as_json=talk.as_json)

    async def cancellable() -> int:
        task = asyncio.ensure_future(command(console))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            log.error("interrupted: what was not finished is not written; the same command goes on from here")
            return INTERRUPTED

    try:
        return asyncio.run(cancellable())
    except UsageError as error:
        log.error("error: %s", error)
        return WRONG_CALL
    except FaceblurError as error:
        log.error("error: %s", error)
        return FAILED


async def run_videos(
    console: Console,
    talk: Talk,
    inputs: Sequence[Path],
    outdir: Path,
    plan: Plan,
    endpoint: Endpoint,
    *,
    overwrite: bool,
    jobs: int | None,
) -> int:
    """Redact videos."""
    start = time.monotonic()
    codec, journal = None, Journal.of_this_run()
    if plan.encoding.encoder:
        codec = check_encoder(plan.encoding.encoder)
    found = await _in_thread(partial(find_videos, codec=codec, journal=journal), inputs, outdir)
    _name(found)
    if not found.videos and not found.broken:
        raise UsageError(f"no video in {', '.join(map(str, inputs))}")
    for path in await asyncio.to_thread(remove_stale, outdir):
        log.info("removed %s, left by a run that was killed", path)
    run = Run(found, overwrite=overwrite, journal=journal)
    with _reported(run.outcomes, talk, start, run.ending):
        if run.waiting:
            totals = [video.frames for video in run.waiting]
            frames = sum(filter(None, totals)) if all(totals) else None
            async with connect(endpoint) as (client, info):
                log.info("function: %s on %s (%s)", info.model, info.device, info.provider)
                with _display(console, talk, len(run.waiting), frames) as display:
                    await run.execute(client, info, plan, display, jobs=jobs, local=not endpoint.urls)
                if trouble := client.statistics.trouble():
                    log.warning("%s", trouble)
    return exit_code(list(run.outcomes.values()))


async def run_images(
    talk: Talk, inputs: Sequence[Path], outdir: Path, options: wire.Options, endpoint: Endpoint, *, overwrite: bool
) -> int:
    """Redact still images."""
    from faceblur.redaction.images import (  # not above: a run of videos would load it for nothing
        find_images,
        redact_images,
    )

    start = time.monotonic()
    found = await _in_thread(find_images, inputs, outdir)
    _name(found)
    if not found.videos and not found.broken:
        raise UsageError(f"no image in {', '.join(map(str, inputs))}")
    for path in await asyncio.to_thread(remove_stale, outdir):
        log.info("removed %s, left by a run that was killed", path)
    run = Run(found, overwrite=overwrite)
    with _reported(run.outcomes, talk, start):
        if run.waiting:
            async with connect(endpoint) as (client, _):
                await redact_images(run.waiting, run.outcomes, client, options)
    return exit_code(list(run.outcomes.values()))


async def render_video(
    console: Console, talk: Talk, video: Path, sidecar: Path, out: Path, change: Change, *, overwrite: bool
) -> int:
    """Write a video again from its sidecar."""
    start = time.monotonic()
    for path in (video, sidecar):
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    if change.encoder:
        check_encoder(change.encoder)
    target = output_path(video, out)
    outcomes = {video: Outcome(video, "not done")}
    if target.exists() and not overwrite:
        outcomes[video] = Outcome(video, "skipped", f"{target} exists; --overwrite writes it again")
    with _reported(outcomes, talk, start):
        if outcomes[video].state == "not done":
            with SourceFile(video) as reader:
                frames = reader.expected_frames
            with _display(console, talk, 1, frames) as display:
                display.started(video, frames)
                outcomes[video] = await _rendered(video, sidecar, target, change, display)
                display.ended(video, outcomes[video].state)
    return exit_code(list(outcomes.values()))


async def audit_video(
    console: Console, talk: Talk, source: Path, output: Path, sidecar: Path | None, endpoint: Endpoint
) -> int:
    """Check an output before it is published."""
    from faceblur.auditing.command import run_audit  # as above

    display = _display(console, talk, 2, None)  # two passes
    return await run_audit(display, source, output, sidecar, endpoint, quiet=talk.verbosity < 0)


async def _rendered(video: Path, sidecar: Path, target: Path, change: Change, display: Display) -> Outcome:
    """Render in a thread, which ends when this is cancelled."""
    stop, loop = threading.Event(), asyncio.get_running_loop()

    def advanced(frames: int, faces: int) -> None:
        loop.call_soon_threadsafe(display.advanced, video, frames, faces)

    work = asyncio.ensure_future(
        asyncio.to_thread(render, video, sidecar, target, change, stop=stop, advanced=advanced)
    )
    try:
        result = await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(work, return_exceptions=True)
        raise
    except FaceblurError as error:
        return failed(video, str(error))
    return Outcome(video, "done", result.notes(), result)


async def _in_thread(
    find: Callable[[Sequence[Path], Path, threading.Event], F], inputs: Sequence[Path], out: Path
) -> F:
    """Look through the inputs in a thread, which ends when this is cancelled. Raises UsageError."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(find, inputs, out, stop)
    except (OSError, RuntimeError) as error:  # a name that is too long, a link that leads to itself
        raise UsageError(str(error)) from error
    finally:
        stop.set()


async def serve(config: FunctionConfig, host: str, port: int) -> int:
    """Run the function on this machine until interrupted."""
    async with LocalFunction(config, host=host, port=port) as function:
        workers = f"{config.workers} worker{'s' if config.workers != 1 else ''}"
        print(f"{config.handler} on {function.url} with {workers}: a stand-in for Nuclio on this machine", flush=True)
        with suppress(asyncio.CancelledError):  # the way in which a server is meant to end
            await asyncio.Event().wait()
    return 0


def _display(console: Console, talk: Talk, videos: int, frames: int | None) -> AbstractContextManager[Display]:
    if console.is_terminal and not talk.as_json and talk.verbosity >= 0:
        return Bars(console, videos, frames)
    return Lines(videos, frames)


def _name(found: Discovery) -> None:
    """Tell of files that are left alone, and of outputs that could not have their source's name."""
    if others := found.others:
        names = ", ".join(path.name for path in others[:NAMES_SHOWN]) + (", …" if len(others) > NAMES_SHOWN else "")
        log.warning("%d other file%s left alone: %s", len(others), "s" if len(others) > 1 else "", names)
    for video in found.moved:
        log.warning("%s is written to %s: another input has its name", video.source, video.target)


@contextmanager
def _reported(outcomes: dict[Path, Outcome], talk: Talk, start: float, ending: Sequence[str] = ()) -> Iterator[None]:
    """Prints the summary, `ending` too, also when the run is interrupted; but not when no function could be had."""
    try:
        yield
    finally:
        if talk.verbosity >= 0 and not isinstance(sys.exception(), FaceblurError):
            width = None if sys.stdout.isatty() else 160
            print_summary(Console(width=width), list(outcomes.values()), time.monotonic() - start, ending)
