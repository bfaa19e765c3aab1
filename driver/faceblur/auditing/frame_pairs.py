"""Reads a source, its output and the sidecar side by side, frame by frame, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count

from faceblur.auditing.frame_alignment import Alignment, AlignmentStep
from faceblur.auditing.steps import FramePair, StreamPair
from faceblur.auditing.stream_pairs import AuditedFiles, stream_frames
from faceblur.base.errors import SidecarError
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.redaction.sidecar_format import FrameLine, SidecarFace

log = logging.getLogger("faceblur")


class PairReader:
    """The frames of a stream of both videos in pairs, each frame once. A context manager.

    Without an `alignment` each frame belongs to that of the same number. `damage` is what could not be read of the
    source, `listed` are the video streams in the sidecar, both once all is read. Raises MediaError or SidecarError.
    """

    def __init__(self, files: AuditedFiles, pair: StreamPair, alignment: Alignment | None = None) -> None:
        self._files, self._pair = files, pair
        self._steps = None if alignment is None else iter(alignment)
        self.damage: tuple[str, ...] = ()
        self.listed = set[int]()

    def pairs(self) -> Generator[FramePair]:
        """Read both videos to their ends."""
        files, pair = self._files, self._pair
        with _opened(files) as (source, output, sidecar):
            sources = stream_frames(source, pair.source, pair.is_cover_art)
            outputs = stream_frames(output, pair.output, pair.is_cover_art)
            lines = self._lines(sidecar)
            for frame, other, step in self._steps_through(sources, outputs):
                line, removed = None, tuple[SidecarFace, ...]()
                if frame is not None:
                    line, removed = _line_of(files, lines, frame, source.shown_zero)
                    if frame.number == 0 and pair.source == source.main_stream.index:
                        sidecar.check_size([frame.upright_wh], source.videos.values())
                    sidecar.check_in_frame(line, frame.upright_wh, files.edits.added_boxes)
                zero = source.shown_zero
                yield FramePair(step, frame, other, line, _seconds(frame, zero), _seconds(other, zero), removed)
            if self._steps is None and next(lines, None) is not None:
                raise SidecarError(f"{files.sidecar}: lists more frames than {files.source} has")
            self.damage = tuple(source.damage.summary())
            for text in sidecar.corrections() if self._steps is None else ():
                log.warning("%s: %s: they were put right", files.sidecar, text)

    def _lines(self, sidecar: SidecarReader) -> Iterator[FrameLine]:
        """The lines of the stream."""
        for line in sidecar:
            self.listed.add(line.stream)
            if line.stream == self._pair.source:
                yield line

    def _steps_through(
        self, sources: Iterator[DecodedFrame], outputs: Iterator[DecodedFrame]
    ) -> Iterator[tuple[DecodedFrame | None, DecodedFrame | None, AlignmentStep]]:
        if self._steps is not None:
            for step in self._steps:
                frame = next(sources) if step.kind != "extra" else None
                yield frame, next(outputs) if step.kind != "missing" else None, step
            return
        for number in count():
            frame, other = next(sources, None), next(outputs, None)
            if frame is None and other is None:
                return
            kind = "extra" if frame is None else "missing" if other is None else "pair"
            yield frame, other, AlignmentStep(kind, number, number)  # type: ignore[arg-type]


def frame_pairs(files: AuditedFiles, pair: StreamPair, alignment: Alignment) -> Generator[FramePair]:
    """The frames of a stream that is aligned, in pairs. Raises MediaError or SidecarError."""
    return PairReader(files, pair, alignment).pairs()


@contextmanager
def _opened(files: AuditedFiles) -> Iterator[tuple[VideoReader, VideoReader, SidecarReader]]:
    with ExitStack() as stack:
        source = stack.enter_context(files.open_source())
        output = stack.enter_context(files.open_output())
        yield source, output, stack.enter_context(SidecarReader(files.sidecar))


def _seconds(frame: DecodedFrame | None, zero: float) -> float:
    return 0.0 if frame is None else frame.seconds - zero


def _line_of(
    files: AuditedFiles, lines: Iterator[FrameLine], frame: DecodedFrame, zero: float
) -> tuple[FrameLine, tuple[SidecarFace, ...]]:
    """The frame's line as it was edited, and the faces that edits took out of it."""
    line = next(lines, None)
    if line is None:
        raise SidecarError(f"{files.sidecar}: lists fewer frames than {files.source} has")
    if line.pts != frame.pts:
        raise SidecarError(
            f"{files.sidecar}: frame {line.frame} has the timestamp {line.pts}, that of {files.source} {frame.pts}"
        )
    seconds = frame.seconds - zero
    removed = (face for face in line.faces if files.edits.removes(line.stream, face.track, seconds))
    return files.edits.fold(line, seconds), tuple(removed)
