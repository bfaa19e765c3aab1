"""Reads a source, its output and the sidecar side by side, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from driver.audit.alignment import Alignment, Step, Still, align, small
from driver.audit.legible import Gray, untouched
from driver.errors import SidecarError, VideoError
from driver.planes import upright
from driver.sidecar import FrameLine, Header, SidecarReader, identify
from driver.video import VideoFrame, VideoReader
from function.redact import Region, regions

BGR = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Place:
    """Which files are compared, and what the sidecar's header says."""

    source: Path
    output: Path
    sidecar: Path
    header: Header
    tolerance: float
    frames: int | None


@dataclass(frozen=True, slots=True)
class Unit:
    """One step through the videos: a pair of frames, or a single one; `line` is the sidecar's of the source's frame."""

    step: Step
    source: VideoFrame | None
    output: VideoFrame | None
    line: FrameLine | None

    @property
    def source_seconds(self) -> float:
        return _seconds(self.source)

    @property
    def output_seconds(self) -> float:
        return _seconds(self.output)


def open_place(source: Path, output: Path, sidecar: Path) -> Place:
    """Check that the three files belong together. Raises VideoError or SidecarError."""
    with ExitStack() as stack:
        told = stack.enter_context(SidecarReader(sidecar))
        readers = [stack.enter_context(VideoReader(path)) for path in (source, output)]
        if not identify(source, readers[0].duration).is_of(told.header.video):
            raise SidecarError(f"{sidecar}: belongs to another video ({told.header.video.name}) than {source}")
        for path, reader in zip((source, output), readers, strict=True):
            height, width = upright(next(_frames(reader))).shape[:2]
            if (width, height) != told.header.frame_wh:
                wanted = "{}x{}".format(*told.header.frame_wh)
                raise VideoError(f"{path}: its pictures are {width}x{height}, those of the sidecar {wanted}")
        tick = max(float(reader.stream.time_base) for reader in readers)
        rate = readers[0].stream.average_rate
        # A tick as long as a frame, as AVI's, tells the frames apart only by half of it.
        tolerance = (min(tick, 0.5 / float(rate)) if rate else tick) + 1e-6
        return Place(source, output, sidecar, told.header, tolerance, readers[0].expected_frames)


def _frames(reader: VideoReader) -> Iterator[VideoFrame]:
    for item in reader:
        if isinstance(item, VideoFrame):
            yield item


def _seconds(frame: VideoFrame | None) -> float:
    return float(frame.pts * frame.time_base)  # type: ignore[union-attr, operator]


def gray(picture: BGR) -> Gray:
    """The brightness of a picture `(H, W, 3) uint8 BGR`."""
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)


def source_still(picture: Gray, seconds: float, covered: Iterable[Region]) -> Still:
    """The small copy of a source's frame, and where nothing of it was redacted."""
    copy = small(picture)
    clear = untouched(covered, picture.shape[1::-1])
    share = cv2.resize(clear.astype(np.float32), copy.shape[::-1], interpolation=cv2.INTER_AREA)
    return Still(seconds, copy, share > 0.99)


def output_still(picture: Gray, seconds: float) -> Still:
    """The small copy of an output's frame."""
    copy = small(picture)
    return Still(seconds, copy, np.ones(copy.shape, np.bool_))


def aligned(place: Place, counted: Callable[[], None], stop: threading.Event) -> Alignment:
    """Find out which frames belong together. Raises VideoError or SidecarError; ends early when told to stop."""
    padding = place.header.settings.padding

    def source_stills(reader: VideoReader, lines: Iterator[FrameLine]) -> Iterator[Still]:
        for frame in _frames(reader):
            if stop.is_set():
                return
            line = _line_of(place, lines, frame)
            counted()
            covered = regions((face.box for face in line.faces), padding)
            yield source_still(gray(upright(frame)), _seconds(frame), covered)
        if next(lines, None) is not None:
            raise SidecarError(f"{place.sidecar}: tells of more frames than {place.source} has")

    def output_stills(reader: VideoReader) -> Iterator[Still]:
        for frame in _frames(reader):
            if stop.is_set():
                return
            yield output_still(gray(upright(frame)), _seconds(frame))

    with VideoReader(place.source) as source, VideoReader(place.output) as output, SidecarReader(place.sidecar) as told:
        return align(source_stills(source, iter(told)), output_stills(output), place.tolerance)


def units(place: Place, alignment: Alignment) -> Generator[Unit]:
    """Walk through both videos, each frame once. Raises VideoError or SidecarError."""
    with VideoReader(place.source) as source, VideoReader(place.output) as output, SidecarReader(place.sidecar) as told:
        of_source, of_output, lines = _frames(source), _frames(output), iter(told)
        for step in alignment:
            frame = next(of_source) if step.kind != "extra" else None
            other = next(of_output) if step.kind != "missing" else None
            yield Unit(step, frame, other, None if frame is None else _line_of(place, lines, frame))


def _line_of(place: Place, lines: Iterator[FrameLine], frame: VideoFrame) -> FrameLine:
    line = next(lines, None)
    if line is None:
        raise SidecarError(f"{place.sidecar}: tells of fewer frames than {place.source} has")
    if line.pts != frame.pts:
        raise SidecarError(
            f"{place.sidecar}: frame {line.frame} has the timestamp {line.pts}, that of {place.source} {frame.pts}"
        )
    return line
