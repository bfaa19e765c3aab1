"""The commands of a review before outputs are published: `audit` and `edit`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faceblur.base.box_at import BoxAt
from faceblur.base.errors import UsageError
from faceblur.base.events import Emit
from faceblur.cli.group import main
from faceblur.cli.options import FUNCTION, LOGGING
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint

if TYPE_CHECKING:
    from rich.console import Console


class BoxAtType(click.ParamType[BoxAt]):
    """A box with its times."""

    name = "X1,Y1,X2,Y2@START-END"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> BoxAt:
        if isinstance(value, BoxAt):
            return value
        try:
            return BoxAt.parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("sidecar", required=False, type=click.Path(path_type=Path))
@FUNCTION
@LOGGING
def audit(source: Path, output: Path, sidecar: Path | None, endpoint: Endpoint, verbosity: Verbosity) -> None:
    """Check OUTPUT against its SOURCE before it is published. SIDECAR is by default OUTPUT.faces.jsonl.

    The audit checks that every listed face is illegible and that no frame is lost or changed. A second detection pass
    searches for faces that were never masked. It writes OUTPUT.audit.json and OUTPUT.audit.html. Exit code 1: something
    is exposed or lost.
    """
    from faceblur.auditing.audit import audit as audit_files
    from faceblur.cli.audit_output import AuditDisplay, as_usage_error, print_report
    from faceblur.cli.exit_codes import DONE, FAILED, WRONG_CALL, execute
    from faceblur.cli.progress import choose_display

    async def command(console: Console) -> int:
        with AuditDisplay(choose_display(console, verbosity)) as shown, as_usage_error():
            shown.planned(1, None)
            update = partial(shown.update, output)
            report = await audit_files(source, output, sidecar, endpoint=endpoint, on_progress=update)
        if not verbosity.quiet:
            print_report(output, report)
        return DONE if report.passed else FAILED

    sys.exit(execute(command, verbosity, unexpected=WRONG_CALL))


@main.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--add",
    "added",
    multiple=True,
    type=BoxAtType(),
    metavar="X1,Y1,X2,Y2@START-END",
    help="Mask this box, in pixels, from START to END in seconds. May be repeated.",
)
@click.option(
    "--remove-track",
    "removed",
    multiple=True,
    type=int,
    metavar="N",
    help="Do not mask this track, which is no face. May be repeated.",
)
@click.option(
    "--spare-track",
    "spared",
    multiple=True,
    type=int,
    metavar="N",
    help="Do not mask this track: a face that stays visible on purpose. Summary, sidecar and audit report it. May be "
    "repeated.",
)
@click.option("--stream", type=click.IntRange(0), metavar="N", help="Video stream of these.  [default: the main one]")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The video that OUTPUT was made of.  [default: where it was then]",
)
@LOGGING
def edit(
    output: Path,
    added: tuple[BoxAt, ...],
    removed: tuple[int, ...],
    spared: tuple[int, ...],
    stream: int | None,
    source: Path | None,
    verbosity: Verbosity,
) -> None:
    """Correct the masks of OUTPUT, and write it again. Its sidecar stays; the edits go to OUTPUT.edits.jsonl.

    Edits add up: each call renders with those of all calls before. Without any option it renders again, as after an
    interruption. No function is needed.
    """
    from faceblur.cli.execute_job import execute_job
    from faceblur.jobs.render_run import EditRun

    def make(emit: Emit) -> EditRun:
        return EditRun(output, added=added, removed=removed, spared=spared, stream=stream, source=source, on_event=emit)

    sys.exit(
        execute_job(make, verbosity, interrupted="the output is as it was; the same command without options goes on")
    )
