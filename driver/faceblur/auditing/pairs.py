"""Reads a source, its output and the sidecar side by side, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.alignment import Alignment, Step, Still, align, small
from faceblur.auditing.legible import Gray, untouched
from faceblur.base.errors import MediaError, SidecarError
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.redaction.sidecar import FrameLine, Header, SidecarReader, identify
from faceblur_function.masks import Region, regions

BGR = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Twins:
    """A video stream of the source and its one of the output, by their indices; `is_cover`: one still picture.

    `tolerance` is what their times may differ by, in seconds.
    """

    source: int
    output: int
    tolerance: float = 0.0
    is_cover: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Which files are compared, what the sidecar's header says, which video streams belong together.

    `frames` is how many to expect, for progress; `surplus` are video streams of the output that the source has not.
    """

    source: Path
    output: Path
    sidecar: Path
    header: Header
    twins: tuple[Twins, ...]
    surplus: tuple[int, ...]
    frames: int | None


@dataclass(frozen=True, slots=True)
class Unit:
    """One step through the videos: a pair of frames, or a single one; `line` is the sidecar's of the source's frame."""

    step: Step
    source: DecodedFrame | None
    output: DecodedFrame | None
    line: FrameLine | None

    @property
    def source_seconds(self) -> float:
        return _seconds(self.source)

    @property
    def output_seconds(self) -> float:
        return _seconds(self.output)


def open_place(source: Path, output: Path, sidecar: Path) -> Place:
    """Check that the three files belong together. Raises MediaError or SidecarError."""
    with ExitStack() as stack:
        told = stack.enter_context(SidecarReader(sidecar))
        mine, its = (stack.enter_context(_reader(path, path is source)) for path in (source, output))
        if not identify(source, mine.duration).is_of(told.header.video):
            raise SidecarError(f"{sidecar}: belongs to another video ({told.header.video.name}) than {source}")
        twins = [
            Twins(one, other, _tolerance(mine.videos[one], its.videos[other]))
            for one, other in zip(mine.videos, its.videos, strict=False)
        ]
        # What a run could not write of the source is not there; the other way round nobody looked at it.
        covers = [[picture.stream for picture in reader.cover_art_frames()] for reader in (mine, its)]
        twins += [Twins(one, other, is_cover=True) for one, other in zip(*covers, strict=False)]
        surplus = [*list(its.videos)[len(mine.videos) :], *covers[1][len(covers[0]) :]]
        place = Place(source, output, sidecar, told.header, tuple(twins), tuple(surplus), mine.expected_frames)
    for one in twins:
        _check_size(place, one)
    return place


def _reader(path: Path, is_source: bool) -> VideoReader:
    # What is damaged in the source was passed over by the run, or it had failed.
    return VideoReader(path, tolerate=is_source)


def _tolerance(one: Any, other: Any) -> float:
    tick, rate = float(max(one.time_base, other.time_base)), one.average_rate
    # A tick as long as a frame, as AVI's, tells the frames apart only by half of it.
    return (min(tick, 0.5 / float(rate)) if rate else tick) + 1e-6


def _check_size(place: Place, twins: Twins) -> None:
    sizes = []
    for path, stream in ((place.source, twins.source), (place.output, twins.output)):
        with _reader(path, path == place.source) as reader:
            frame = next(_frames(reader, stream, twins.is_cover), None)
            if frame is None:
                raise MediaError(f"{path}: its video stream {stream} holds no frame")
            sizes.append(frame.upright().shape[1::-1])
    if sizes[0] != sizes[1]:
        (a, b), (c, d) = sizes
        raise MediaError(f"{place.output}: its pictures are {c}x{d}, those of {place.source} {a}x{b}")


def _frames(reader: VideoReader, stream: int, is_cover: bool) -> Iterator[DecodedFrame]:
    """The frames of one video stream."""
    for item in reader.cover_art_frames() if is_cover else reader:
        if isinstance(item, DecodedFrame) and item.stream == stream:
            yield item


def _lines(told: SidecarReader, stream: int) -> Iterator[FrameLine]:
    """The sidecar's lines of one video stream."""
    return (line for line in told if line.stream == stream)


def _seconds(frame: DecodedFrame | None) -> float:
    assert frame is not None
    return frame.seconds


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


@contextmanager
def _opened(place: Place) -> Iterator[tuple[VideoReader, VideoReader, SidecarReader]]:
    with ExitStack() as stack:
        source, output = (
            stack.enter_context(_reader(path, path is place.source)) for path in (place.source, place.output)
        )
        yield source, output, stack.enter_context(SidecarReader(place.sidecar))


def aligned(place: Place, twins: Twins, counted: Callable[[], None], stop: threading.Event) -> Alignment:
    """Find out which frames belong together. Raises MediaError or SidecarError; ends early when told to stop."""
    padding = place.header.settings.padding

    def source_stills(reader: VideoReader, lines: Iterator[FrameLine]) -> Iterator[Still]:
        for frame in _frames(reader, twins.source, twins.is_cover):
            if stop.is_set():
                return
            line = _line_of(place, lines, frame)
            counted()
            covered = regions((face.box for face in line.faces), padding)
            yield source_still(gray(frame.upright()), _seconds(frame), covered)
        if next(lines, None) is not None:
            raise SidecarError(f"{place.sidecar}: tells of more frames than {place.source} has")

    def output_stills(reader: VideoReader) -> Iterator[Still]:
        for frame in _frames(reader, twins.output, twins.is_cover):
            if stop.is_set():
                return
            yield output_still(gray(frame.upright()), _seconds(frame))

    with _opened(place) as (source, output, told):
        lines = _lines(told, twins.source)
        return align(source_stills(source, lines), output_stills(output), twins.tolerance)


def units(place: Place, twins: Twins, alignment: Alignment) -> Generator[Unit]:
    """Walk through both videos, each frame once. Raises MediaError or SidecarError."""
    with _opened(place) as (source, output, told):
        of_source = _frames(source, twins.source, twins.is_cover)
        of_output = _frames(output, twins.output, twins.is_cover)
        lines = _lines(told, twins.source)
        for step in alignment:
            frame = next(of_source) if step.kind != "extra" else None
            other = next(of_output) if step.kind != "missing" else None
            yield Unit(step, frame, other, None if frame is None else _line_of(place, lines, frame))


def _line_of(place: Place, lines: Iterator[FrameLine], frame: DecodedFrame) -> FrameLine:
    line = next(lines, None)
    if line is None:
        raise SidecarError(f"{place.sidecar}: tells of fewer frames than {place.source} has")
    if line.pts != frame.pts:
        raise SidecarError(
            f"{place.sidecar}: frame {line.frame} has the timestamp {line.pts}, that of {place.source} {frame.pts}"
        )
    return line
