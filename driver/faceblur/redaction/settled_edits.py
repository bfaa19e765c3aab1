"""Which frames edits are of: a sidecar's lines with the times at which a player of the output shows their frames."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from faceblur.base.errors import SidecarError
from faceblur.base.time_span import TimeSpan
from faceblur.media.source_file import SourceFile
from faceblur.redaction.edit_operations import (
    ROUNDING,
    AddedFace,
    MaskEdit,
    Operation,
    RemovedTrack,
    SparedTrack,
    Undo,
    counts_at,
)
from faceblur.redaction.edits import Edits, fault_of_edit, read_edits
from faceblur.redaction.sidecar_format import FrameLine, edits_path

log = logging.getLogger("faceblur")


class TimedLine(NamedTuple):
    """A line, and from when until when its frame is shown, in seconds; by any player's clock."""

    line: FrameLine
    since: float
    until: float


def timed_lines(lines: Iterable[FrameLine], video: SourceFile) -> Iterator[TimedLine]:
    """Each line once the next one of its stream is known; the last ones at the end.

    `video` is what the lines are of, opened with the span of their sidecar.
    """
    units = {index: float(stream.time_base) for index, stream in video.videos.items()}
    held: dict[int, tuple[FrameLine, float]] = {}
    for line in lines:
        since = line.pts * units.get(line.stream, 0.0) - video.shown_zero  # cover art has no time
        if line.stream in held:
            yield TimedLine(*held[line.stream], since + video.priming)
        held[line.stream] = line, since
    end = math.inf if video.frames_end is None else video.frames_end - video.shown_zero
    for line, since in held.values():
        yield TimedLine(line, since, end + video.priming if end > since else math.inf)


def settled(
    sidecar: Path, lines: Iterable[TimedLine], operations: Iterable[Operation], priming: float = 0.0
) -> tuple[Operation, ...]:
    """Edits of a sidecar with these lines: what is to be masked begins with the frame that is shown then.

    `priming` is by how many seconds players differ in where they show zero: what is left clear ends so much earlier.
    Raises SidecarError for an edit that changes no frame; an undo is checked where it is appended.
    """
    return _found_in(sidecar, lines, operations, partial(_begun, priming=priming))


def check_edits(sidecar: Path, lines: Iterable[TimedLine], operations: Iterable[Operation]) -> None:
    """Check that each edit, as it stands, changes a frame of a sidecar with these lines. Raises SidecarError."""
    _found_in(sidecar, lines, operations, _as_it_stands)


def _found_in(
    sidecar: Path,
    lines: Iterable[TimedLine],
    operations: Iterable[Operation],
    change: Callable[[MaskEdit, TimedLine], MaskEdit | None],
) -> tuple[Operation, ...]:
    """What `change` makes of each edit and the first line that it is of; None: it is not. Raises SidecarError."""
    numbered = list(enumerate(operations))
    found: dict[int, Operation] = {key: one for key, one in numbered if isinstance(one, Undo)}
    waiting: dict[int, MaskEdit] = {key: one for key, one in numbered if not isinstance(one, Undo)}
    for one in waiting.values():
        if fault := fault_of_edit(one):
            named = "the face to add" if isinstance(one, AddedFace) else f"track {one.track}"
            raise SidecarError(f"{named}: {fault}")
    coming: dict[int, list[int]] = {}  # by stream, the one that begins first at the end: a moving face is many edits
    for key in sorted(waiting, key=lambda key: _begin(waiting[key]), reverse=True):
        coming.setdefault(waiting[key].stream, []).append(key)
    begun: dict[int, list[int]] = {stream: [] for stream in coming}
    for timed in lines:
        stream = timed.line.stream
        if not waiting:
            break
        if stream not in coming:
            continue
        while coming[stream] and _begin(waiting[coming[stream][-1]]) < timed.until + ROUNDING:
            begun[stream].append(coming[stream].pop())
        tracks = {face.track for face in timed.line.faces}
        for key in begun[stream]:
            one = waiting[key]
            is_of = isinstance(one, AddedFace) or one.track in tracks
            if is_of and (changed := change(one, timed)) is not None:
                found[key] = changed
                del waiting[key]
        begun[stream] = [key for key in begun[stream] if key in waiting]
    for one in waiting.values():
        raise SidecarError(f"{sidecar}: {_missing(one)}")
    return tuple(found[key] for key in sorted(found))


def _as_it_stands(one: MaskEdit, timed: TimedLine) -> MaskEdit | None:
    """An edit that counts in the frame."""
    return one if counts_at(one, timed.since) else None


def _begun(one: MaskEdit, timed: TimedLine, priming: float) -> MaskEdit | None:
    """An edit, begun with the frame if it masks: a face is not left clear at its begin."""
    since, until = timed.since, timed.until
    if isinstance(one, RemovedTrack | SparedTrack):
        return _as_it_stands(one if one.end is None else replace(one, end=one.end - priming), timed)
    if one.end is not None and since > one.end + ROUNDING:
        return None
    if one.start is None:
        return one
    return replace(one, start=min(one.start, since)) if until > one.start + ROUNDING else None


def _begin(one: MaskEdit) -> float:
    return -math.inf if one.start is None else one.start


def _missing(one: MaskEdit) -> str:
    """Why an edit changes no frame, and where to see what there is."""
    if isinstance(one, AddedFace):
        return f"no frame of stream {one.stream} is shown from {one.start:g} to {one.end:g} s"
    span = TimeSpan.of(one.start, one.end)
    why = f"there is no track {one.track} in stream {one.stream}" + f" from {span}" * (span is not None)
    return f"{why}: the sidecar and a preview have the numbers of the tracks"


def warn_of_later_edits(sidecar: Path, output: Path, edits: Edits) -> None:
    """Say that a sidecar got other edits than these while its output was written with them, and that it lacks those.

    The edits are the newer file then, as all that asks whether an output has them goes by.
    """
    try:
        if read_edits(sidecar).operations == edits.operations:
            return
        os.utime(edits_path(sidecar))
    except (SidecarError, OSError) as error:
        log.warning("%s: its edits were changed while it was written: %s", output, error)
        return
    log.warning("%s: was edited while it was written: it lacks the edits made since then", output)
