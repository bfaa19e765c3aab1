"""The record of a release: which outputs are in it and why others are not, and who changed what, as CSV."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faceblur.auditing.report_files import write_report
from faceblur.auditing.verdicts import review_lines
from faceblur.base.errors import SidecarError
from faceblur.redaction.edit_operations import Undo
from faceblur.redaction.edits import FIRST_LINE, read_edits
from faceblur.redaction.sidecar_files import sidecar_path
from faceblur.releasing.released import ReleasedFile

log = logging.getLogger("faceblur")
FILES_NAME, CHANGES_NAME = "faceblur-release.csv", "faceblur-changes.csv"
CHANGES = (
    *("output", "at", "by", "what", "reason", "undone", "line", "stream", "track", "box", "start", "end", "finding"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet calculates


def write_records(outdir: Path, files: Iterable[ReleasedFile]) -> None:
    """Write both files into the folder of the outputs. Raises UsageError where that cannot be done."""
    released = list(files)
    write_report(outdir / FILES_NAME, _table(ReleasedFile.COLUMNS, (one.row() for one in released)))
    changes = (change for one in released for change in _changes(outdir, outdir / one.name))
    write_report(outdir / CHANGES_NAME, _table(CHANGES, changes))


def _changes(outdir: Path, output: Path) -> Iterator[dict[str, Any]]:
    """Every edit of an output, and every verdict on a finding of it."""
    sidecar = sidecar_path(output)
    if not os.path.exists(sidecar):  # unlike `Path.exists` it does not raise
        return
    name = str(output.relative_to(outdir))
    try:
        edits, verdicts = read_edits(sidecar), review_lines(output)
    except SidecarError as error:  # it is kept back
        log.warning("not in %s: %s", CHANGES_NAME, error)
        return
    undone = {one.line for one in edits.log if isinstance(one, Undo)}
    for line, one in enumerate(edits.log, FIRST_LINE):
        fields = asdict(one)
        what = f"undo line {one.line}" if isinstance(one, Undo) else fields.pop("op")
        yield fields | {"output": name, "what": what, "line": line, "undone": line in undone or ""}
    for verdict in verdicts:
        what = f"verdict: {verdict.verdict or 'open again'}"
        yield {"output": name, "at": verdict.at, "by": verdict.by, "what": what, "finding": verdict.finding}


def _table(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    names = list(columns)
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: _cell(row.get(name)) for name in names} for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: people's texts are in it. A box is as in `--add`."""
    if isinstance(value, tuple):
        return ",".join(f"{one:.10g}" for one in value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
