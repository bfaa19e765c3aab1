"""The commands of a review before outputs are published: `audit` and `edit`."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from faceblur.base.box_at import BoxAt
from faceblur.base.counted import counted
from faceblur.base.errors import FaceblurError, MediaError, UsageError
from faceblur.base.events import Emit
from faceblur.base.printable import shell_command
from faceblur.base.track_at import TrackAt
from faceblur.cli.group import main
from faceblur.cli.options import FUNCTION, LOGGING
from faceblur.cli.region_options import PREVIEW
from faceblur.cli.verbosity import Verbosity
from faceblur.detection.endpoint import Endpoint

if TYPE_CHECKING:
    from rich.console import Console

    from faceblur.auditing.report import AuditReport, FolderReport

log = logging.getLogger("faceblur")
GOES_ON = "the same command goes on from here"
EDITS_ARE_KEPT = "the edits are kept"
MAX_REASON = 1000  # characters, as in the edits


class TextType(click.ParamType[Any]):
    """What a function parses, which raises UsageError."""

    def __init__(self, parse: Callable[[str], Any], name: str) -> None:
        self._parse, self.name = parse, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._parse(value) if isinstance(value, str) else value
        except UsageError as error:
            self.fail(str(error), param, ctx)


def _reason(text: str) -> str:
    if not text.isprintable() or len(text) > MAX_REASON:
        raise UsageError(f"a reason is one line of at most {MAX_REASON} characters")
    return text


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("sidecar", required=False, type=click.Path(path_type=Path))
@click.option(
    "--fix",
    is_flag=True,
    help="Mask the faces that were found and are not masked, write the outputs again, and audit these again.",
)
@click.option("--again", is_flag=True, help="Of a folder: also audit the outputs whose report is up to date.")
@FUNCTION
@LOGGING
def audit(
    source: Path,
    output: Path,
    sidecar: Path | None,
    fix: bool,
    again: bool,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> None:
    """Check OUTPUT against its SOURCE before it is published. SIDECAR is by default OUTPUT.faces.jsonl.

    The audit checks that every listed face is illegible, that no frame is lost or changed, and that no track of sound
    or subtitles is lost. A second detection pass searches for faces that were never masked. It writes OUTPUT.audit.json
    and OUTPUT.audit.html. Exit code 1: something is exposed or lost.

    OUTPUT may be a folder of outputs, and SOURCE that of their sources: then each one is audited, and the index page
    faceblur-audit.html is written there. The same command goes on with an audit that was interrupted.
    """
    from faceblur.cli.exit_codes import WRONG_CALL, execute

    is_folder = output.is_dir()

    async def command(console: Console) -> int:
        if not is_folder:
            return await _audit_file(console, source, output, sidecar, fix, endpoint, verbosity)
        if sidecar is not None:
            raise UsageError(f"{sidecar}: a sidecar is of one output, and {output} is a folder")
        return await _audit_folder(console, source, output, fix, again, endpoint, verbosity)

    sys.exit(execute(command, verbosity, interrupted=GOES_ON, unexpected=WRONG_CALL))


async def _audit_file(
    console: Console,
    source: Path,
    output: Path,
    sidecar: Path | None,
    fix: bool,
    endpoint: Endpoint,
    verbosity: Verbosity,
) -> int:
    from faceblur.auditing.audit import audit as audit_files
    from faceblur.cli.audit_output import AuditDisplay, print_report
    from faceblur.cli.exit_codes import DONE, FAILED
    from faceblur.cli.progress import choose_display
    from faceblur.jobs.checked_edits import as_usage_error

    async def audited() -> AuditReport:
        with AuditDisplay(choose_display(console, verbosity)) as shown, as_usage_error():
            update = partial(shown.update, output)
            return await audit_files(source, output, sidecar, endpoint=endpoint, on_progress=update)

    if fix and sidecar is not None:
        raise UsageError("--fix edits the sidecar beside the output: leave SIDECAR out")
    report = await audited()
    if fix and await _fix(report):
        report = await audited()
    if not verbosity.quiet:
        print_report(output, report)
    return DONE if report.passed else FAILED


async def _audit_folder(
    console: Console, source: Path, outdir: Path, fix: bool, again: bool, endpoint: Endpoint, verbosity: Verbosity
) -> int:
    from faceblur.auditing.folder_audit import audit_outputs, find_outputs
    from faceblur.cli.audit_output import AuditDisplay, print_reports
    from faceblur.cli.exit_codes import DONE, FAILED
    from faceblur.cli.progress import choose_display

    planned = await asyncio.to_thread(find_outputs, source, outdir)
    if not any(one.output for one in planned):
        raise UsageError(f"{outdir}: there is no output of a run in it")

    async def audited(again: bool) -> FolderReport:
        with AuditDisplay(choose_display(console, verbosity)) as shown:
            return await audit_outputs(
                planned,
                endpoint=endpoint,
                again=again,
                on_planned=shown.planned,
                on_progress=shown.update,
                index=outdir,
            )

    report = await audited(again)
    if fix:
        changed = [await _fix_one(one.report) for one in report.files if one.report is not None]
        report = await audited(False) if any(changed) else report
    if not verbosity.quiet:
        print_reports(report, outdir)
    return DONE if report.passed else FAILED


async def _fix_one(report: AuditReport) -> bool:
    """Mend one of several outputs, as `_fix` does. One that cannot be mended stays a finding, and the others go on."""
    try:
        return await _fix(report)
    except FaceblurError as error:
        log.error("cannot be mended: %s", error)
        return False


async def _fix(report: AuditReport) -> bool:
    """Mask what was found and is clear, and write the output again; returns whether there was anything to do.

    Raises MediaError where that fails: the edits stay then.
    """
    from faceblur.auditing.mending import boxes_to_add
    from faceblur.jobs.render_run import EditRun

    added: dict[int | None, list[BoxAt]] = {}
    for finding in report.findings:
        if finding.kind == "uncovered":
            added.setdefault(finding.stream, []).extend(boxes_to_add(finding))
        elif finding.kind == "exposed":
            added.setdefault(None, [])  # rendering again masks it
    for stream, boxes in added.items():
        found = "found by audit --fix" if boxes else None
        run = EditRun(Path(report.output), added=boxes, stream=stream, source=Path(report.source), reason=found)
        for failed in (await run.run()).failed:
            raise MediaError(f"{report.output}: {failed.reason}")
    if added:
        number = counted(sum(map(len, added.values())), "box", "boxes")
        log.warning("%s: written again with %s more to mask", report.output, number)
    return bool(added)


@main.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--add",
    "added",
    multiple=True,
    type=TextType(BoxAt.parse, "X1,Y1,X2,Y2@START-END"),
    metavar="X1,Y1,X2,Y2@START-END",
    help="Mask this box, in pixels, from START to END in seconds, as a player counts them. May be repeated.",
)
@click.option(
    "--remove-track",
    "removed",
    multiple=True,
    type=TextType(TrackAt.parse, "N[@START-END]"),
    metavar="N[@START-END]",
    help="Do not mask this track, which is no face: all of it, or from START to END in seconds. May be repeated.",
)
@click.option(
    "--spare-track",
    "spared",
    multiple=True,
    type=TextType(TrackAt.parse, "N[@START-END]"),
    metavar="N[@START-END]",
    help="Do not mask this track: a face that stays visible on purpose. Summary, sidecar and audit report it. May be "
    "repeated.",
)
@click.option(
    "--mask-track",
    "masked",
    multiple=True,
    type=TextType(TrackAt.parse, "N[@START-END]"),
    metavar="N[@START-END]",
    help="Mask this track although it was rejected, spared or removed. May be repeated.",
)
@click.option(
    "--undo",
    "undone",
    multiple=True,
    type=click.IntRange(2),
    metavar="LINE",
    help="Take back the edit in this line of OUTPUT.edits.jsonl, which counts from 1. May be repeated.",
)
@click.option(
    "--reason", type=TextType(_reason, "TEXT"), metavar="TEXT", help="Why. It is kept beside each of these edits."
)
@click.option("--stream", type=click.IntRange(0), metavar="N", help="Video stream of these.  [default: the main one]")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The video that OUTPUT was made of.  [default: where it was then]",
)
@PREVIEW
@LOGGING
def edit(
    output: Path,
    added: tuple[BoxAt, ...],
    removed: tuple[TrackAt, ...],
    spared: tuple[TrackAt, ...],
    masked: tuple[TrackAt, ...],
    undone: tuple[int, ...],
    reason: str | None,
    stream: int | None,
    source: Path | None,
    preview: bool,
    verbosity: Verbosity,
) -> None:
    """Correct the masks of OUTPUT, and write it again. Its sidecar stays; the edits go to OUTPUT.edits.jsonl.

    Edits add up: each call renders with those of all calls before. Without any option it renders again, as after an
    interruption. No function is needed.
    """
    from faceblur.cli.execute_job import execute_job
    from faceblur.cli.exit_codes import FAILED
    from faceblur.jobs.render_run import EditRun

    def make(emit: Emit) -> EditRun:
        edit_run = partial(EditRun, output, added=added, removed=removed, spared=spared, masked=masked, undone=undone)
        return edit_run(reason=reason, stream=stream, source=source, preview=preview, on_event=emit)

    goes_on = f"`{shell_command('faceblur', 'edit', output)}` goes on"
    code = execute_job(make, verbosity, interrupted=f"the output is as it was; {EDITS_ARE_KEPT}: {goes_on}")
    if code == FAILED:
        log.error("%s is as it was; %s: once the cause is gone, %s", output, EDITS_ARE_KEPT, goes_on)
    sys.exit(code)
