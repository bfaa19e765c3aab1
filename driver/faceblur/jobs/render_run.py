"""One video that is written from its sidecar and its edits, with the events and the report of a run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from faceblur.base.box_at import BoxAt
from faceblur.base.errors import MediaError, SidecarError, UsageError
from faceblur.base.events import Emit, FileEnded, RunPlanned
from faceblur.base.options import Changes
from faceblur.base.track_at import TrackAt
from faceblur.jobs.checked_edits import (
    append_checked,
    as_usage_error,
    check_recorded_encoder,
    opened_with_sidecar,
    user_name,
)
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.job import Job, failed
from faceblur.jobs.output_paths import check_suffix
from faceblur.jobs.report import FileReport, Report
from faceblur.media.encoder_choice import check_encoder
from faceblur.media.reader import VideoReader
from faceblur.redaction.edit_operations import AddedFace, MaskedTrack, Operation, RemovedTrack, SparedTrack, Undo
from faceblur.redaction.edits import Edits, read_edits
from faceblur.redaction.named_source import named_in
from faceblur.redaction.render import render_video
from faceblur.redaction.settled_edits import check_edits, timed_lines, warn_of_later_edits
from faceblur.redaction.sidecar_files import SidecarReader, sidecar_path
from faceblur.redaction.sidecar_format import SUFFIX
from faceblur.redaction.threads import codec_threads


class RenderRun(Job):
    """Renders `video` with the faces of `sidecar` masked, as OUT or into the folder OUT, with some `changes`."""

    def __init__(
        self,
        video: Path,
        sidecar: Path,
        out: Path,
        changes: Changes,
        *,
        overwrite: bool = False,
        on_event: Emit | None = None,
    ) -> None:
        super().__init__(on_event)
        self._video, self._sidecar, self._out, self._changes = video, sidecar, out, changes
        self._overwrite = overwrite

    async def execute(self) -> Report:
        """Render it. Raises UsageError; may be cancelled, and leaves nothing half written then."""
        for path in (self._video, self._sidecar):
            if not path.is_file():
                raise UsageError(f"{path}: {'no regular file' if path.exists() else 'no such file'}")
        if self._changes.encoder:
            check_encoder(self._changes.encoder)
        try:
            target = output_path(self._video, self._out)
            self.report.files[self._video] = FileReport(self._video, target)
            if target.exists() and not self._overwrite:
                self.emit(FileEnded(self._video, "skipped", f"{target} exists; --overwrite writes it again"))
                return self.report
            edits = await asyncio.to_thread(self._check_edits)
            frames = await asyncio.to_thread(_expected_frames, self._video)
        except (MediaError, SidecarError) as error:
            self.emit(failed(self._video, error))
            return self.report
        self.emit(RunPlanned(1, frames))
        planned = PlannedFile(self._video, target, frames)
        with ThreadPoolExecutor(codec_threads(), "codec") as codecs, self.running(planned, codecs) as file:
            file.written = await render_video(self._sidecar, target, self._changes, file.work)
        await asyncio.to_thread(warn_of_later_edits, self._sidecar, target, edits)
        return self.report

    def _check_edits(self) -> Edits:
        """The edits. Each of them and each track to spare has to change a frame.

        Raises UsageError, MediaError or SidecarError.
        """
        with SidecarReader(self._sidecar) as reader:  # what is no sidecar is said to be none, not to be another one
            edits, tracks = read_edits(self._sidecar), self._changes.spare_tracks
            if not self._changes.encoder:
                check_recorded_encoder(reader)
        if not edits and not tracks:
            return edits
        with opened_with_sidecar(self._sidecar, self._video) as (sidecar, video), as_usage_error():
            spared = [SparedTrack(track, video.main_stream.index) for track in tracks]
            check_edits(self._sidecar, timed_lines(sidecar, video), (*edits.operations, *spared))
        return edits


def output_path(video: Path, out: Path) -> Path:
    """Where OUT has the video written: OUT itself, or in it under the video's name. Raises UsageError."""
    target = out / _own_name(video) if out.is_dir() else out
    if target.exists() and target.samefile(video):
        raise UsageError(f"{target} is the source: choose another name for the output")
    check_suffix(target)
    return target


def _own_name(video: Path) -> str:
    with VideoReader(video) as reader:
        return reader.output_name()


def _expected_frames(video: Path) -> int | None:
    with VideoReader(video) as reader:
        return reader.expected_frames


class EditRun(RenderRun):
    """Appends edits to those of an output's sidecar, and renders the output again with all of them.

    `added` are boxes in the video stream `stream`, by default the main one; `removed`, `spared` and `masked` are tracks
    of it, or parts of them. `undone` are lines of the edits before that count no more. `reason` is why, of all of them.
    `source` None is the file that the sidecar names; `preview` is as in `Options`. Raises UsageError.
    """

    def __init__(
        self,
        output: Path,
        *,
        added: Sequence[BoxAt] = (),
        removed: Sequence[TrackAt] = (),
        spared: Sequence[TrackAt] = (),
        masked: Sequence[TrackAt] = (),
        undone: Sequence[int] = (),
        reason: str | None = None,
        stream: int | None = None,
        source: Path | None = None,
        preview: bool = False,
        on_event: Emit | None = None,
    ) -> None:
        if os.path.islink(output):  # else the link would be replaced, and what it leads to stay as it was
            output = Path(os.path.realpath(output))
        sidecar = sidecar_path(output)
        self._added, self._undone, self._stream, self._reason = added, undone, stream, reason
        self._tracks = ((RemovedTrack, removed), (SparedTrack, spared), (MaskedTrack, masked))
        if os.path.isdir(output):
            raise UsageError(f"{output}: a folder: name one output in it")
        if output.name.endswith(SUFFIX):
            raise UsageError(f"{output}: a sidecar: name the output, {output.name.removesuffix(SUFFIX)}")
        if not os.path.exists(output) and not os.path.exists(sidecar):
            raise UsageError(f"{output}: no such file")
        if not sidecar.exists():
            raise UsageError(f"{sidecar}: no such file: it is the sidecar, which a run writes beside its output")
        with as_usage_error(), SidecarReader(sidecar) as reader:
            header = reader.header
        if source is None:
            source = _as_known(named_in(sidecar.parent, header.video.path or header.video.name))
            if not os.path.isfile(source):
                raise UsageError(f"{source}, of which {output} was made, is not there: name it with --source")
        # What the run kept or tolerated, the edit does too.
        changes = Changes(keep_location=bool(header.settings.keep_location), tolerate_damage=True, preview=preview)
        super().__init__(source, sidecar, output, changes, overwrite=True, on_event=on_event)

    async def execute(self) -> Report:
        """Check the edits, append them, and render."""
        signed = partial(append_checked, by=user_name(), reason=self._reason)
        await asyncio.to_thread(signed, self._video, self._sidecar, self._operations)
        return await super().execute()

    def _operations(self, main_stream: int) -> list[Operation]:
        stream = main_stream if self._stream is None else self._stream
        return [
            *(AddedFace(one.box, one.start, one.end, stream) for one in self._added),
            *(kind(one.track, stream, start=one.start, end=one.end) for kind, some in self._tracks for one in some),
            *(Undo(line) for line in self._undone),
        ]


def _as_known(path: Path) -> Path:
    """The path without "..", where it names the same file: not so behind a folder that is a link."""
    short = Path(os.path.normpath(path))
    # Not `Path.exists`: it raises where a name is too long for any file.
    return short if os.path.exists(short) and os.path.exists(path) and short.samefile(path) else path
