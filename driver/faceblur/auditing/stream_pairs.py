"""Pairs the video streams of a source with those of its output, and checks that the three files belong together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceblur.auditing.steps import StreamPair
from faceblur.base.errors import FramesChange, MediaError, SidecarError, UsageError
from faceblur.media.canvas import Canvas
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.edits import Edits, read_edits
from faceblur.redaction.sidecar_files import SidecarReader, identify, sidecar_path
from faceblur.redaction.sidecar_format import Header

SOURCE_FIRST = "name the source first, then the output"


@dataclass(frozen=True, slots=True)
class AuditedFiles:
    """Which files are compared, what the sidecar's header says, its edits, which video streams belong together.

    `frames` is how many to expect, for progress; `surplus` are video streams of the output without a counterpart.
    `canvases` are the forms that the source's frames got, where they change theirs.
    """

    source: Path
    output: Path
    sidecar: Path
    header: Header
    edits: Edits
    pairs: tuple[StreamPair, ...]
    surplus: tuple[int, ...]
    frames: int | None
    canvases: Mapping[int, Canvas] | None

    def open_source(self) -> VideoReader:
        """Open the source. Its damage is tolerated: the run skipped it, or it had failed."""
        return VideoReader(self.source, tolerate=True, canvases=self.canvases, span=self.header.settings.cut)

    def open_output(self) -> VideoReader:
        """Open the output."""
        return VideoReader(self.output)


def pair_streams(
    source: Path, output: Path, sidecar: Path, canvases: Mapping[int, Canvas] | None = None
) -> AuditedFiles:
    """Pair the streams of source and output, both also of cover art.

    Raises UsageError for files that do not exist, MediaError or SidecarError for those that do not belong together;
    FramesChange where the sizes of the frames differ and there are no canvases yet.
    """
    _check_names(source, output, sidecar)
    with ExitStack() as stack:
        header, edits = stack.enter_context(SidecarReader(sidecar)).header, read_edits(sidecar)
        of_source, of_output = (
            stack.enter_context(VideoReader(path, tolerate=path is source)) for path in (source, output)
        )
        if not identify(source, of_source.duration).is_of(header.video):
            raise SidecarError(f"{sidecar}: belongs to another video ({header.video.name}) than {source}")
        pairs = [
            StreamPair(one, other, _tolerance(of_source.videos[one], of_output.videos[other]))
            for one, other in zip(of_source.videos, of_output.videos, strict=False)
        ]
        # A run may leave out streams of the source that it cannot write; it never adds one, so nobody checked those.
        cover_art = [[frame.stream for frame in reader.cover_art_frames()] for reader in (of_source, of_output)]
        pairs += [StreamPair(one, other, is_cover_art=True) for one, other in zip(*cover_art, strict=False)]
        surplus = [*list(of_output.videos)[len(of_source.videos) :], *cover_art[1][len(cover_art[0]) :]]
        expected = of_source.expected_frames
        files = AuditedFiles(source, output, sidecar, header, edits, tuple(pairs), tuple(surplus), expected, canvases)
    for pair in pairs:
        _check_size(files, pair)
    return files


def stream_frames(reader: VideoReader, stream: int, is_cover_art: bool) -> Iterator[DecodedFrame]:
    """The frames of one video stream."""
    for item in reader.cover_art_frames() if is_cover_art else reader:
        if isinstance(item, DecodedFrame) and item.stream == stream:
            yield item


def _check_names(source: Path, output: Path, sidecar: Path) -> None:
    if source.is_dir() and output.is_file():
        raise UsageError(f"{source} is a folder and {output} a file: name two files, or two folders")
    for path in (source, output):
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    if not sidecar.is_file():
        if os.path.exists(sidecar_path(source)):
            raise UsageError(f"{sidecar}: no such file, but {source} has a sidecar: {SOURCE_FIRST}")
        raise UsageError(f"{sidecar}: no such file: it is the sidecar, which a run writes beside its output")
    if output.samefile(source):
        raise UsageError(f"{output} is the source: name the output that a run wrote of it")


def _tolerance(one: Any, other: Any) -> float:
    tick, rate = float(max(one.time_base, other.time_base)), one.average_rate
    # A tick as long as a frame, as AVI's, separates the frames only by half of it.
    return (min(tick, 0.5 / float(rate)) if rate else tick) + 1e-6


def _check_size(files: AuditedFiles, pair: StreamPair) -> None:
    sizes = []
    for opening, stream in ((files.open_source, pair.source), (files.open_output, pair.output)):
        with opening() as reader:
            frame = next(stream_frames(reader, stream, pair.is_cover_art), None)
            if frame is None:
                raise MediaError(f"{reader.path}: its video stream {stream} holds no frame")
            sizes.append(frame.upright_wh)
    if sizes[0] != sizes[1]:
        (a, b), (c, d) = sizes
        if files.canvases is None:  # later frames of the source may be as large
            raise FramesChange(f"{files.source}: its first frame is {a}x{b}, that of {files.output} is {c}x{d}")
        raise MediaError(f"{files.output}: its frames are {c}x{d}, those of {files.source} {a}x{b}")
