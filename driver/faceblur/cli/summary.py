"""The end of a run on the command line: a table of the files, one of where the time went, and the summary lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from faceblur.base.counted import counted
from faceblur.base.errors import FaceblurError
from faceblur.base.events import ON_THE_WAY, MaskedState, State
from faceblur.base.printable import printable, shell_command
from faceblur.cli.output_console import output_console
from faceblur.cli.verbosity import Verbosity
from faceblur.jobs.report import FileReport, Report

COLOURS: dict[State, str] = {"done": "green", "skipped": "cyan", "failed": "red", "not done": "yellow"}
# In the order in which a frame goes through them. The function's own decoding and encoding are JPEG too.
STAGES = (
    "decode",
    "compare",
    "JPEG",
    *ON_THE_WAY,
    "function: queue",
    "function: decode",
    "function: detect",
    "function: redact",
    "function: encode",
    "camera",
    "mask",
    "write",
    "preview",
)
# Of the states of masked faces, those that tell how the detector copes with a file.
GAPS: tuple[MaskedState, ...] = ("gap-filled", "followed")
NAMES_SHOWN = 3  # of files with rejected faces


@contextmanager
def summarized(report: Report, verbosity: Verbosity, proposes_audit: bool = True) -> Iterator[None]:
    """Prints the summary at the end, also when the run is interrupted; but not when it ended before it had files."""
    try:
        yield
    finally:
        if report.files and not verbosity.quiet and not isinstance(sys.exception(), FaceblurError):
            print_summary(output_console(), report, proposes_audit)


def print_summary(console: Console, report: Report, proposes_audit: bool = True) -> None:
    """Print the tables to the console, how many files ended how, and the run's summary lines."""
    console.print(_files(report))
    written = [one for one in report.files.values() if one.state == "done"]
    spent = {stage: sum(one.stage_seconds.get(stage, 0.0) for one in written) for stage in STAGES}
    if total := sum(spent.values()):
        stages = Table(title=None, show_edge=False, pad_edge=False)
        stages.add_column("where the time went, all threads and requests together")
        stages.add_column("seconds", justify="right")
        stages.add_column("share", justify="right")
        for stage in STAGES:
            if spent[stage]:
                stages.add_row(stage, f"{spent[stage]:.1f}", f"{spent[stage] / total:.0%}")
        console.print()
        console.print(stages)
    console.print()
    proposal = _next_step(report) if proposes_audit else ()
    for line in (report.summary(), *_rejected(report), *_by_hand(report), *proposal, *report.lines):
        console.print(escape(printable(line)), highlight=False, soft_wrap=True)


def _rejected(report: Report) -> Iterator[str]:
    """How many doubtful faces were not masked, and in which files most of them."""
    files = sorted((one for one in report.files.values() if one.rejected), key=lambda one: -one.rejected)
    if not files:
        return
    rejected = counted(sum(one.rejected for one in files), "doubtful face")
    where = ", ".join(f"{one.source} ({one.rejected})" for one in files[:NAMES_SHOWN])
    more = f" and {counted(len(files) - NAMES_SHOWN, 'more file')}" if len(files) > NAMES_SHOWN else ""
    yield (
        f"{rejected}, counted in each frame, left visible: the second detector rejects them (--no-verify masks them). "
        f"They are in {where}{more}"
    )


def _by_hand(report: Report) -> Iterator[str]:
    """What people chose to mask or to leave visible, file by file."""
    for one in report.files.values():
        yield from (f"{one.source}: {note}" for note in one.by_hand)


def _next_step(report: Report) -> Iterator[str]:
    """The command that checks the videos that were written, or written again."""
    written = [one for one in report.files.values() if one.state == "done" and one.target is not None]
    if not written:
        return
    source, target = written[0].source, Path(written[0].target or "")
    if len(written) > 1:
        source = _common_folder([one.source for one in written])
        target = _common_folder([Path(one.target or "") for one in written])
    command = shell_command("faceblur", "audit", source, target)
    what = "an output is published, check it" if len(written) == 1 else "outputs are published, check them"
    yield f"before {what}: {command}"


def _common_folder(files: Sequence[Path]) -> Path:
    """The folder that holds files, relative where they are named so."""
    folder = os.path.commonpath([one.absolute().parent for one in files])
    return Path(folder if any(one.is_absolute() for one in files) else os.path.relpath(folder))


def _files(report: Report) -> Table:
    table = Table(title=None, show_edge=False, pad_edge=False)
    table.add_column("file", overflow="fold")
    # Only what there is: on a narrow terminal the names of the files need the room.
    gaps = [state for state in GAPS if any(one.faces_by_state[state] for one in report.files.values())]
    for heading in ("frames", "faces", *gaps, "seconds", "fps"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    for one in report.files.values():
        state = f"[{COLOURS[one.state]}]{one.state}[/]"
        if one.reason and one.state != "failed":  # that has been reported on stderr
            state += escape(f": {printable(one.reason)}")
        table.add_row(escape(printable(str(one.source))), *_figures(one, gaps), state)
    return table


def _figures(one: FileReport, gaps: Sequence[MaskedState]) -> tuple[str, ...]:
    if one.state != "done":
        return ("",) * (len(gaps) + 4)
    counts = map(str, (one.frames, one.faces, *(one.faces_by_state[state] for state in gaps)))
    return *counts, f"{one.seconds:.1f}", f"{one.frames / one.seconds:.1f}"
