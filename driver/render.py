"""`faceblur render`: writes a video again from its sidecar, which may have been edited. It needs no function."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driver.codecs import DEFAULT_PRESET
from driver.cover import encodable, stored_regions
from driver.errors import SidecarError, UsageError
from driver.formats import MUXERS
from driver.pipeline import Result
from driver.planes import quarter_turns, redact_frame
from driver.sidecar import FrameLine, Header, SidecarReader, SidecarWriter, identify, sidecar_path
from driver.video import Encoding, Packet, VideoFrame, VideoReader, VideoWriter

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

    `advanced` is told of frames and faces; `stop` ends it early, with nothing written. Raises VideoError, and
    SidecarError when the sidecar belongs to another video or does not tell of every frame.
    """
    result, start = Result(video, target), time.perf_counter()
    with ExitStack() as stack:
        told = stack.enter_context(SidecarReader(sidecar))
        reader = stack.enter_context(VideoReader(video))
        if not identify(video, reader.duration).is_of(told.header.video):
            raise SidecarError(f"{sidecar}: belongs to another video ({told.header.video.name}) than {video}")
        header = change.of(told.header).model_copy(update={"output": target.name})
        settings = header.settings
        encoding = Encoding(
            settings.encoder, settings.crf, settings.preset or DEFAULT_PRESET, keep_location=change.keep_location
        )
        lines, writer, copy = iter(told), None, None
        early: list[Packet[Any]] = []
        for item in reader:
            if stop.is_set():
                return result
            if not isinstance(item, VideoFrame):
                if writer is None:
                    early.append(item)
                else:
                    writer.write(item)
                continue
            if writer is None:
                writer = stack.enter_context(VideoWriter(target, reader, encoding))
                copy = SidecarWriter(sidecar_path(target), header)
                stack.callback(copy.abort)
                for packet in early:
                    writer.write(packet)
            assert copy is not None
            line = _line_of(item, lines, result.frames, sidecar)
            frame = encodable(item, writer.pix_fmt)
            boxes = [face.box for face in line.faces]
            redact_frame(frame, stored_regions(frame, quarter_turns(item), boxes, settings.padding), settings.style)
            copy.write(line)
            writer.write(frame)
            result.frames += 1
            result.faces += sum(face.state == "detected" for face in line.faces)
            result.filled += sum(face.state == "covered" for face in line.faces)
            if result.frames % REPORT_EVERY == 0:
                advanced(REPORT_EVERY, len(line.faces))
        if next(lines, None) is not None:
            raise SidecarError(f"{sidecar}: tells of more frames than the {result.frames} of {video}")
        assert writer is not None and copy is not None  # the reader raises when it holds no frame
        copy.finish()
        writer.finish()
        result.left_out = [*reader.left_out, *writer.left_out]
    result.model, result.device = header.function.model, "no function: from the sidecar"
    result.seconds = time.perf_counter() - start
    return result


def _own_name(video: Path) -> str:
    with VideoReader(video) as reader:
        return reader.output_name()


def _line_of(frame: VideoFrame, lines: Iterator[FrameLine], number: int, sidecar: Path) -> FrameLine:
    line = next(lines, None)
    if line is None:
        raise SidecarError(f"{sidecar}: tells of {number} frames, the video has more: they would stay clear")
    if line.pts != frame.pts:
        raise SidecarError(f"{sidecar}: frame {number} is at {line.pts}, in the video at {frame.pts}")
    return line
