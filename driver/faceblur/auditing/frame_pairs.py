"""Reads a source, its output and the sidecar side by side, frame by frame, in bounded memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from faceblur.auditing.changed_areas import unmasked
from faceblur.auditing.frame_alignment import Alignment, AlignmentStep, SmallFrame, align, gray_image, small_frame
from faceblur.auditing.stream_pairs import AuditedFiles, StreamPair, stream_frames
from faceblur.base.errors import SidecarError
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.listed_masks import listed_regions
from faceblur.redaction.sidecar_files import SidecarReader
from faceblur.redaction.sidecar_format import FrameLine

log = logging.getLogger("faceblur")


@dataclass(frozen=True, slots=True)
class FramePair:
    """One step through the videos: a pair of frames, or a single one; `line` is the sidecar's of the source's frame."""

    step: AlignmentStep
    source: DecodedFrame | None
    output: DecodedFrame | None
    line: FrameLine | None

    @property
    def source_seconds(self) -> float:
        return self.source.seconds if self.source is not None else 0.0

    @property
    def output_seconds(self) -> float:
        return self.output.seconds if self.output is not None else 0.0


def align_streams(
    files: AuditedFiles, pair: StreamPair, advance: Callable[[], None], stop: threading.Event
) -> Alignment:
    """Find which frames belong together; `advance` is called for each frame of the source. Ends early on `stop`.

    Raises MediaError or SidecarError.
    """
    padding = files.header.settings.padding

    def source_frames(reader: VideoReader, lines: Iterator[FrameLine]) -> Iterator[SmallFrame]:
        for frame in stream_frames(reader, pair.source, pair.is_cover_art):
            if stop.is_set():
                return
            line = _line_of(files, lines, frame)
            if frame.number == 0 and pair.source == reader.main_stream.index:
                sidecar.check_size([frame.upright_wh], reader.videos.values())
            sidecar.check_in_frame(line, frame.upright_wh)
            advance()
            gray = gray_image(frame.upright())
            clear = unmasked(listed_regions(line.faces, padding), gray.shape[1::-1])
            yield small_frame(gray, frame.seconds, clear)
        if next(lines, None) is not None:
            raise SidecarError(f"{files.sidecar}: lists more frames than {files.source} has")

    def output_frames(reader: VideoReader) -> Iterator[SmallFrame]:
        for frame in stream_frames(reader, pair.output, pair.is_cover_art):
            if stop.is_set():
                return
            yield small_frame(gray_image(frame.upright()), frame.seconds)

    with _opened(files) as (source, output, sidecar):
        lines = _lines(sidecar, pair.source)
        alignment = align(source_frames(source, lines), output_frames(output), pair.tolerance)
        for text in sidecar.corrections():
            log.warning("%s: %s: they were put right", files.sidecar, text)
        return replace(alignment, damage=tuple(source.damage.summary()))


def frame_pairs(files: AuditedFiles, pair: StreamPair, alignment: Alignment) -> Generator[FramePair]:
    """Read both videos, each frame once. Raises MediaError or SidecarError."""
    with _opened(files) as (source, output, sidecar):
        of_source = stream_frames(source, pair.source, pair.is_cover_art)
        of_output = stream_frames(output, pair.output, pair.is_cover_art)
        lines = _lines(sidecar, pair.source)
        for step in alignment:
            frame = next(of_source) if step.kind != "extra" else None
            other = next(of_output) if step.kind != "missing" else None
            yield FramePair(step, frame, other, None if frame is None else _line_of(files, lines, frame))


@contextmanager
def _opened(files: AuditedFiles) -> Iterator[tuple[VideoReader, VideoReader, SidecarReader]]:
    with ExitStack() as stack:
        source = stack.enter_context(files.open_source())
        output = stack.enter_context(files.open_output())
        yield source, output, stack.enter_context(SidecarReader(files.sidecar))


def _lines(sidecar: SidecarReader, stream: int) -> Iterator[FrameLine]:
    """The sidecar's lines of one video stream."""
    return (line for line in sidecar if line.stream == stream)


def _line_of(files: AuditedFiles, lines: Iterator[FrameLine], frame: DecodedFrame) -> FrameLine:
    line = next(lines, None)
    if line is None:
        raise SidecarError(f"{files.sidecar}: lists fewer frames than {files.source} has")
    if line.pts != frame.pts:
        raise SidecarError(
            f"{files.sidecar}: frame {line.frame} has the timestamp {line.pts}, that of {files.source} {frame.pts}"
        )
    return files.edits.fold(line, frame.seconds)
