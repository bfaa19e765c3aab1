"""One video that is written again from its sidecar, with the events and the report of a run."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faceblur.base.errors import MediaError, UsageError
from faceblur.base.events import Emit, FileEnded, RunPlanned
from faceblur.base.options import Changes
from faceblur.jobs.discovery import PlannedFile
from faceblur.jobs.job import Job, failed
from faceblur.jobs.output_paths import check_suffix
from faceblur.jobs.report import FileReport, Report
from faceblur.media.encoder_choice import check_encoder
from faceblur.media.reader import VideoReader
from faceblur.redaction.render import render_video
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
            frames = await asyncio.to_thread(_expected_frames, self._video)
        except MediaError as error:
            self.emit(failed(self._video, error))
            return self.report
        self.emit(RunPlanned(1, frames))
        planned = PlannedFile(self._video, target, frames)
        with ThreadPoolExecutor(codec_threads(), "codec") as codecs, self.running(planned, codecs) as file:
            file.written = await render_video(self._sidecar, target, self._changes, file.work)
        return self.report


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
