"""`faceblur audit`: connects the detectors, audits, writes the JSON and the page, and tells what was found."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import subprocess
import sys
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceblur.auditing.audit import audit
from faceblur.auditing.moments import FINDINGS, Detector, Finding, Report
from faceblur.auditing.page import write_page
from faceblur.auditing.pairs import Place, open_place
from faceblur.base.atomic_files import write_whole
from faceblur.base.errors import MediaError, SidecarError, UsageError
from faceblur.cli.progress import Display
from faceblur.detection.client import FunctionClient
from faceblur.detection.connect import Endpoint, connect
from faceblur.redaction.sidecar import sidecar_path

log = logging.getLogger("faceblur")
# What else may look on this machine, besides function.yaml's default for it.
SECOND_MODEL = "retinaface-resnet50"
ROWS_PRINTED = 20


async def run_audit(
    display: AbstractContextManager[Display],
    source: Path,
    output: Path,
    sidecar: Path | None,
    endpoint: Endpoint,
    *,
    quiet: bool,
) -> int:
    """0 when nothing is exposed and no frame is lost, else 1. Raises UsageError for files that cannot be compared."""
    sidecar = sidecar or sidecar_path(output)
    try:
        _check_names(source, output, sidecar)
        report = await _audited(display, source, output, sidecar, endpoint)
    except (MediaError, SidecarError) as error:
        raise UsageError(str(error)) from error
    if not quiet:
        print_report(Console(width=None if sys.stdout.isatty() else 160), report)
        print(f"{_beside(output, 'html')} (it shows real faces: do not publish it), {_beside(output, 'json')}")
    return 0 if report.passed else 1


def _check_names(source: Path, output: Path, sidecar: Path) -> None:
    for path in (source, output, sidecar):
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    if output.samefile(source):
        raise UsageError(f"{output} is the source: name the output that a run wrote of it")


async def _audited(
    display: AbstractContextManager[Display], source: Path, output: Path, sidecar: Path, endpoint: Endpoint
) -> Report:
    place = await asyncio.to_thread(open_place, source, output, sidecar)
    endpoints = await asyncio.to_thread(_detectors, endpoint)
    async with AsyncExitStack() as stack:
        clients: list[FunctionClient] = []
        detectors: list[Detector] = []
        for one in endpoints:
            client, info = await stack.enter_async_context(connect(one))
            clients.append(client)
            detectors.append(Detector(model=info.model, device=info.device, weights_sha256=info.weights_sha256))
            log.info("detector: %s on %s (%s)", info.model, info.device, info.provider)
        shown = stack.enter_context(display)
        progress = _Progress(shown, place, asyncio.get_running_loop())
        report, alignments = await audit(place, clients, detectors, progress)
        shown.ended(output, "audited")
    try:
        page = await asyncio.to_thread(write_page, report, place, alignments)
        await asyncio.to_thread(write_whole, _beside(output, "html"), page)
        content = report.model_dump_json(indent=2, exclude_none=True).encode()
        await asyncio.to_thread(write_whole, _beside(output, "json"), content)
    except OSError as error:
        raise UsageError(f"the report cannot be written beside {output}: {error.strerror}") from error
    return report


class _Progress:
    """Shows the two passes as two bars: the source's while frames are aligned, the output's while they are checked."""

    def __init__(self, display: Display, place: Place, loop: asyncio.AbstractEventLoop) -> None:
        self._display, self._place, self._loop = display, place, loop
        display.started(place.source, place.frames)

    def aligned(self) -> None:
        self._loop.call_soon_threadsafe(self._display.advanced, self._place.source, 1, 0)

    def checking(self) -> None:
        self._display.ended(self._place.source, "aligned")
        self._display.started(self._place.output, self._place.frames)

    def checked(self, faces: int) -> None:
        self._display.advanced(self._place.output, 1, faces)


def _beside(output: Path, suffix: str) -> Path:
    return output.with_name(f"{output.name}.audit.{suffix}")


def _detectors(endpoint: Endpoint) -> list[Endpoint]:
    """Each detector by itself: every given function, or all that this machine has."""
    if endpoint.urls:
        return [replace(endpoint, urls=(url,)) for url in dict.fromkeys(endpoint.urls)]
    if "MODEL" in endpoint.env or not _has_second_model():
        return [endpoint]
    return [endpoint, replace(endpoint, env=endpoint.env | {"MODEL": SECOND_MODEL})]


def _has_second_model() -> bool:
    """Whether the ResNet can run here without a download: its packages are installed, its weights in the cache."""
    if not all(importlib.util.find_spec(name) for name in ("torch", "retinaface")):
        return False
    # A process of its own: the function's modules are not the driver's.
    command = [sys.executable, "-m", "faceblur_function.weights", "--cached", SECOND_MODEL]
    return subprocess.run(command, capture_output=True).returncode == 0


def print_report(console: Console, report: Report) -> None:
    """The findings and what to watch, in one table, and the verdict."""
    moments = [*report.findings, *report.watch]
    if moments:
        table = Table(show_edge=False, pad_edge=False)
        for heading in ("", "time", "frames", "what"):
            table.add_column(heading, overflow="fold")
        for moment in moments[:ROWS_PRINTED]:
            colour = "red" if moment.kind in FINDINGS else "yellow"
            table.add_row(f"[{colour}]{moment.kind}[/]", moment.first_time, frames_of(moment), escape(moment.text))
        console.print(table)
        if len(moments) > ROWS_PRINTED:
            console.print(f"… and {len(moments) - ROWS_PRINTED} more", highlight=False)
        console.print()
    facts = report.facts
    found = [f"{report.counts[kind]} {kind}" for kind in FINDINGS if kind in report.counts]
    verdict = "nothing exposed was found" if report.passed else "do not publish: " + ", ".join(found)
    watch = sum(count for kind, count in report.counts.items() if kind not in FINDINGS)
    models = ", ".join(one.model for one in report.detectors)
    console.print(
        f"{verdict}; {facts.output_frames} frames, {facts.regions} regions, second look by {models}; "
        f"{watch} moment{'s' if watch != 1 else ''} to watch",
        highlight=False,
        soft_wrap=True,
    )


def frames_of(moment: Finding) -> str:
    """The numbers of the first and last frame."""
    return f"{moment.first_frame}" + (f"-{moment.last_frame}" if moment.last_frame != moment.first_frame else "")
