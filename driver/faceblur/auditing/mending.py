"""How a finding is mended: the exact call of `faceblur edit`, and the boxes that it adds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from faceblur.auditing.finding_kinds import MASKED_BY_BOXES
from faceblur.auditing.report import AuditReport, BoxSpan, Finding
from faceblur.auditing.stream_pairs import AuditedFiles
from faceblur.base.box_at import BoxAt
from faceblur.base.printable import shell_command
from faceblur.base.track_at import TrackAt
from faceblur.redaction.edit_operations import RemovedTrack
from faceblur.redaction.edits import Edits
from faceblur.redaction.named_source import named_in
from faceblur.redaction.sidecar_files import sidecar_path

# Seconds by which what is added begins earlier and ends later than it was seen.
MARGIN = 0.1
# Parts of a path in a command; what `--fix` adds follows the path closer.
MAX_PARTS = 6


def as_they_lie(report: AuditReport, files: AuditedFiles) -> AuditReport:
    """An earlier report of files that were moved or copied since: with their names and commands as they lie now."""
    names = {name: str(getattr(files, name)) for name in ("source", "output", "sidecar")}
    if all(getattr(report, name) == value for name, value in names.items()):
        return report
    lists = {
        name: [with_command(one.model_copy(update={"mend": None}), files) for one in getattr(report, name)]
        for name in ("findings", "watch")
    }
    return report.model_copy(update={**names, **lists})


def with_command(finding: Finding, files: AuditedFiles) -> Finding:
    """The finding, with the command that mends it where there is one."""
    arguments: list[str | Path]
    if finding.kind == "exposed":
        arguments = []  # its mask is listed: rendering again draws it
    elif finding.kind in MASKED_BY_BOXES and (removed := _removed_in(finding, files.edits)) is not None:
        arguments = ["--mask-track", removed.text]
    elif finding.kind in MASKED_BY_BOXES and finding.boxes:
        boxes = [one.text for one in boxes_to_add(finding, MAX_PARTS)]
        arguments = [argument for text in boxes for argument in ("--add", text)]
    elif finding.kind in ("short_track", "low_score") and finding.track is not None:
        arguments = ["--remove-track", str(finding.track)]
    elif finding.kind in ("rejected", "spared") and finding.track is not None:
        arguments = ["--mask-track", str(finding.track)]
    else:
        return finding
    if arguments and len(files.pairs) > 1:
        arguments += ["--stream", str(finding.stream)]
    if sidecar_path(files.output).resolve() != files.sidecar.resolve():
        return finding
    recorded = named_in(files.sidecar.parent, files.header.video.path or files.header.video.name)
    if not os.path.exists(recorded) or not recorded.samefile(files.source):
        arguments += ["--source", files.source]
    command = shell_command("faceblur", "edit", files.output, *arguments)
    return finding.model_copy(update={"mend": command})


def _removed_in(finding: Finding, edits: Edits) -> TrackAt | None:
    """The track of a finding as far as an edit removed it, from the first to the last frame of the finding."""
    if finding.track is None or not finding.boxes:
        return None
    times = finding.boxes[0].start, finding.boxes[-1].end
    first, last = (edits.of_track(finding.stream, finding.track, seconds) for seconds in times)
    if not isinstance(first, RemovedTrack) or not isinstance(last, RemovedTrack):
        return None
    if first is not last or first.start is None or first.end is None:
        return TrackAt(finding.track)
    return TrackAt(finding.track, first.start, first.end)


def boxes_to_add(finding: Finding, count: int | None = None) -> list[BoxAt]:
    """The boxes that cover what was found, in at most `count` parts; each begins where the one before ends."""
    spans = list(finding.boxes)
    size = 1 if count is None else -(-len(spans) // count)
    parts = [_joined(spans[index : index + size]) for index in range(0, len(spans), size or 1)]
    if parts:
        start = parts[0].start - MARGIN
        parts[0] = parts[0].model_copy(update={"start": max(0.0, start) if parts[0].start >= 0 else start})
        parts[-1] = parts[-1].model_copy(update={"end": parts[-1].end + MARGIN})
    return [BoxAt(one.box, round(one.start, 3), round(one.end, 3)) for one in parts]


def _joined(spans: Iterable[BoxSpan]) -> BoxSpan:
    first, *others = spans
    x1, y1, x2, y2 = zip(*(one.box for one in (first, *others)), strict=True)
    end = max(one.end for one in (first, *others))
    return BoxSpan(start=first.start, end=end, box=(min(x1), min(y1), max(x2), max(y2)))
