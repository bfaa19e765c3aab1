"""The command `release`: what may be given away, apart from all that shows faces."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from faceblur.base.counted import counted
from faceblur.base.printable import printable
from faceblur.cli.group import main
from faceblur.cli.options import LOGGING
from faceblur.cli.verbosity import Verbosity

if TYPE_CHECKING:
    from rich.console import Console

    from faceblur.releasing.released import ReleasedFile

log = logging.getLogger("faceblur")
NAMED = 5  # of the other files in a release
GOES_ON = "what was copied is complete; the same command goes on from here"


@main.command()
@click.argument("outdir", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder to copy them into, which has nothing else than what may be given away.",
)
@click.option("--overwrite", is_flag=True, help="Replace other files of the same names in FOLDER.")
@LOGGING
def release(outdir: Path, folder: Path, overwrite: bool, verbosity: Verbosity) -> None:
    """Copy the outputs that may be given away.

    It copies them from OUTDIR and the folders below into FOLDER, with their SHA-256 sums, but no sidecar, report or
    preview. An output is kept back unless it was audited as it is now, and each finding that makes the audit fail was
    judged harmless by a person. OUTDIR gets a record of all that was decided. Exit code 1: an output was kept back.
    """
    from faceblur.cli.exit_codes import DONE, FAILED, execute
    from faceblur.releasing.release import outputs_below
    from faceblur.releasing.release import release as release_outputs

    async def command(console: Console) -> int:
        found = await asyncio.to_thread(outputs_below, outdir, folder)
        with copy_bar(console, verbosity, found[0]) as (stop, advance):
            copying = partial(release_outputs, outdir, folder, found, advance, stop, overwrite=overwrite)
            files = await asyncio.to_thread(copying)
        for one in files:
            if not one.is_released:
                log.error("error: %s: %s", one.name, one.reason)
        if not verbosity.quiet:
            print_release(files, outdir, folder)
        return DONE if all(one.is_released for one in files) else FAILED

    sys.exit(execute(command, verbosity, interrupted=GOES_ON))


@contextmanager
def copy_bar(
    console: Console, verbosity: Verbosity, outputs: Sequence[Path]
) -> Iterator[tuple[Event, Callable[[Path, int], None]]]:
    """On a terminal a bar of the bytes read, each twice: what stops the copying at its end, and what advances it."""
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    stop = Event()
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not verbosity.draws_bars(console)) as bar:
        task = bar.add_task("copy", total=sum(2 * os.stat(one).st_size for one in outputs if os.path.exists(one)))
        try:
            yield stop, lambda _, read: bar.advance(task, read)
        finally:
            stop.set()


def print_release(files: Sequence[ReleasedFile], outdir: Path, folder: Path) -> None:
    """Print which outputs are in the release, what stays visible in them, and where the records are."""
    from rich.markup import escape
    from rich.table import Table

    from faceblur.cli.output_console import output_console
    from faceblur.releasing.checksum_file import NAME
    from faceblur.releasing.records import CHANGES_NAME, FILES_NAME
    from faceblur.releasing.release import other_files

    table = Table("output", "state", show_edge=False, pad_edge=False)
    for one in files:
        colour = "green" if one.is_released else "red"
        table.add_row(escape(printable(one.name)), f"[{colour}]{one.state}[/]")
    output_console().print(table)
    released = [one.facts for one in files if one.is_released and one.facts is not None]
    kept_back = len(files) - len(released)
    lines = [
        f"{counted(len(released), 'output')} in {folder}" + f", their SHA-256 sums in {folder / NAME}" * bool(released)
    ]
    lines += [f"{counted(kept_back, 'output')} kept back"] if kept_back else []
    if others := other_files(folder, files):
        named = ", ".join(others[:NAMED]) + f" and {len(others) - NAMED} more" * (len(others) > NAMED)
        lines.append(
            f"{counted(len(others), 'other file')} in {folder}, which {outdir} does not have: {named} (to withdraw "
            "one, remove it there and release again)"
        )
    for kind, what in (("spared", "spared faces visible, by a person's choice"), ("rest", "a part kept unsearched")):
        if number := sum(kind in facts.report.counts for facts in released):
            lines.append(f"{counted(number, 'output')} with {what}")
    if number := sum(facts.judged > 0 for facts in released):
        lines.append(f"{counted(number, 'output')} with findings that a person judged harmless")
    lines.append(f"the record: {outdir / FILES_NAME}, {outdir / CHANGES_NAME}")
    print("", *map(printable, lines), sep="\n")
