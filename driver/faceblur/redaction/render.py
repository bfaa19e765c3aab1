"""`faceblur render`: writes a video again from its sidecar, which may have been edited. It needs no function."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from faceblur.base.errors import SidecarError, UsageError
from faceblur.base.options import Options
from faceblur.media.containers import MUXERS
from faceblur.media.frames import DecodedFrame, Packet
from faceblur.media.reader import VideoReader
from faceblur.media.writer import VideoWriter
from faceblur.redaction.masking import redact_frame, stored_regions
from faceblur.redaction.plan import Result
from faceblur.redaction.sidecar import (
    FrameLine,
    Header,
    SettingsUsed,
    SidecarReader,
    SidecarWriter,
    identify,
    sidecar_path,
    told_name,
)

REPORT_EVERY = 16  # frames


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be other than in the first run; None leaves it as the sidecar has it."""

    style: str | None = None
    padding: float | None = None
    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    keep_location: bool = False
    tolerate_damage: bool = False

    def of(self, header: Header) -> Header:
        """The header of the new output's sidecar."""
        names = ("style", "padding", "encoder", "crf", "preset")
        changed = {name: value for name in names if (value := getattr(self, name)) is not None}
        return header.model_copy(update={"settings": header.settings.model_copy(update=changed)})


def output_path(video: Path, out: Path) -> Path:
    """Where `-o OUT` has the video written: OUT itself, or in it under the video's name. Raises UsageError."""
    target = out / _own_name(video) if out.is_dir() else out
    if target.exists() and target.samefile(video):
        raise UsageError(f"{target} is the source: choose another name for the output")
    if target.suffix.lower() not in MUXERS:
        raise UsageError(f"{target}: no container is known by this suffix; choose one of {', '.join(MUXERS)}")
    return target


def render(
    video: Path,
    sidecar: Path,
    target: Path,
    change: Change,
    *,
    stop: threading.Event,
    advanced: Callable[[int, int], None],
) -> Result:
    """Write the video with the sidecar's faces covered, and a sidecar beside it. All of it, or nothing.

    `advanced` is told of frames and faces; `stop` ends it early, with nothing written. Raises MediaError, and
    SidecarError when the sidecar belongs to another video or does not tell of every frame.
    """
    result, start = Result(video, target), time.perf_counter()
    with ExitStack() as stack:
        told = stack.enter_context(SidecarReader(sidecar))
        reader = stack.enter_context(VideoReader(video, tolerate=change.tolerate_damage))
        if not identify(video, reader.duration).is_of(told.header.video):
            raise SidecarError(f"{sidecar}: belongs to another video ({told.header.video.name}) than {video}")
        header = change.of(told.header).model_copy(update={"output": told_name(target)})
        settings = header.settings
        encoding = Options(
            encoder=settings.encoder,
            crf=settings.crf,
            preset=settings.preset or Options().preset,
            keep_location=change.keep_location,
        )
        lines = _Lines(told)
        covers = [
            _redact(cover, lines.of(cover, 0), settings, cover.pixels.format.name)
            for cover in reader.cover_art_frames()
        ]
        writer = stack.enter_context(VideoWriter(target, reader, encoding, covers))
        copy = SidecarWriter(sidecar_path(target), header)
        stack.callback(copy.abort)
        for cover in covers:
            copy.write(lines.taken[cover.stream])
        for item in reader:
            if stop.is_set():
                return result
            if isinstance(item, Packet):
                writer.write(item)
                continue
            line = lines.of(item, writer.frames_written[item.stream])
            masked = _redact(item, line, settings, writer.pix_fmts[item.stream])
            copy.write(line)
            writer.write(masked)
            result.frames += 1
            result.faces += len(line.faces)
            result.filled += sum(face.state == "covered" for face in line.faces)
            if result.frames % REPORT_EVERY == 0:
                advanced(REPORT_EVERY, len(line.faces))
        if lines.left():
            raise SidecarError(f"{sidecar}: tells of more frames than the {result.frames} of {video}")
        copy.finish()
        writer.finish()
        result.left_out, result.damage = [*reader.left_out, *writer.left_out], reader.damage.summary()
    result.model, result.device = header.function.model, "no function: from the sidecar"
    result.seconds = time.perf_counter() - start
    return result


def _own_name(video: Path) -> str:
    with VideoReader(video) as reader:
        return reader.output_name()


def _redact(frame: DecodedFrame, line: FrameLine, settings: SettingsUsed, pix_fmt: str) -> DecodedFrame:
    """The frame in the format that it is written in, with its faces masked."""
    native = frame.in_format(pix_fmt)
    boxes = [face.box for face in line.faces]
    redact_frame(native, stored_regions(native, boxes, settings.padding), settings.style)
    return native


class _Lines:
    """A sidecar's lines by stream: those of several video streams stand in no order among each other."""

    def __init__(self, sidecar: SidecarReader) -> None:
        self._path, self._lines = sidecar.path, iter(sidecar)
        self._early: dict[int, deque[FrameLine]] = defaultdict(deque)
        self.taken: dict[int, FrameLine] = {}

    def of(self, picture: DecodedFrame, number: int) -> FrameLine:
        """The line of a picture. Raises SidecarError when there is none, or one of another time."""
        early = self._early[picture.stream]
        while not early:
            line = next(self._lines, None)
            if line is None:
                raise SidecarError(f"{self._path}: tells of {number} frames, the video has more: they would stay clear")
            self._early[line.stream].append(line)
        line = self.taken[picture.stream] = early.popleft()
        if line.pts != picture.pts:
            raise SidecarError(f"{self._path}: frame {number} is at {line.pts}, in the video at {picture.pts}")
        return line

    def left(self) -> bool:
        """Whether there are lines that no picture asked for."""
        return next(self._lines, None) is not None or any(self._early.values())
